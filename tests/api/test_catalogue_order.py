"""Categories, presets under review, search, and editors who meet, by API."""

from collections.abc import Callable

import pytest

from console.accounts.models import Team
from tests.support.calling import Caller

pytestmark = pytest.mark.django_db


def test_a_preset_is_made_and_changed(program: Callable[..., Caller]) -> None:
    author = program("catalogue", "approve")
    preset = author.post("presets/", {"name": "Leads", "visibility": "VIP", "roles": ["auditor"]})
    status, changed = author("PATCH", f"presets/{preset['id']}/", {"nickname": "Lead"})
    assert status == 200
    assert (changed["nickname"], changed["is_approved"]) == ("", False)
    assert changed["proposed"]["nickname"] == "Lead"
    path = f"presets/{preset['id']}/"
    unnamed = author("POST", f"{path}approve/", {})
    assert (unnamed[0], unnamed[1]["code"]) == (400, "invalid_input")
    own = author("POST", f"{path}approve/", {"change": changed["proposed"]["id"]})
    assert (own[0], own[1]["code"]) == (403, "own_work")
    approver = program("approve")
    unseen = approver("POST", f"{path}approve/", {})
    assert (unseen[0], unseen[1]["code"]) == (400, "invalid_input")
    stale = approver("POST", f"{path}approve/", {"change": preset["proposed"]["id"]})
    assert (stale[0], stale[1]["code"]) == (409, "wrong_status")
    approved = approver.post(f"{path}approve/", {"change": changed["proposed"]["id"]}, status=200)
    assert (approved["nickname"], approved["is_approved"]) == ("Lead", True)
    assert approved["proposed"] is None
    _status, wider = author("PATCH", path, {"visibility": "ALL"})
    said = {"reason": "Too wide.", "change": wider["proposed"]["id"]}
    rejected = approver.post(f"{path}reject/", said, status=200)
    assert (rejected["visibility"], rejected["proposed"]) == ("VIP", None)
    assert author.get("presets/")["count"] == 4


def test_categories_are_a_tree(team: Team, program: Callable[..., Caller]) -> None:
    author = program("catalogue")
    late = {"key": "late", "kind": "message", "title": "Late", "category": "Delivery / Late"}
    assert author.post("notices/", late)["category"] == "Delivery / Late"
    orders = author.post("categories/", {"name": "Orders"})
    assert {**orders, "id": 0} == {
        "id": 0,
        "name": "Orders",
        "path": "Orders",
        "depth": 1,
        "team": None,
    }
    top = author.get("categories/")["results"][0]
    status, moved = author("PATCH", f"categories/{top['id']}/", {"parent": "Orders"})
    assert (status, moved["path"], moved["depth"]) == (200, "Orders / Delivery", 2)
    assert author.get("notices/?category=Orders")["count"] == 1
    full = author("DELETE", f"categories/{top['id']}/")
    assert (full[0], full[1]["code"]) == (422, "category_not_empty")
    author("PATCH", f"categories/{top['id']}/", {"parent": None})
    assert author("DELETE", f"categories/{orders['id']}/") == (204, None)
    wrong = author("PATCH", f"categories/{top['id']}/", {"parent": "Nowhere"})
    assert (wrong[0], wrong[1]["code"]) == (404, "category_not_found")


def test_a_notice_is_found_by_its_words_its_tags_and_comes_back(
    program: Callable[..., Caller],
) -> None:
    author, approver = program("catalogue"), program("approve")
    author.post("notices/", {"key": "a", "kind": "message", "title": "A", "tags": ["Winter"]})
    draft = {"default_locale": "en", "bodies": {"en": "Late", "de": "Verspätet"}}
    version = author.post("notices/a/versions/", {**draft, "expected": "none"})
    status, changed = author(
        "PATCH", "notices/a/versions/1/", {"change_note": "New", "expected": version["mark"]}
    )
    assert (status, changed["change_note"], changed["bodies"]) == (200, "New", draft["bodies"])
    other = {**draft, "bodies": {"en": "Later"}, "expected": version["mark"]}
    old = author("PATCH", "notices/a/versions/1/", other)
    assert (old[0], old[1]["code"]) == (409, "changed_meanwhile")
    assert old[1]["details"] == {"version": 1, "mark": changed["mark"]}
    for query in ("q=verspatet", "tag=winter", "q=winter%20late"):
        assert author.get(f"notices/?{query}")["count"] == 1
    assert author.get("notices/?q=zebra")["count"] == 0
    changed = author("PATCH", "notices/a/", {"shortcut": "/Late", "tags": []})[1]
    assert (changed["shortcut"], changed["tags"]) == ("late", [])
    approver.post("notices/a/retire/", status=200)
    assert approver.post("notices/a/restore/", status=200)["status"] == "draft"


@pytest.mark.parametrize(
    "change",
    [{"tags": [","]}, {"tags": ["snow", " , ,"]}, {"shortcut": "/"}, {"category": " / "}],
    ids=repr,
)
def test_what_was_not_filled_in_takes_nothing_away(
    program: Callable[..., Caller], change: dict[str, object]
) -> None:
    author = program("catalogue")
    late = {"key": "late", "kind": "message", "title": "Late", "category": "Delivery"}
    made = author.post("notices/", {**late, "tags": ["snow", "ice"], "shortcut": "late"})
    status, answer = author("PATCH", "notices/late/", change)
    assert (status, list(answer["details"])) == (400, ["field"])
    assert author.get("notices/late/") == made


@pytest.mark.parametrize("name", ["01", "0", "١", "１", "-1", "1.0"])
def test_a_preset_has_one_number(program: Callable[..., Caller], name: str) -> None:
    author = program("catalogue")
    author.post("notices/", {"key": "late", "kind": "message", "title": "Late"})
    version = {"default_locale": "en", "bodies": {"en": "Late"}, "preset": name}
    assert author("POST", "notices/late/versions/", version)[0] == 404
