"""XLSX files: the same catalogue gives the same bytes, and files are read without trusting them."""

import io
import zipfile
from typing import Any

import openpyxl
from import_export.formats import base_formats
from tablib import Dataset

from console.catalogue.transfer.files.sheets import sheet_rows
from console.catalogue.transfer.files.tables import bounded, table
from console.errors import Unprocessable
from console.text.spreadsheets import CELL_LIMIT, without_formula, xml_escaped

SHEET = "catalogue"
WRITTEN_AT = (1980, 1, 1, 0, 0, 0)
ABOUT = "docProps/core.xml"
SAID_ABOUT = (
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/'
    'core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    "<dc:creator>Notice Console</dc:creator></cp:coreProperties>"
)


class XLSX(base_formats.XLSX):
    def export_data(self, dataset: Dataset, **kwargs: Any) -> bytes:
        """Raises Unprocessable for a text that is too long for a cell."""
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet(SHEET)
        sheet.append(dataset.headers)
        for row in dataset:
            sheet.append([_written(cell) if cell else None for cell in row])
        written = io.BytesIO()
        book.save(written)
        return _without_times(written)

    def create_dataset(self, in_stream: bytes, **kwargs: Any) -> Dataset:
        """Raises InvalidInput for a file that is no XLSX or would be far larger when unpacked."""
        return table(list(bounded(sheet_rows(in_stream))))


def _written(cell: str) -> str:
    text = xml_escaped(without_formula(cell))
    if len(text) > CELL_LIMIT:
        raise Unprocessable(
            "text_too_long_for_xlsx",
            "A text of {count:,} characters is too long for a cell of XLSX, which holds "
            "{limit:,}. Export as CSV or JSON.",
            count=len(cell),
            limit=CELL_LIMIT,
        )
    return text


def _without_times(written: io.BytesIO) -> bytes:
    """Copy the parts into a zip file without timestamps."""
    out = io.BytesIO()
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(out, "w") as target:
        for part in source.infolist():
            content = SAID_ABOUT.encode() if part.filename == ABOUT else source.read(part)
            info = zipfile.ZipInfo(part.filename, WRITTEN_AT)
            target.writestr(info, content, zipfile.ZIP_DEFLATED)
    return out.getvalue()
