"""Everything of ours that can be translated, found in the sources as `manage.py makemessages` does,
and a language made of it in which each sentence stands in ⟦brackets⟧.

What stands on a page outside of brackets then can't be translated. The language is files alone, as
any second language would be: compiled translations, and nothing else.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import allauth
import django
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.utils.translation.template import templatize

from console.web.management.commands.makemessages import TEMPLATES
from tests.support.source_code import tree_of

ROOT = Path(__file__).resolve().parents[2]
# Of Django's own functions, which arguments are looked up.
FUNCTIONS = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), (1,)),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **TEMPLATES,
}
IN_TEMPLATES = re.compile(
    r"""\b(_|gettext|ngettext|pgettext|npgettext)\((u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
    r"""(?:\s*,\s*u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))*)"""
)
LITERAL = re.compile(r"""u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")
CODE = "qps"  # ISO 639 leaves it to private use


class Message(NamedTuple):
    """What is looked up: the template, its plural or "", and its context or ""."""

    id: str
    plural: str = ""
    context: str = ""


@cache
def of_the_console() -> frozenset[Message]:
    """All that the console's own code and templates look up."""
    return frozenset((*_of_code(), *_of_templates()))


@cache
def of_libraries() -> frozenset[Message]:
    """What Django and django-allauth bring with translations of their own."""
    found = set()
    for library in (django, allauth):
        assert library.__file__ is not None
        for path in Path(library.__file__).parent.rglob("locale/en/LC_MESSAGES/django.po"):
            with path.open("rb") as opened:
                for each in read_po(opened):
                    ids = [each.id] if isinstance(each.id, str) else list(each.id)
                    if ids[0]:
                        found.add(Message(ids[0], "".join(ids[1:2]), each.context or ""))
    return frozenset(found)


def called(node: ast.Call) -> str:
    function = node.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def templates_of(node: ast.Call) -> list[ast.expr]:
    """The arguments of a call that are to be translated."""
    places = FUNCTIONS.get(called(node), ())
    return [node.args[place - 1] for place in places if len(node.args) >= place]


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((ROOT / "console").rglob("*.py")):
        yield path, tree_of(path)


def _of_code() -> Iterator[Message]:
    for _path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                given = templates_of(node)
                texts = [each.value for each in given if isinstance(each, ast.Constant)]
                if texts and len(texts) == len(given) and all(texts):
                    yield Message(*map(str, texts))


def _of_templates() -> Iterator[Message]:
    for path in sorted((ROOT / "templates").rglob("*")):
        if path.is_file():
            for function, given in IN_TEMPLATES.findall(templatize(path.read_text("utf-8"))):
                texts = [ast.literal_eval(text) for text in LITERAL.findall(given)]
                context = texts.pop(0) if function in ("pgettext", "npgettext") else ""
                plural = texts[1] if function in ("ngettext", "npgettext") else ""
                yield Message(texts[0], plural, context)


def compiled(folder: Path, code: str, words: Iterable[tuple[Message, tuple[str, ...]]]) -> None:
    """Write translations where Django looks for them below `folder`."""
    catalog = Catalog(locale=None, charset="utf-8")
    catalog.mime_headers = [
        *catalog.mime_headers,
        ("Plural-Forms", "nplurals=2; plural=(n != 1);"),
    ]
    for message, translated in words:
        ids = (message.id, message.plural) if message.plural else message.id
        catalog.add(
            ids, translated if message.plural else translated[0], context=message.context or None
        )
    path = folder / code / "LC_MESSAGES" / "django.mo"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as opened:
        write_mo(opened, catalog)


def bracketed(folder: Path) -> None:
    """The language CODE, in which everything translatable is its English in brackets."""
    everything = of_the_console() | of_libraries()
    # A template may be looked up with a plural in one place and without in another.
    with_plural = {(each.id, each.context) for each in everything if each.plural}
    compiled(
        folder,
        CODE,
        (
            (each, (f"⟦{each.id}⟧", f"⟦{each.plural}⟧"))
            for each in sorted(everything)
            if each.plural or (each.id, each.context) not in with_plural
        ),
    )
