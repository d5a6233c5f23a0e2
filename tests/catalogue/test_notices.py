"""Notices and presets: keys that are for ever, and everything around the words."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from console.accounts.models import Team, User
from console.actors import Actor, system_actor
from console.audit.models import AuditEntry
from console.catalogue import selectors
from console.catalogue.content.categories import category_create
from console.catalogue.content.notices import notice_create, notice_retire, notice_update
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create
from console.catalogue.models import (
    CannedNotice,
    NoticeVersion,
    Visibility,
    VisibilityPreset,
)
from console.catalogue.review.presets import preset_create, preset_update
from console.errors import Conflict, InvalidInput, NotFound, PermissionRefused, Unprocessable
from tests.support.entries import without_rows
from tests.support.preset_proposals import approve_seen

ROOT = system_actor("tests")
REVIEWER = Actor("user:2", "Rita Reviewer", ROOT.permissions)

pytestmark = pytest.mark.django_db


def create(actor: Any = ROOT, **fields: Any) -> CannedNotice:
    given = {"key": "delay", "kind": "message", "title": "Delayed", **fields}
    return notice_create(actor, **given)


def newest_entry() -> AuditEntry:
    entry = AuditEntry.objects.first()
    assert entry is not None
    return entry


# --- Notices -------------------------------------------------------------------------------------


def test_a_notice_begins_as_a_draft_without_words(editor: User) -> None:
    notice = create(editor.to_actor(), category=" Delivery ")
    found = selectors.notice_get(editor.to_actor(), "delay")
    assert found == notice
    assert (found.status, found.published_number) == ("draft", None)  # type: ignore[attr-defined]
    assert found.category is not None
    assert found.category.name == "Delivery"
    entry = newest_entry()
    assert (entry.action, entry.target_ref, entry.target_name) == (
        "notice.created",
        "delay",
        "Delayed",
    )
    assert entry.actor_ref == f"user:{editor.pk}"


@pytest.mark.parametrize(
    "key",
    [
        *("", " ", "Delay", "de lay", "delay!", "-delay", "delay-", "de--lay", "délai"),
        *("a/b", "a.b", "delay\n", "x" * 101, "_a", "a__b"),
    ],
)
def test_a_key_that_is_none(key: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        create(key=key)
    assert refused.value.code == "invalid_key"
    assert not CannedNotice.objects.exists()


@pytest.mark.parametrize("key", ["a", "7", "delivery-delayed_2", "x" * 100])
def test_a_key_that_is_one(key: str) -> None:
    assert create(key=key).key == key


def test_a_key_is_there_once() -> None:
    create()
    with pytest.raises(Conflict) as refused:
        create(title="Another")
    assert refused.value.code == "key_taken"
    assert "delay" in refused.value.message


@pytest.mark.parametrize("kind", ["", "Message", "notice", "USER_CUSTOM"])
def test_a_kind_that_is_none(kind: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        create(kind=kind)
    assert refused.value.code == "unknown_kind"
    assert "push_url" in refused.value.message


@pytest.mark.parametrize(
    "wrong", [{"title": ""}, {"title": " "}, {"title": "x" * 201}, {"category": "x" * 101}]
)
def test_a_title_or_category_that_does_not_fit(wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        create(**wrong)
    assert not CannedNotice.objects.exists()
    notice = create()
    with pytest.raises(InvalidInput):
        notice_update(ROOT, notice, **wrong)


def test_title_category_and_team_change_and_the_rest_stays(team: Team) -> None:
    notice = create(category="Delivery")
    notice_update(ROOT, notice, title=" Late ", category="", team=team)
    notice.refresh_from_db()
    assert (notice.title, notice.category, notice.team) == ("Late", None, team)
    assert (notice.key, notice.kind) == ("delay", "message")
    assert without_rows(newest_entry()) == {"title": " Late ", "category": "", "team": "Sales"}


def test_what_is_not_changed_stays_as_somebody_else_has_set_it(team: Team) -> None:
    create(title="Old", shortcut="old")
    read_before = CannedNotice.objects.get()
    notice_update(ROOT, CannedNotice.objects.get(), team=team, title="New")

    changed = notice_update(ROOT, read_before, tags=["late"])

    for notice in (changed, CannedNotice.objects.get()):
        assert (notice.team, notice.title, notice.tags) == (team, "New", ["late"])
    assert without_rows(newest_entry()) == {"tags": ["late"]}


def test_a_place_has_to_fit_the_team_that_it_has_by_now(team: Team) -> None:
    sales = category_create(ROOT, name="Sales", team=team)
    create(team=team)
    read_before = CannedNotice.objects.get()
    notice_update(ROOT, CannedNotice.objects.get(), team=None)

    with pytest.raises(InvalidInput) as refusal:
        notice_update(ROOT, read_before, category=sales.path)

    assert refusal.value.code == "category_of_team"
    assert CannedNotice.objects.get().category is None


def test_a_notice_that_was_retired_meanwhile_is_not_changed() -> None:
    create()
    read_before = CannedNotice.objects.get()
    notice_retire(REVIEWER, CannedNotice.objects.get())

    with pytest.raises(Unprocessable) as refusal:
        notice_update(ROOT, read_before, tags=["late"])

    assert refusal.value.code == "notice_retired"


def test_the_database_knows_the_kinds_too() -> None:
    create()
    with pytest.raises(IntegrityError, match="notice_kind_known"), transaction.atomic():
        CannedNotice.objects.update(kind="telegram")


# --- Who may -------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", ["supervisor", "approver", "auditor"])
def test_only_editors_write(person: str, request: pytest.FixtureRequest) -> None:
    actor = request.getfixturevalue(person).to_actor()
    notice = create()
    preset = VisibilityPreset.objects.first()
    assert preset is not None
    entries = AuditEntry.objects.count()
    for write in (
        lambda: create(actor, key="other"),
        lambda: notice_update(actor, notice, title="Other"),
        lambda: version_create(
            actor, notice, VersionContent(default_locale="en", bodies={"en": "x"})
        ),
        lambda: preset_create(actor, name="x", visibility="ALL"),
        lambda: preset_update(actor, preset, name="x"),
    ):
        with pytest.raises(PermissionRefused):
            write()
    assert AuditEntry.objects.count() == entries


@pytest.mark.parametrize("person", ["supervisor", "editor", "auditor", "administrator"])
def test_only_approvers_retire(person: str, request: pytest.FixtureRequest) -> None:
    notice = create()
    with pytest.raises(PermissionRefused):
        notice_retire(request.getfixturevalue(person).to_actor(), notice)
    notice.refresh_from_db()
    assert notice.retired_at is None


def test_nobody_gives_a_notice_away_to_a_team_of_others(
    team: Team, editor: User, make_user: Callable[..., User]
) -> None:
    notice = create(editor.to_actor())
    for give in (
        lambda: create(editor.to_actor(), key="other", team=team),
        lambda: notice_update(editor.to_actor(), notice, team=team),
    ):
        with pytest.raises(PermissionRefused) as refused:
            give()
        assert (refused.value.code, refused.value.details) == ("not_own_team", {"field": "team"})
    member = make_user("edna", "editor", teams=[team])
    assert notice_update(member.to_actor(), notice, team=team).team == team
    assert notice_update(member.to_actor(), notice, team=None).team is None


def test_a_teams_notice_does_not_exist_for_others(
    team: Team, supervisor: User, outsider: User
) -> None:
    create(team=team)
    create(key="global")
    assert [n.key for n in selectors.notices(supervisor.to_actor())] == ["delay", "global"]
    assert [n.key for n in selectors.notices(outsider.to_actor())] == ["global"]
    with pytest.raises(NotFound) as hidden:
        selectors.notice_get(outsider.to_actor(), "delay")
    with pytest.raises(NotFound) as missing:
        selectors.notice_get(outsider.to_actor(), "nothing")
    assert hidden.value.message.replace("delay", "nothing") == missing.value.message


# --- Retiring ------------------------------------------------------------------------------------


def test_what_is_retired_stays_so_and_is_not_changed(
    approver: User, editor: User, make_notice: Callable[..., NoticeVersion]
) -> None:
    notice = make_notice(key="delay").notice
    notice_retire(approver.to_actor(), notice)
    assert selectors.notice_get(editor.to_actor(), "delay").status == "retired"  # type: ignore[attr-defined]
    assert newest_entry().action == "notice.retired"
    with pytest.raises(Conflict) as refused:
        notice_retire(approver.to_actor(), notice)
    assert refused.value.code == "already_retired"
    for write in (
        lambda: notice_update(ROOT, notice, title="Other"),
        lambda: version_create(
            ROOT, notice, VersionContent(default_locale="en", bodies={"en": "x"})
        ),
    ):
        with pytest.raises(Unprocessable) as gone:
            write()
        assert gone.value.code == "notice_retired"


# --- Lists ---------------------------------------------------------------------------------------


def test_lists_are_searched_and_filtered(make_notice: Callable[..., NoticeVersion]) -> None:
    make_notice(key="delay")
    create(key="parcel", title="Track it", kind="push_url", category="Delivery")

    def keys(**filters: str) -> list[str]:
        return [notice.key for notice in selectors.notices(ROOT, **filters)]

    assert keys() == ["delay", "parcel"]
    assert keys(q="DEL") == ["delay"]
    assert keys(q="track") == ["parcel"]
    assert keys(q="%") == []
    assert keys(status="published") == ["delay"]
    assert keys(status="draft") == ["parcel"]
    assert keys(kind="push_url") == ["parcel"]
    assert keys(category="Delivery") == ["parcel"]
    assert keys(status="published", kind="push_url") == []
    assert [category.name for category in selectors.categories(ROOT)] == ["Delivery"]


def test_a_list_takes_one_query(
    make_notice: Callable[..., NoticeVersion], django_assert_num_queries: Any
) -> None:
    for _ in range(4):
        make_notice()
    with django_assert_num_queries(1):
        assert len([(n.status, n.category, n.team) for n in selectors.notices(ROOT)]) == 4  # type: ignore[attr-defined]


# --- Presets -------------------------------------------------------------------------------------


def test_every_console_starts_with_three() -> None:
    found = [(p.name, p.visibility, p.nickname) for p in selectors.presets(ROOT)]
    assert found == [
        ("Everyone", "ALL", ""),
        ("Staff only", "INT", ""),
        ("Supervisors only", "VIP", ""),
    ]


def test_a_preset_is_made_and_changed(editor: User) -> None:
    actor = editor.to_actor()
    preset = preset_create(actor, name=" Team leads ", visibility="INT", nickname="Lead")
    assert newest_entry().action == "preset.created"
    assert preset.name == "Team leads"
    preset_update(actor, preset, nickname="", roles=["supervisor"])
    approve_seen(REVIEWER, preset)
    preset.refresh_from_db()
    assert (preset.nickname, preset.roles) == ("", ["supervisor"])
    assert without_rows(newest_entry()) == {
        "name": "Team leads",
        "visibility": "INT",
        "nickname": "",
        "confirmation": {"grade": "session", "rule": "off"},
        "roles": ["supervisor"],
        "change": preset.changes.get(status="approved").pk,
    }


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"name": " "}, "name_missing"),
        ({"visibility": "all"}, "unknown_visibility"),
        ({"visibility": ""}, "unknown_visibility"),
        ({"visibility": "PUBLIC"}, "unknown_visibility"),
        ({"roles": ["king"]}, "unknown_role"),
    ],
)
def test_a_preset_that_can_not_be(wrong: dict[str, Any], code: str) -> None:
    known = VisibilityPreset.objects.count()
    with pytest.raises(InvalidInput) as refused:
        preset_create(ROOT, **{"name": "x", "visibility": "INT", **wrong})
    assert refused.value.code == code
    assert VisibilityPreset.objects.count() == known
    preset = selectors.preset_named(ROOT, "Everyone")
    with pytest.raises(InvalidInput):
        preset_update(ROOT, preset, **wrong)
    preset.refresh_from_db()
    assert (preset.name, preset.visibility, preset.roles) == ("Everyone", "ALL", [])


def test_a_presets_name_is_there_once() -> None:
    with pytest.raises(Conflict) as refused:
        preset_create(ROOT, name="Staff only", visibility="VIP")
    assert refused.value.code == "name_taken"


def test_a_preset_is_found_by_name_or_id() -> None:
    staff = VisibilityPreset.objects.get(visibility=Visibility.INT)
    assert selectors.preset_named(ROOT, "Staff only") == staff
    assert selectors.preset_named(ROOT, str(staff.pk)) == staff
    assert selectors.preset_get(ROOT, staff.pk) == staff
    for wrong in ("staff only", "0", "99999999999999999999", "²", ""):
        with pytest.raises(NotFound):
            selectors.preset_named(ROOT, wrong)
    with pytest.raises(NotFound):
        selectors.preset_get(ROOT, 0)


def test_the_database_knows_the_visibilities_too() -> None:
    with pytest.raises(IntegrityError, match="preset_visibility_known"), transaction.atomic():
        VisibilityPreset.objects.create(name="x", visibility="XXX")
