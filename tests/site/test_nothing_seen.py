"""What people see nothing of is empty wherever somebody types, a line is a line, and what languages
need inside their words stays."""

from collections.abc import Callable
from typing import Any

import pytest
from django import forms

from console.accounts.models import Team, User
from console.accounts.services import api_client_create, team_create, user_create, user_update
from console.catalogue.content.categories import category_create
from console.catalogue.content.notices import normal_tags, notice_update
from console.catalogue.content.questions import answered, declared
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create, version_reject, version_update
from console.catalogue.models import CannedNotice, NoticeVersion
from console.catalogue.review.presets import preset_create
from console.catalogue.transfer.reading import read_rows
from console.errors import ConsoleError
from console.interactions.feed.events import parse_event
from console.interactions.feed.writing import customer_name
from console.sends.control.stop_switch import required_reason, sending_stop
from console.text.form_fields import LineField, TextField
from console.webhooks.services import webhook_create
from tests.api.test_nothing_given import bodies
from tests.support.factories import PASSWORD, REVIEWER, ROOT, upsert

INVISIBLE = (
    "",
    " \t",
    "\u200b",
    "\u2060\ufeff",
    "\u00ad",
    "\u3164",
    "\u115f",
    "\u2800",
    "\U000e0020",
)
NOT_A_LINE = ("two\nlines", "a\u2028b", "a\x07b", "a\x85b")
ALIVE = {
    "Persian": "می\u200cخواهم",
    "a family": "👨\u200d👩\u200d👧",
    "Hebrew points": "שָׁלוֹם",
    "a heart": "❤\ufe0f",
    "Zoe\u0308": "Zoë",
}

Place = Callable[[str], object]


@pytest.fixture
def notice(make_notice: Callable[..., NoticeVersion]) -> CannedNotice:
    return make_notice(key="hello").notice


@pytest.fixture
def draft(notice: CannedNotice) -> Callable[..., NoticeVersion]:
    def make(**content: Any) -> NoticeVersion:
        given = {"default_locale": "en", "bodies": {"en": "Hello"}, **content}
        opened = notice.versions.filter(status="draft").first()
        if opened is not None:
            return version_update(ROOT, opened, given)
        return version_create(ROOT, notice, VersionContent(**given))

    return make


@pytest.fixture
def places(notice: CannedNotice, draft: Any, administrator: User) -> dict[str, Place]:
    """Where something has to be seen of what is typed."""

    def text_field(label: str) -> object:
        return declared([{"name": "a", "label": label}])

    asked = declared([{"name": "a", "label": "A"}])
    return {
        "title": lambda text: notice_update(ROOT, notice, title=text),
        "category": lambda text: category_create(ROOT, name=text),
        "category of a notice": lambda text: notice_update(ROOT, notice, category=f"A / {text}"),
        "preset": lambda text: preset_create(ROOT, name=text, visibility="INT"),
        "team": lambda text: team_create(ROOT, name=text),
        "queue": lambda text: team_create(ROOT, name="A team", queues=[text]),
        "program": lambda text: api_client_create(ROOT, name=text, scopes=["read"]),
        "notice of a program": lambda text: api_client_create(
            ROOT, name="A program", scopes=["send"], allowed_notices=[text]
        ),
        "address of a program": lambda text: api_client_create(
            ROOT, name="A program", scopes=["send"], addresses=[text]
        ),
        "webhook": lambda text: webhook_create(
            ROOT, name=text, url="https://192.0.2.1/", events=["send.finished"]
        ),
        "user name": lambda text: user_create(ROOT, username=text, password=PASSWORD, roles=[]),
        "question": text_field,
        "choice": lambda text: declared([{"name": "a", "type": "choice", "choices": [text]}]),
        "answer": lambda text: answered(asked, {"a": text}),
        "text": lambda text: draft(bodies={"en": text}),
        "reason": lambda text: required_reason(text, "why"),
        "stop": lambda text: sending_stop(ROOT, reason=text),
        "rejection": lambda text: version_reject(
            REVIEWER, notice.versions.get(number=1), reason=text
        ),
    }


def status_of(put: Place, text: str) -> int:
    """Of the refusal, 200 for none."""
    try:
        put(text)
    except ConsoleError as refusal:
        return refusal.status
    return 200


MANY_LINES = {"answer", "text", "reason", "stop", "rejection"}


def test_what_nobody_sees_is_refused(places: dict[str, Place]) -> None:
    for place, put in places.items():
        for nothing in INVISIBLE:
            assert status_of(put, nothing) in (400, 422), (place, nothing)


def test_a_line_is_a_line(places: dict[str, Place], draft: Any) -> None:
    lines = {name: put for name, put in places.items() if name not in MANY_LINES}
    lines |= {
        "nickname": lambda text: draft(nickname=text),
        "message type": lambda text: draft(message_type=text),
        "tag": lambda text: normal_tags([text.replace("\n", "\x07").replace("\x85", "\x07")]),
        "first name": lambda text: user_create(
            ROOT, username="x", password=PASSWORD, roles=[], first_name=text
        ),
    }
    for place, put in lines.items():
        for text in NOT_A_LINE:
            if place == "tag" and "\u2028" in text:
                continue  # which is a blank between its words
            assert status_of(put, text) == 400, (place, text)


def test_what_languages_need_stays(notice: CannedNotice, draft: Any) -> None:
    for given, kept in ALIVE.items():
        text = given if given.startswith("Zoe") else kept
        assert notice_update(ROOT, notice, title=f" {text} ").title == kept
        assert draft(nickname=text, change_note=text).nickname == kept
        assert normal_tags([text]) == [kept.lower()]
        assert declared([{"name": "a", "label": text}])[0]["label"] == kept
        assert LineField().clean(text) == text
        team = team_create(ROOT, name=text)
        assert Team.objects.get(pk=team.pk).name == kept
        team.delete()


def test_names_that_may_be_empty_are_so(make_user: Callable[..., User], draft: Any) -> None:
    user = make_user("ann", "supervisor")
    for nothing in INVISIBLE:
        user = user_update(ROOT, user, first_name=nothing, last_name=nothing)
        assert str(user) == "ann"
        assert draft(nickname=nothing, change_note=nothing).nickname == ""


def test_what_the_feed_says_is_a_line_or_nothing() -> None:
    for nothing in INVISIBLE:
        event = parse_event(upsert("a", queue=nothing, agent=nothing))
        assert (event.queue, event.agent) == ("", "")
        assert customer_name({"FirstName": nothing, "LastName": "Martin"}) == "Martin"
        assert customer_name({"FirstName": nothing, "LastName": nothing}) == ""
    assert parse_event(upsert("a", agent="Ann\nB")).agent == "Ann B"
    assert customer_name({"FirstName": "Ann\r\nB", "LastName": "\u2028C"}) == "Ann B C"
    assert customer_name({"FirstName": "می\u200cخواهم"}) == "می\u200cخواهم"


def test_an_import_reads_it_as_people_do() -> None:
    from tablib import Dataset

    for nothing in INVISIBLE[1:]:
        dataset = Dataset(["hello", "message", nothing, nothing])
        dataset.headers = ["key", "kind", "title", "nickname"]
        (row,) = read_rows(dataset, first=1, restore=False)
        assert (row.cells["title"], row.cells["nickname"]) == ("", "")
    dataset = Dataset(["hello", "two\nlines"])
    dataset.headers = ["key", "title"]
    (row,) = read_rows(dataset, first=1, restore=False)
    assert [refusal.column for refusal in row.report.refusals] == ["title"]


# --- Whatever comes later ------------------------------------------------------------------------


def test_every_text_of_a_form_knows_what_is_seen() -> None:
    bodies()  # imports all of the API, and with it most of the site
    import console.urls  # noqa: F401

    def below(kind: type) -> list[type]:
        return [each for sub in kind.__subclasses__() for each in (sub, *below(sub))]  # type: ignore[var-annotated]

    own = [kind for kind in below(forms.Form) if kind.__module__.startswith("console.")]
    own = [
        kind for kind in own if kind.__module__ != "console.accounts.pages.own_account_forms"
    ]  # django-allauth's
    assert len(own) > 20
    for kind in own:
        for name, field in kind.base_fields.items():  # type: ignore[attr-defined]
            if type(field) is forms.CharField:
                assert (kind.__name__, name) == ("PasswordForm", "password") or (
                    kind.__name__ == "NewUserForm" and name == "password"
                ), f"{kind.__name__}.{name}: take LineField or TextField"


def test_fields_of_forms() -> None:
    for nothing in INVISIBLE:
        assert LineField(required=False).clean(nothing) == ""
        for kind in (LineField, TextField):
            with pytest.raises(forms.ValidationError, match="required"):
                kind().clean(nothing)
    for text in NOT_A_LINE:
        with pytest.raises(forms.ValidationError, match="one line"):
            LineField().clean(text)
        assert TextField().clean(text) == text
