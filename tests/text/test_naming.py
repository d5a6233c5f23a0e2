"""Names that people read as one are one: for the services, for PostgreSQL, and in files."""

import sys
import unicodedata
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction

from console.accounts.migrations._naming import name_key_sql, no_name_key_sql
from console.accounts.models import Team
from console.accounts.services import api_client_create, team_create, team_update
from console.catalogue.content.categories import category_create
from console.catalogue.content.notices import notice_create
from console.catalogue.models import CannedNotice, Category
from console.catalogue.review.presets import preset_create
from console.catalogue.selectors import notices
from console.catalogue.transfer.importing import catalogue_import
from console.errors import ConsoleError
from console.interactions.services import chat_server_create
from console.text.naming import FOLDS, folded
from console.webhooks.services import webhook_create
from tests.support.factories import ROOT

pytestmark = pytest.mark.django_db

NAME = "Café  Desk"
SAME = {
    "case": "CAFÉ  DESK",
    "blanks": " Café\u00a0Desk ",
    "decomposed": unicodedata.normalize("NFD", NAME),
    "invisible": "Ca\u200bfé  De\u2060sk\u00ad",
}
CREATE: dict[str, Callable[[str], object]] = {
    "team": lambda name: team_create(ROOT, name=name),
    "API client": lambda name: api_client_create(ROOT, name=name, scopes=["read"]),
    "preset": lambda name: preset_create(ROOT, name=name, visibility="INT"),
    "category": lambda name: category_create(ROOT, name=name),
    "webhook": lambda name: webhook_create(
        ROOT, name=name, url="https://1.1.1.1/", events=["send.finished"]
    ),
}


@pytest.mark.parametrize("way", SAME)
@pytest.mark.parametrize("kind", CREATE)
def test_a_name_that_reads_the_same_is_taken(kind: str, way: str) -> None:
    CREATE[kind](NAME)
    with pytest.raises(ConsoleError) as refused:
        CREATE[kind](SAME[way])
    assert refused.value.code in ("name_taken", "look_alike")
    CREATE[kind](f"{NAME} 2")


def test_chat_servers_too() -> None:
    chat_server_create(ROOT, name="chat-east", url="esp+json://h:1")
    with pytest.raises(ConsoleError) as refused:
        chat_server_create(ROOT, name="Chat-East", url="esp+json://h:1")
    assert refused.value.code == "name_taken"


def test_ones_own_name_may_be_spelled_otherwise() -> None:
    team = team_create(ROOT, name="sales")
    assert team_update(ROOT, team, name="Sales", queues=[], members=[]).name == "Sales"


def test_each_character_that_folds_to_one_is_known() -> None:
    folds = {code: chr(code).casefold() for code in range(sys.maxunicode + 1)}
    assert {
        code: fold for code, fold in folds.items() if len(fold) == 1 and fold != chr(code)
    } == FOLDS


def test_postgresql_folds_as_python_does() -> None:
    """Every character, in pieces; each between letters, so that none is at an edge."""
    pieces = [
        "".join(
            f"a{chr(code)}b"
            for code in range(start, min(start + 512, sys.maxunicode + 1))
            if code and not 0xD800 <= code < 0xE000
        )
        for start in range(0, 0x20000, 512)
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT console_folded_each(%s)", [pieces])
        answers = cursor.fetchone()[0]
    wrong = [start for start, piece in enumerate(pieces) if answers[start] != folded(piece)]
    assert wrong == []


def test_by_sql_neither() -> None:
    team_create(ROOT, name=NAME)
    other = team_create(ROOT, name="Other")
    with pytest.raises(IntegrityError), transaction.atomic():
        Team.objects.create(name=SAME["decomposed"])
    with pytest.raises(IntegrityError), transaction.atomic():
        Team.objects.filter(pk=other.pk).update(name=SAME["case"])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_team SET name_key = 'x' WHERE id = %s", [other.pk])
    other.refresh_from_db()
    with pytest.raises(ConsoleError):
        team_create(ROOT, name="OTHER")


def test_names_that_clash_already_stay_and_no_more_come() -> None:
    """What the migration does with them."""
    table = "accounts_team"
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(no_name_key_sql(table))
        for name in ("sales", "Sales", "SALES"):
            cursor.execute(f"INSERT INTO {table} (name, queues) VALUES (%s, '{{}}')", [name])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(name_key_sql(table))
    assert set(Team.objects.values_list("name", flat=True)) == {"sales", "Sales", "SALES"}
    with pytest.raises(ConsoleError):
        team_create(ROOT, name="sAles")
    second = Team.objects.get(name="Sales")
    changed = team_update(ROOT, second, name="Sales", queues=["orders"], members=[])
    assert changed.queues == ["orders"]


def test_tags_are_what_they_read_as() -> None:
    assert notice_create(
        ROOT, key="late", kind="message", title="Late", tags=[NAME, *SAME.values()]
    ).tags == ["café desk"]
    with pytest.raises(IntegrityError), transaction.atomic():
        CannedNotice.objects.update(tags=["Urgent", "urgent"])
    joined = notice_create(
        ROOT, key="other", kind="message", title="Other", tags=["ca\u200bfé desk"]
    )
    assert joined.tags == ["ca\u200bfé desk"]
    assert {each.key for each in notices(ROOT, tag=NAME)} == {"late", "other"}


def test_a_notice_goes_into_the_category_that_reads_the_same() -> None:
    category_create(ROOT, name="Delivery")
    notice = notice_create(
        ROOT, key="late", kind="message", title="Late", category="DELIVERY / New"
    )
    assert notice.category is not None
    assert notice.category.path == "Delivery / New"


def test_a_file_names_them_as_people_read_them(team: Team) -> None:
    category_create(ROOT, name="Delivery")
    rows = (
        "key,kind,title,category,team,body:en\n"
        "one,message,One,DELIVERY / Late,sales,It is late.\n"
        "two,message,Two,delivery / LATE,SALES,It is later.\n"
    )
    catalogue_import(ROOT, file_name="x.csv", content=rows.encode())
    assert set(Category.objects.values_list("path", flat=True)) == {"Delivery", "Delivery / Late"}
    assert Team.objects.count() == 1
