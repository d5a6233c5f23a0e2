"""XLSX files that no spreadsheet program would write."""

import io
import zipfile
from itertools import pairwise

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
    '<Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType="application/'
    'vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/'
    'vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
    '<Override PartName="/xl/sharedStrings.xml" ContentType="application/'
    'vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" '
    f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
    '<sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="r2" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
    "</Relationships>",
    "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"/>',
}
HEADERS = ("key", "kind", "title", "body:en")


def text(value: str) -> str:
    return f'<c t="inlineStr"><is><t>{value}</t></is></c>'


def row(*cells: str) -> str:
    """Texts as they are, and cells as they are written."""
    written = "".join(cell if cell.startswith("<c") else text(cell) for cell in cells)
    return f"<row>{written}</row>"


def sheet(*rows: str, before: str = "", headers: tuple[str, ...] = HEADERS) -> str:
    return (
        f'{before}<worksheet xmlns="{MAIN}"><sheetData>{row(*headers)}{"".join(rows)}'
        "</sheetData></worksheet>"
    )


def workbook(sheet: str | bytes, **parts: str | bytes) -> bytes:
    """`parts` stand in for others, by the end of their names without the dot."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in PARTS.items():
            own = name.rpartition("/")[2].removesuffix(".xml")
            archive.writestr(name, parts.get(own, content))
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
    return written.getvalue()


def entities(*, comment: int = 0, says: str = "") -> str:
    """A document type with entities that make fourteen characters to a million."""
    names = "abcdef"
    told = "".join(f'<!ENTITY {name} "{f"&{below};" * 10}">' for below, name in pairwise(names))
    kind = f'<!DOCTYPE x [<!ENTITY a "0123456789">{told}]>'
    return f"{says}<!--{'x' * comment}-->{kind}"
