"""A form that comes back has the focus where the person goes on: in the first field that was
refused, on what is said of the whole, or in the row that was asked for."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from console.accounts.models import User
from console.accounts.roles import Role
from console.catalogue.models import NoticeVersion

pytestmark = pytest.mark.django_db

# Every form of a page of its own, and what of it is refused when it comes with nothing in it.
FORMS = [
    ("/people/new/", "username"),
    ("/teams/new/", "name"),
    ("/api-clients/new/", "name"),
    ("/webhooks/new/", "name"),
    ("/chat-servers/new/", "name"),
    ("/categories/new/", "name"),
    ("/presets/new/", "name"),
    ("/notices/new/", "title"),
    ("/notices/import/", "file"),
    ("/notices/hello/edit/", "form-0-locale"),
    ("/notices/hello/settings/", "title"),
    ("/account/password/", "oldpassword"),
    ("/sending/stop/", "reason"),
]
AUTOFOCUS = re.compile(r"<(\w+)\b[^<>]*\sautofocus\b[^<>]*>")
BODIES = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "0", "asked-TOTAL_FORMS": "0"}
ROWS = {
    **BODIES,
    "asked-INITIAL_FORMS": "0",
    "form-0-locale": "",
    "form-0-body": "Hello",
    "default_locale": "en",
}


@pytest.fixture
def page(make_user: Callable[..., User], browse: Callable[..., Client]) -> Client:
    return browse(make_user("all", *Role.values))


def first_focus(html: str) -> str:
    """The tag in `main` that a browser gives the focus to."""
    main = html[html.index("<main") : html.index("</main>")]
    found = AUTOFOCUS.search(main)
    return found[0] if found else ""


@pytest.mark.parametrize(("address", "field"), FORMS)
def test_a_refused_form_has_the_focus_in_what_was_refused(
    address: str, field: str, page: Client, make_notice: Callable[..., NoticeVersion]
) -> None:
    if "hello" in address:
        make_notice(key="hello")
    answer = page.post(address, ROWS if address.endswith("/edit/") else {"nothing": "in it"})
    html = answer.content.decode()
    focus = first_focus(html)
    assert f'name="{field}"' in focus or 'role="alert"' in focus, (answer.status_code, focus)


@pytest.mark.parametrize(
    ("asked", "field"), [("add", "form-1-locale"), ("add_field", "asked-0-name")]
)
def test_one_more_row_has_the_focus(
    asked: str, field: str, page: Client, make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice(key="hello")
    html = page.post("/notices/hello/edit/", ROWS | {asked: "1"}).content.decode()
    assert f'name="{field}"' in first_focus(html)
