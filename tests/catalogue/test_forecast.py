"""What live chats carry, and in how many of them a text would fail."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import caches

from console.accounts.models import User
from console.catalogue.models import NoticeVersion
from console.catalogue.review.forecast import forecasts
from console.catalogue.review.remarks import failing_notices, version_checks
from console.catalogue.templating.language import first_mistake
from console.catalogue.templating.variables import variables_carried
from console.errors import PermissionRefused

pytestmark = pytest.mark.django_db


@pytest.fixture
def chats(make_interaction: Callable[..., Any]) -> None:
    """Ten live chats of which seven have an order, and two that say nothing of it any more."""
    for number in range(10):
        order = {"OrderId": f"A-{number}"} if number < 7 else {"OrderId": " " * (number - 7)}
        make_interaction(
            f"chat{number}",
            queue="sales",
            user_data={**order, "Order Id": "x", "Address": {"City": "Köln", "Street": " "}},
        )
    for name in ("gone1", "gone2"):
        make_interaction(name, user_data={"Gone": "x"})
        make_interaction(name, type="stopped")


# --- Variables -----------------------------------------------------------------------------------


def test_the_variables_with_how_often_each_has_a_value(editor: User, chats: None) -> None:
    """An editor sees no chat, and no value."""
    carried = variables_carried(editor.to_actor())
    percents = {variable.path: variable.percent for variable in carried.variables}
    assert carried.chats == 10
    assert percents["data.OrderId"] == 70
    assert percents["data['Order Id']"] == 100
    assert percents["data.Address.City"] == 100
    assert percents["interaction.queue"] == 100
    assert not {"data.Gone", "data.Address.Street", "data.Address"} & set(percents)
    assert "A-1" not in str(carried)
    assert [one.percent for one in carried.variables] == sorted(percents.values(), reverse=True)


def test_every_variable_can_be_written_as_it_is_told(
    editor: User, make_interaction: Callable[..., Any]
) -> None:
    names = ["Plain", "with-hyphen", "two words", "it's", "1st", "a.b", "}}", "size"]
    make_interaction(user_data={name: {name: "x"} for name in names} | {"Top '1'": "x"})
    carried = variables_carried(editor.to_actor())
    paths = [one.path for one in carried.variables if one.path.startswith("data")]
    assert len(paths) == len(names) - 1 + 6  # all but the braces, and what every chat has
    wrong = [path for path in paths if first_mistake(False, f"{{{{ {path} }}}}")]
    assert wrong == []


def test_without_live_chats_there_is_nothing_to_tell(editor: User) -> None:
    carried = variables_carried(editor.to_actor())
    assert (carried.chats, carried.variables) == (0, [])


def test_who_may_not_see_the_catalogue_learns_no_names(auditor: User, chats: None) -> None:
    actor = auditor.to_actor()
    if actor.permissions:
        actor = type(actor)(actor.ref, actor.name)
    with pytest.raises(PermissionRefused):
        variables_carried(actor)


# --- Forecast ------------------------------------------------------------------------------------


def test_in_how_many_chats_a_text_would_fail(
    chats: None, make_notice: Callable[..., NoticeVersion], settings: Any
) -> None:
    version = make_notice("Order {{ data.OrderId }}, {{ field.day }}", fields=[{"name": "day"}])
    good = make_notice("Order {{ data.OrderId | default: 'yours' }}")
    found = forecasts([version, good])
    assert (found[version.pk].tried, found[version.pk].failing) == (10, 3)
    assert found[version.pk].why == "data.OrderId"
    assert found[good.pk].failing == 0

    assert failing_notices([version.notice, good.notice]) == {version.notice_id: found[version.pk]}
    settings.VARIABLE_WARN_PERCENT = 30  # just so many is not more
    assert failing_notices([version.notice]) == {}


def test_each_chat_has_the_text_of_its_language(
    make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]
) -> None:
    for locale in ("en", "de", "de-AT", "pt"):
        make_interaction(locale=locale)
    version = make_notice(bodies={"en": "Hello", "de": "Hallo {{ data.Anrede }}"})
    assert forecasts([version])[version.pk].failing == 2


def test_a_snippet_may_be_what_fails(
    chats: None, make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice("Order {{ data.OrderId }}", key="order", kind="snippet")
    version = make_notice("Your {% snippet 'order' %}.")
    assert forecasts([version])[version.pk].failing == 3


def test_the_queries_do_not_grow_with_the_notices(
    chats: None, make_notice: Callable[..., NoticeVersion], django_assert_num_queries: Any
) -> None:
    versions = [make_notice("Order {{ data.OrderId }}") for _ in range(6)]
    for some in (versions[:1], versions):
        caches["process"].clear()
        with django_assert_num_queries(3):  # which versions there are, their texts, the chats
            failing_notices([version.notice for version in some])
    with django_assert_num_queries(1):  # what was tried a moment ago is not tried again
        failing_notices([version.notice for version in versions])


def test_all_checks_of_a_notice(
    chats: None, make_notice: Callable[..., NoticeVersion], make_interaction: Callable[..., Any]
) -> None:
    make_interaction(locale="ja")
    version = make_notice("Order {{ data.OrderId }}")
    checks = version_checks([version])[version.pk]
    assert not checks.are_good
    assert checks.forecast.is_bad
    assert [one.locale for one in checks.missing] == ["ja"]
    assert (checks.stale, checks.outdated) == ([], [])
