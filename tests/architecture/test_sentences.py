"""Each sentence of ours is a literal with named parameters, so that a translator finds it, and none
is put together from parts that only fit in English.

`manage.py makemessages` collects what tests.support.translations finds by itself. A second language
needs files with translations, and no code.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.pofile import read_po

from console import errors
from console.text.sentences import WORDINGS
from console.web.management.commands.makemessages import TEMPLATES
from tests.support.demos import ROOT
from tests.support.translations import (
    called,
    of_the_console,
    sources,
    templates_of,
)

# What makes sentences of templates that are literals elsewhere.
MADE_OF_OTHERS = {
    "actors.py": "the permissions, which are marked where they are declared",
    "audit/sentences.py": "the verifier's",
    "audit/verify.py": "its own helpers'",
    "errors.py": "those of who raises an error",
    "sends/reasons.py": "the labels of reasons",
    "text/sentences.py": "all",
    "text/wording.py": "all",
    "webhooks/destinations.py": "those of who raises Refused",
}
# Who makes a Sentence, or has one.
MAKERS = {*TEMPLATES, "sentence_of", "by_name", "term_of", "too_large", "with_texts"}
HAVE = {"said"}
# Of the same names as ours, and something else.
OTHERS = {"exceptions.NotFound", "counters.counted"}
OTHERS_AT = {"accounts/services/counters.py"}
# Variables that have a Sentence: mypy knows no other type for a template that is none.
NAMED = {"words", "said", "told", "advice", "message", "verdict"}


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path, tree in sources():
        name = path.relative_to(ROOT / "console").as_posix()
        if "/migrations/" not in name and name not in OTHERS_AT:
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and ast.unparse(node.func) not in OTHERS:
                    yield f"{name}:{node.lineno}", node


def is_sentence(node: ast.expr) -> bool:
    """Whether a translator finds what this stands for."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.IfExp):
        return is_sentence(node.body) and is_sentence(node.orelse)
    if isinstance(node, ast.Call):
        return called(node) in MAKERS
    if isinstance(node, ast.Attribute):
        return node.attr in HAVE
    return isinstance(node, ast.Name) and node.id in NAMED


def test_each_template_is_a_literal() -> None:
    wrong = [
        f"{where} {ast.unparse(template)}"
        for where, node in calls()
        for template in templates_of(node)
        if not is_sentence(template) and where.partition(":")[0] not in MADE_OF_OTHERS
    ]
    assert wrong == []


def test_all_errors_are_known_here() -> None:
    ours = {name for name, found in vars(errors).items() if is_error(found)}
    assert ours <= set(TEMPLATES)
    by_hand = {
        node.name
        for _path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and {ast.unparse(base) for base in node.bases} & ours
    }
    # These have their template in themselves.
    assert by_hand - ours - set(TEMPLATES) == {
        *("ProgramFailed", "Unsigned"),
        *("DoesNotHold", "KeyEnded", "KeyRevoked", "Keyless"),
    }


def is_error(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, errors.ConsoleError)


def fields_of(template: str) -> set[str]:
    return {name for _text, name, _form, _how in Formatter().parse(template) if name is not None}


def test_each_template_names_what_is_given() -> None:
    wrong = []
    seen = 0
    for where, node in calls():
        if called(node) not in TEMPLATES or called(node) == "wording":
            continue
        texts = [each.value for each in templates_of(node) if isinstance(each, ast.Constant)]
        given = {keyword.arg for keyword in node.keywords} - {"retry_after"}
        given |= {"seq"} if called(node) in ("broken", "fault") else set()  # these give it by place
        if not texts or None in given:
            continue
        seen += 1
        wanted = set().union(*map(fields_of, map(str, texts))) if given else set()
        if wanted - given or given - wanted - {"n", "seq"}:
            wrong.append(f"{where} {sorted(map(str, wanted ^ given))}")
    assert wrong == []
    assert seen > 300


def test_each_stored_code_has_a_template_that_is_found() -> None:
    known = {message.id for message in of_the_console()}
    assert len(WORDINGS) > 40
    assert {code for code, each in WORDINGS.items() if each.template not in known} == set()


@pytest.mark.processes
@pytest.mark.skipif(shutil.which("xgettext") is None, reason="there is no xgettext")
def test_makemessages_finds_the_same(tmp_path: Path) -> None:
    for name in ("console", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "manage.py", tmp_path)
    (tmp_path / "locale").mkdir()
    subprocess.run(
        [sys.executable, "manage.py", "makemessages", "--locale", "de", "--no-location"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "CONSOLE_EMBEDDED": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    with (tmp_path / "locale/de/LC_MESSAGES/django.po").open("rb") as opened:
        found = {
            plain(text)
            for each in read_po(opened)
            for text in ([each.id] if isinstance(each.id, str) else each.id)
        }
    ours = {plain(text) for each in of_the_console() for text in each[:2]}
    assert ours - found == set()
    assert found - ours == set()


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text)
