"""The editor's page and who sees a text: nobody widens that but by choosing to."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.actors import Actor
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create
from console.catalogue.models import CannedNotice, NoticeVersion, VisibilityPreset
from console.catalogue.review.presets import preset_create, preset_update
from tests.support.factories import REVIEWER, ROOT
from tests.support.preset_proposals import approve_seen

STAFF = "Staff only"
EDITOR = reverse("notice-edit", args=["hello"])


@pytest.fixture
def writer(editor: User, browse: Callable[..., Client]) -> Client:
    return browse(editor)


def preset(name: str = STAFF) -> VisibilityPreset:
    return VisibilityPreset.objects.get(name=name)


def filled_in(answer: Any) -> dict[str, Any]:
    """All that a browser would post of the editor's page as it came."""
    page = answer.context
    rows = [page["form"], *page["bodies"], *page["asked"]]
    forms = [page["bodies"].management_form, page["asked"].management_form, *rows]
    posted = {field.html_name: field.value() for form in forms for field in form}
    known = {name: "" if value is None else value for name, value in posted.items()}
    return {**known, "expected": page["expected"]}


def draft(author: Actor, **content: Any) -> NoticeVersion:
    notice = notice_create(author, key="hello", kind="message", title="Hello")
    return version_create(
        author, notice, VersionContent(default_locale="en", bodies={"en": "Psst"}, **content)
    )


def newest() -> NoticeVersion:
    return NoticeVersion.objects.order_by("-number")[0]


def choices(answer: Any) -> dict[str, str]:
    return {str(label): value for value, label in answer.context["form"].fields["preset"].choices}


def test_a_full_stop_does_not_show_customers_what_was_for_the_staff(
    writer: Client, make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice("Psst", key="hello", visibility="INT")
    page = writer.get(EDITOR)
    posted = {**filled_in(page), "form-0-body": "Psst.", "submit": "1"}

    assert writer.post(EDITOR, posted).status_code == 302

    assert "As it is: Staff only (INT)" in choices(page)
    version = newest()
    assert (version.number, version.status, version.bodies) == (2, "in_review", {"en": "Psst."})
    assert (version.visibility, version.preset) == ("INT", None)


@pytest.mark.parametrize("name", ["", STAFF, "Supervisors only"])
def test_a_draft_saved_as_it_came_is_seen_by_the_same(
    editor: User, writer: Client, name: str
) -> None:
    draft(editor.to_actor(), visibility="VIP", preset=preset(name) if name else None)

    assert writer.post(EDITOR, filled_in(writer.get(EDITOR))).status_code == 302

    version = NoticeVersion.objects.get()
    assert version.visibility == "VIP"
    assert (version.preset.name if version.preset else "") == name


@pytest.mark.parametrize("opened", ["before", "after"])
def test_a_preset_that_has_become_wider_widens_no_text(
    writer: Client, make_notice: Callable[..., NoticeVersion], opened: str
) -> None:
    make_notice("Psst", key="hello", preset=preset())
    before = filled_in(writer.get(EDITOR))
    preset_update(ROOT, preset(), visibility="ALL")
    approve_seen(REVIEWER, preset())
    posted = before if opened == "before" else filled_in(writer.get(EDITOR))

    assert writer.post(EDITOR, posted).status_code == 302

    assert (newest().number, newest().visibility) == (2, "INT")


def test_a_preset_that_is_not_approved_yet_is_waited_for(editor: User, writer: Client) -> None:
    """An import may bring one, with a draft that has it."""
    version = draft(editor.to_actor(), visibility="INT")
    NoticeVersion.objects.update(preset=preset_create(ROOT, name="Desk", visibility="INT"))

    answer = writer.post(EDITOR, filled_in(writer.get(EDITOR)))

    assert answer.status_code == 422
    assert "not approved yet" in answer.content.decode()
    version.refresh_from_db()
    assert version.visibility == "INT"


@pytest.mark.parametrize(
    ("choice", "visibility"),
    [("", "ALL"), (STAFF, "INT"), ("Everyone", "ALL"), ("Supervisors only", "VIP")],
)
def test_whoever_chooses_gets_what_they_chose(
    editor: User, writer: Client, choice: str, visibility: str
) -> None:
    draft(editor.to_actor(), visibility="VIP", preset=preset())
    value = str(preset(choice).pk) if choice else "ALL:"

    writer.post(EDITOR, {**filled_in(writer.get(EDITOR)), "preset": value})

    version = NoticeVersion.objects.get()
    assert version.visibility == visibility
    assert version.preset == (preset(choice) if choice else None)


def test_what_it_was_can_be_chosen_again_after_another_row(editor: User, writer: Client) -> None:
    draft(editor.to_actor(), visibility="VIP")
    first = writer.get(EDITOR)
    posted = {**filled_in(first), "preset": str(preset().pk), "add": "1"}

    again = writer.post(EDITOR, posted)

    assert choices(again) == choices(first)
    assert again.context["form"]["preset"].value() == str(preset().pk)


def test_a_choice_that_the_page_did_not_offer_is_none(writer: Client, editor: User) -> None:
    draft(editor.to_actor(), visibility="VIP")
    for choice in ("", " ", "\u200b", "INT:", "999", "VIP:999", "x", "²"):
        posted = {**filled_in(writer.get(EDITOR)), "preset": choice}
        if choice == "VIP:999":
            posted["kept"] = choice
        answer = writer.post(EDITOR, posted)
        assert answer.status_code == 422
        assert "preset" in answer.context["form"].errors
    assert NoticeVersion.objects.get().visibility == "VIP"


def test_a_presets_nickname_stands_in_the_preview_of_what_is_kept(
    editor: User, writer: Client
) -> None:
    preset_update(ROOT, preset(), nickname="Desk")
    approve_seen(REVIEWER, preset())
    draft(editor.to_actor(), visibility="VIP", preset=preset())
    assert CannedNotice.objects.get().versions.get().nickname == "Desk"

    page = writer.get(EDITOR)
    posted = {**filled_in(page), "nickname": ""}

    answer = writer.post(reverse("notice-preview", args=["hello"]), posted)
    assert answer.context["nickname"] == "Desk"
