"""Nothing of ours on a page is English where its reader has another language.

The other language is made of all that can be translated, each in ⟦brackets⟧
(tests.support.translations). What stands outside of brackets is what people and programs brought,
or is named here with why.
"""

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from tests.pages.test_access import PAGES, PEOPLE, world
from tests.support.translations import CODE, ROOT, bracketed

__all__ = ["world"]

SPOKEN = ("placeholder", "title", "aria-label", "aria-description", "alt", "label")
# What scripts show: each attribute for which some template has translated words.
FOR_SCRIPTS = {
    name
    for path in (ROOT / "templates").rglob("*.html")
    for name in re.findall(r'(data-[a-z-]+)="{% (?:block)?translate', path.read_text("utf-8"))
}
SILENT = ("script", "style")
# Innermost first, since a sentence may have others in it.
BRACKETS = re.compile(r"⟦[^⟦⟧]*⟧")
WORD = re.compile(r"[A-Za-z]{3,}")
# What is in no language but its own, each with why. A whole text is meant, or one between dots.
AS_THEY_ARE = re.compile(
    "|".join(
        f"(?:{words})"
        for words in (
            # What people named: people, teams, notices, chats, clients, files, presets.
            r"(\w+ )?(Sue|Eddy|Anna|Audrey|Adam|Author|Reviewer|Zoë Martin)",
            r"sue|eddy|anna|audrey|adam|Sales|sales|billing|Any|Desk|Mine|client 1|a\.csv",
            r"history-[-0-9]+\.csv",
            r"chat-east",
            r"Notice hello|hello|Hello\.|hello Notice hello {3}Hello\.|ann|chat0001",
            r"Everyone|Staff only|Supervisors only",
            # A chat's own data, with the keys that its site chose.
            r"ChatServerAppName|FirstName|InteractionId|IsOnline|LastName|Zoë|Martin",
            # The language of audiences, whose words are codes.
            r"queue:billing waiting>5m no:agent",
            r"Playbook (outage|running)|outage|running|Known|Update|Solved|It is down\.",
            # The product itself, and which part of it did something.
            r"(Notice Console )?\(?tests\)?",
            # Codes for programs, which are the same everywhere: of errors, actions, scopes,
            # targets, events and who did something.
            r"\d{3} [a-z_]+|[a-z_]+\.[a-z_]+(, [a-z_]+\.[a-z_]+)*|[a-z]+(, [a-z]+)*|[a-z]+_[a-z]+",
            r"[a-z_]+ [\w/-]+|[a-z]+:\w+|ALL|INT|VIP|webhook-id|msg_[0-9a-f]+",
            # JSON, templates with their variables, and addresses.
            r"\{ .* \}|\{\{ .* \}\}|(data|interaction|sender|field)\.\w+|(https|esp\+json)://\S*",
            # What the protocol calls its fields.
            r"ChatServer|Chat|Message|MessageText|Nickname|Visibility|ReferenceId",
            # Digests and keys.
            r"[0-9a-f]{12,64}…?|[A-Za-z0-9+/]{43}=",
            # Times, and the zones of the IANA, by their names there.
            r"[-0-9: .]+ UTC|UTC|(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe"
            r"|Indian|Pacific)(/[A-Za-z_ /-]+)?",
            # Languages have their names from the Unicode consortium, which has none in this one.
            r"English|[a-z]{2}",
        )
    )
)


class Words(HTMLParser):
    """What people see of a page, or hear: its texts, and the attributes that are said or shown."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in SILENT
        given = {name: value or "" for name, value in attrs}
        self.found += [given[name] for name in SPOKEN if name in given]
        self.found += [given[name] for name in given if name in FOR_SCRIPTS]
        if tag == "input" and given.get("type") in ("submit", "button", "reset"):
            self.found.append(given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in SILENT

    def handle_data(self, data: str) -> None:
        if not self.silent and data.strip():
            self.found.append(" ".join(data.split()))


def untranslated(html: str) -> Iterator[str]:
    """What of a page stands outside of brackets and has words in it."""
    words = Words()
    words.feed(html)
    # Brackets may begin in one element and end in another.
    text = "\n".join(words.found)
    while BRACKETS.search(text):
        text = BRACKETS.sub("", text)
    for line in text.split("\n"):
        parts = [part.strip(" ,;:()“”") for part in line.split("·")]
        if any(WORD.search(part) and not AS_THEY_ARE.fullmatch(part) for part in parts):
            yield line


@pytest.fixture
def second_language(tmp_path: Path, settings: Any) -> None:
    bracketed(tmp_path)
    settings.LOCALE_PATHS = [tmp_path]
    settings.LANGUAGES = [("en", "English"), (CODE, "Brackets")]


@pytest.mark.usefixtures("second_language")
@pytest.mark.parametrize("who", PEOPLE)
def test_no_page_has_words_that_can_not_be_translated(
    who: str, world: dict[str, Any], browse: Callable[..., Client]
) -> None:
    """Each page as it opens, and as it answers to a form with nothing filled in. How it refuses is
    the same for all whom it refuses: the first of them reads it."""
    client = browse(world["people"][who])
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = CODE
    seen, found = 0, {}
    for name, (_method, arguments, allowed) in PAGES.items():
        if who not in allowed and who != next(each for each in PEOPLE if each not in allowed):
            continue
        filled = {key: world.get(value, value) for key, value in arguments.items()}
        for method in ("get", "post"):
            with transaction.atomic():
                answer = getattr(client, method)(reverse(name, kwargs=filled))
                transaction.set_rollback(True)
            if answer.streaming:
                list(answer)  # which closes the file
            elif answer.headers.get("Content-Type", "").startswith("text/html"):
                seen += 1
                if lines := sorted(set(untranslated(answer.content.decode()))):
                    found[f"{method} {name}"] = lines
    assert seen > 40
    assert found == {}


@pytest.mark.usefixtures("second_language")
def test_strangers_read_their_language(browse: Callable[..., Client]) -> None:
    client = browse()
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = CODE
    for path in ("/accounts/login/", "/nothing/"):
        for answer in (client.get(path), client.post(path)):
            assert list(untranslated(answer.content.decode())) == []
