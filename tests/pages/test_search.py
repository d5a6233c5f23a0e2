"""Search everything: what is found, in which order, and that nobody learns what is not theirs."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from console.accounts.models import Team, User
from console.accounts.roles import Role
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create
from console.sends.models import Send
from console.web.search.hits import MOST_A_GROUP
from tests.pages.searching import GROUP, HIT, answer, hits
from tests.pages.searching import world as world
from tests.support.factories import ROOT

pytestmark = pytest.mark.django_db

# Who, what they type, the group it is in, and the title that comes first there.
FOUND = [
    ("supervisor", "/late", "notices", "Parcel delayed"),
    ("supervisor", "late", "notices", "Parcel delayed"),
    ("supervisor", "PARCEL-DELAY", "notices", "Parcel delayed"),
    ("supervisor", "parcel del", "notices", "Parcel delayed"),
    ("editor", "tomorrow", "notices", "Parcel delayed"),
    ("supervisor", "/late", "send-it", "Send “Parcel delayed”"),
    ("supervisor", "zoë", "chats", "Zoë Martin"),
    ("supervisor", "0001ABCD", "chats", "Zoë Martin"),
    ("supervisor", "ann.kel", "chats", "Zoë Martin"),
    ("supervisor", "sales", "chats", "Zoë Martin"),
    ("supervisor", "0002ended", "history", "Bob Martin"),
    ("supervisor", "0001ABCD", "history", "Zoë Martin"),
    ("auditor", "0001abcd", "history", "Zoë Martin"),
    ("supervisor", "{number}", "sends", "Send {number}: Parcel delayed"),
    ("supervisor", "#{number}", "sends", "Send {number}: Parcel delayed"),
    ("auditor", "send {number}", "sends", "Send {number}: Parcel delayed"),
    ("auditor", "delayed", "sends", "Send {number}: Parcel delayed"),
    ("auditor", "sue", "sends", "Send {number}: Parcel delayed"),
    ("administrator", "sue", "people", "Sue"),
    ("administrator", "sales", "teams", "Sales"),
    ("administrator", "night", "api-clients", "Night shift"),
    ("administrator", "east", "chat-servers", "chat-east"),
    ("supervisor", "east", "chat-servers", "chat-east"),
    ("administrator", "ticket", "webhooks", "Ticketing"),
    ("editor", "staff", "presets", "Staff only"),
    ("supervisor", "histo", "pages", "History"),
    ("supervisor", "keyboard", "pages", "Help"),
    ("editor", "new not", "actions", "New notice"),
    ("editor", "propose", "actions", "Propose a preset"),
    ("supervisor", "export cat", "actions", "Export the catalogue"),
    ("administrator", "emergency", "actions", "Stop all sending"),
    ("supervisor", "zebra", "own", "On the board: zebra"),
]


def test_everything_is_found_by_each_of_its_names(
    world: dict[str, Any], browse: Callable[..., Client], request: pytest.FixtureRequest
) -> None:
    missing = []
    for who, typed, group, title in FOUND:
        client = browse(request.getfixturevalue(who))
        found = hits(answer(client, typed.format(**world)), group)
        if found[:1] != [title.format(**world)]:
            missing.append((who, typed, group, found))
    assert missing == []


def test_the_exact_shortcut_is_the_first_of_all(
    world: dict[str, Any], supervisor: User, browse: Callable[..., Client]
) -> None:
    html = answer(browse(supervisor), "late")

    assert GROUP.findall(html)[0] == "notices"
    assert HIT.findall(html)[0] == "/notices/parcel-delay/"
    assert hits(html, "notices")[-1] == "Notice gone-late"
    assert "status--retired" in html
    assert "visibility--INT" in html  # the staff's notice has the form that it has everywhere


def test_a_send_by_its_number_comes_before_what_has_it_as_a_word(
    world: dict[str, Any],
    supervisor: User,
    make_notice: Callable[..., Any],
    browse: Callable[..., Client],
) -> None:
    make_notice(f"We call you {world['number']} times.", key="calls")

    html = answer(browse(supervisor), world["number"])

    assert HIT.findall(html)[0] == f"/sends/{world['number']}/"
    assert hits(html, "notices") == ["Notice calls"]


# Who must find nothing of it, by what they type, and a word that would give it away.
HIDDEN = [
    ("outsider", "0001ABCD", "Zoë"),
    ("outsider", "zoë", "Zoë"),
    ("outsider", "{number}", "Parcel delayed"),
    ("outsider", "Secret plan", "secret-plan"),
    ("outsider", "/hush", "secret-plan"),
    ("editor", "{number}", "Send {number}"),
    ("editor", "0001ABCD", "Zoë"),
    ("editor", "zoë", "Zoë"),
    ("approver", "{number}", "Send {number}"),
    ("auditor", "0002ENDED", "Bob"),
    ("administrator", "zoë", "Zoë"),
    ("administrator", "0001ABCD", "Zoë"),
    ("administrator", "parcel-delay", "It comes"),
    ("supervisor", "night", "Night shift"),
    ("supervisor", "ticket", "Ticketing"),
    ("supervisor", "otto", "Otto"),
    ("nobody", "a", "Parcel"),
    ("nobody", "{number}", "Parcel"),
    ("nobody", "stop", "Stop all"),
]


def test_nobody_finds_what_they_may_not_see(
    world: dict[str, Any],
    team: Team,
    make_user: Callable[..., User],
    browse: Callable[..., Client],
    request: pytest.FixtureRequest,
) -> None:
    secret = notice_create(
        ROOT, key="secret-plan", kind="message", title="Secret plan", team=team, shortcut="hush"
    )
    version_create(ROOT, secret, VersionContent(default_locale="en", bodies={"en": "Hush."}))
    people = {"nobody": make_user("nobody")}
    told = []
    for who, typed, word in HIDDEN:
        person = people.get(who) or request.getfixturevalue(who)
        html = answer(browse(person), typed.format(**world))
        html = html.split('id="found-own"')[0]  # which repeats what was typed
        if word.format(**world) in html:
            told.append((who, typed))
        if re.search(r'data-count="[1-9]', html) and not HIT.findall(html):
            told.append((who, f"{typed}, by the count"))
    assert told == []


def test_whatever_is_found_can_be_opened(
    world: dict[str, Any], make_user: Callable[..., User], browse: Callable[..., Client]
) -> None:
    """No dead links, and no page that refuses the one who was led to it."""
    dead = []
    for number, roles in enumerate([*([role] for role in Role.values), [], list(Role.values)]):
        client = browse(make_user(f"mia{number}", *roles))
        client_urls = {
            url
            for typed in ("", "a", "late", "sales", "e", world["number"], "0001ABCD", "staff")
            for url in HIT.findall(answer(client, typed))
        }
        for url in client_urls:
            status = client.get(
                url.replace("&amp;", "&").partition("#")[0], follow=True
            ).status_code
            if status != 200:
                dead.append((roles, url, status))
    assert dead == []


@pytest.mark.parametrize("q", ["", "  ", "\u200b\u3164", "\u2800", "\t"])
def test_nothing_typed_shows_where_one_can_go(
    q: str, world: dict[str, Any], supervisor: User, browse: Callable[..., Client]
) -> None:
    html = answer(browse(supervisor), q)

    assert GROUP.findall(html) == ["pages", "actions"] or "found-pages" in html
    assert hits(html, "notices") == hits(html, "chats") == hits(html, "sends") == []
    assert "Board" in hits(html, "pages")


ODD = ["%", "_", "%_%", "\\", "'", "''; --", "\ud800", "\ufffd", "/", "//", "#", "send", "1" * 30]
ODD += ["x" * 200, "a " * 100, "\u202e", "ﷺ" * 50, "<b>", "😀" * 100, "& | !", "0" * 18, "&amp;"]


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.AUDITOR, Role.ADMINISTRATOR])
def test_odd_texts_find_little_and_break_nothing(
    role: str, world: dict[str, Any], make_user: Callable[..., User], browse: Callable[..., Client]
) -> None:
    client = browse(make_user("mia", role))
    for q in ODD:
        typed = q.encode("utf-8", "surrogatepass")
        response = client.get(reverse("search"), {"q": typed}, headers={"HX-Request": "true"})
        assert response.status_code == 200, q
    for q in ("%", "_"):
        html = answer(client, q)
        assert [each for each in ("notices", "chats", "sends", "people") if hits(html, each)] == []


def test_too_long_a_text_is_refused_and_kept(
    world: dict[str, Any], supervisor: User, browse: Callable[..., Client]
) -> None:
    response = browse(supervisor).get(reverse("search"), {"q": "late " * 41})

    assert response.status_code == 422
    assert "at most 200 characters" in response.content.decode()
    assert "late late" in response.content.decode()
    assert HIT.findall(response.content.decode()) == []


def test_a_group_has_a_few_and_leads_to_all(
    supervisor: User,
    make_notice: Callable[..., Any],
    make_interaction: Callable[..., Any],
    browse: Callable[..., Client],
) -> None:
    for number in range(MOST_A_GROUP + 2):
        make_notice(key=f"storm-{number}")
        make_interaction(user_data={"FirstName": "Storm"})
    client = browse(supervisor)

    html = answer(client, "storm")

    assert len(hits(html, "notices")) == len(hits(html, "chats")) == MOST_A_GROUP
    assert "All 7 in Notices" in html
    assert "All 7 on the board" in html
    for url in ("/notices/?q=storm", "/board/?q=storm"):
        assert f'href="{url}"' in html
        assert client.get(url).content.decode().count("<tr") >= 7


def test_a_kind_that_takes_too_long_is_left_out_and_said(
    world: dict[str, Any],
    supervisor: User,
    browse: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PostgreSQL itself ends the statement; the other kinds are there nevertheless."""
    from console.web.search import kinds

    def sleeps(actor: Any, q: str) -> Any:
        return Send.objects.extra(where=["pg_sleep(30) IS NOT NULL"]).values_list("pk", flat=True)

    def find(actor: Any, q: str) -> Any:
        return list(sleeps(actor, q))

    slow = kinds.Kind(kinds.KINDS[3].label, find, kinds.KINDS[3].permissions)
    monkeypatch.setattr("console.web.search.views.KINDS", (kinds.KINDS[0], slow, kinds.KINDS[2]))
    monkeypatch.setattr("console.web.search.views.SECONDS", 0.5)

    html = answer(browse(supervisor), "late")

    assert hits(html, "notices")[0] == "Parcel delayed"
    assert "Took too long, and is left out: Sends, Live chats" in html


def test_the_page_works_without_scripts_and_has_its_own_address(
    world: dict[str, Any], supervisor: User, browse: Callable[..., Client]
) -> None:
    client = browse(supervisor)
    frame = client.get(reverse("help")).content.decode()
    assert re.search(r'<a [^>]*href="/search/"[^>]*data-opens-dialog="jump"', frame)

    html = client.get(reverse("search"), {"q": "/late"}).content.decode()

    assert "<title>Search: /late · Notice Console</title>" in html
    assert 'value="/late"' in html
    assert "Parcel delayed" in html
    assert 'role="option"' not in html


def test_who_must_choose_a_password_does_that_first(
    world: dict[str, Any], supervisor: User, browse: Callable[..., Client]
) -> None:
    client = browse(supervisor)
    User.objects.filter(pk=supervisor.pk).update(must_change_password=True)

    assert client.get(reverse("search"), {"q": "late"})["Location"] == reverse(
        "account_change_password"
    )


# --- How the database is asked --------------------------------------------------------------------


GROWN = ("sends_delivery", "sends_send")


def walks(plan: dict[str, Any]) -> list[str]:
    """Of the tables that grow those that a plan goes through row by row: to filter them without a
    condition on an index. The newest row by the primary key is no such walk."""
    table, kind = plan.get("Relation Name", ""), plan["Node Type"]
    is_filtered = "Filter" in plan and "Index Cond" not in plan and kind != "Bitmap Heap Scan"
    found = [table] if table in GROWN and (is_filtered or kind == "Seq Scan") else []
    return found + [each for part in plan.get("Plans", []) for each in walks(part)]


@pytest.mark.parametrize("who", ["supervisor", "approver", "auditor", "administrator"])
def test_no_search_goes_through_a_whole_table_that_grows(
    who: str,
    world: dict[str, Any],
    browse: Callable[..., Client],
    request: pytest.FixtureRequest,
) -> None:
    """With sequential scans forbidden, PostgreSQL does one only where no index helps at all."""
    client = browse(request.getfixturevalue(who))
    with CaptureQueriesContext(connection) as made:
        for q in ("/late", "parcel zoë", "12", "0001ABCD"):
            answer(client, q)
    assert len(made) < 4 * 60
    walked = []
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        # As if there were six million: of a table of one row any way through it is as good.
        cursor.execute(
            "UPDATE pg_class SET relpages = 1, reltuples = 6000000 WHERE relname = ANY(%s)",
            [list(GROWN)],
        )
        cursor.execute("SET LOCAL enable_seqscan = off")
        for query in made.captured_queries:
            if query["sql"].startswith("SELECT") and "set_config" not in query["sql"]:
                cursor.execute("EXPLAIN (FORMAT JSON) " + query["sql"].replace("%", "%%"))
                plan = cursor.fetchone()[0][0]["Plan"]
                walked += [(table, query["sql"]) for table in walks(plan)]
    assert walked == []
