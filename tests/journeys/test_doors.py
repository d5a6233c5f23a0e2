"""Security keys and the directory in a real browser, where second factors are needed."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Person, take_picture
from tests.journeys.test_signing_in import (
    OWN_PASSWORD,
    give_password,
    newcomer,
    sign_out,
    use_key,
    with_security_key,
)
from tests.oidc.provider import running_provider
from tests.support.demos import Demo, Program
from tests.support.directory_server import CLIENT_ID, CLIENT_SECRET
from tests.support.lying_proxy import LyingProxy, running_proxy

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def directory() -> Iterator[LyingProxy]:
    with running_proxy() as proxy:
        yield proxy


@pytest.fixture(scope="module")
def console(demo: Demo, directory: LyingProxy) -> Iterator[str]:
    """The address of a second web server on the demo's data, which is as strict as a site's and
    knows a directory. Browsers give keys to names, not to numbers."""
    program = Program(
        *("serve", "--port", "0"),
        data=demo.data,
        CONSOLE_SECOND_FACTOR="privileged",
        CONSOLE_OIDC_URL=directory.address,
        CONSOLE_OIDC_NAME="Example Ltd",
        CONSOLE_OIDC_CLIENT_ID=CLIENT_ID,
        CONSOLE_OIDC_CLIENT_SECRET=CLIENT_SECRET,
        CONSOLE_OIDC_ROLES="approver=cc-leads",
        CONSOLE_OIDC_RETURN="1",
    )
    try:
        port = program.says(r"Serving on http://127\.0\.0\.1:(\d+)/")[1]
        address = f"http://localhost:{port}"
        with running_provider(directory.address, address) as behind:
            directory.behind = behind
            yield address
    finally:
        program.close()


def enter(page: Page, name: str, password: str) -> None:
    page.goto("/accounts/login/")
    give_password(page, name, password)
    expect(page.get_by_role("navigation", name="Main")).to_be_attached()


def set_up_a_key(page: Page, name: str) -> None:
    page.goto("/account/second-factor/")
    page.get_by_role("link", name="Add one").click()
    page.get_by_label("What you call it").fill(name)
    use_key(page, "Use the key now")
    expect(page.locator(".codes li")).to_have_count(10)


def test_a_key_whose_counter_went_back_opens_nothing(
    demo: Demo, console: str, person: Callable[..., Person]
) -> None:
    name = newcomer(demo, "kay")
    page = person("", base_url=console).page
    key = with_security_key(page)
    enter(page, name, OWN_PASSWORD)
    set_up_a_key(page, "The blue one")
    sign_out(page)
    give_password(page, name, OWN_PASSWORD)
    use_key(page, "Use a security key")
    expect(page.get_by_role("navigation", name="Main")).to_be_attached()
    sign_out(page)

    key.counts_from(0)
    give_password(page, name, OWN_PASSWORD)
    use_key(page, "Use a security key")
    expect(page.get_by_text("there may be a copy of it")).to_be_visible()
    page.goto("/notices/")
    expect(page).to_have_url(re.compile("/accounts/second-factor/"))

    key.counts_from(100)
    use_key(page, "Use a security key")
    expect(page.get_by_role("navigation", name="Main")).to_be_attached()
    auditor = person("audrey").page
    auditor.goto("/audit/?q=second_factor_failed")
    expect(auditor.get_by_text("counter").first).to_be_attached()


def test_the_last_key_of_an_approver_stays(
    demo: Demo, console: str, person: Callable[..., Person]
) -> None:
    name = newcomer(demo, "lara")
    page = person("", base_url=console).page
    with_security_key(page)
    enter(page, name, OWN_PASSWORD)
    set_up_a_key(page, "The only one")
    page.goto("/account/second-factor/")
    page.get_by_role("link", name="Remove", exact=True).click()
    expect(page.get_by_text("this is the last one")).to_be_visible()
    expect(page.get_by_role("button", name="Remove it")).to_have_count(0)
    take_picture(page, "last-key")


def test_a_person_of_the_directory_from_the_first_sign_in_to_signing_out(
    directory: LyingProxy, console: str, person: Callable[..., Person]
) -> None:
    directory.claims = {
        "sub": "4711",
        "preferred_username": "dora.lee",
        "given_name": "Dora",
        "groups": ["cc-leads"],
    }
    page = person("", base_url=console).page
    with_security_key(page)
    page.goto("/accounts/login/")
    page.get_by_role("link", name="Sign in with Example Ltd").click()
    expect(page.get_by_text("they need a second factor")).to_be_visible()
    set_up_a_key(page, "Of the house")
    page.goto("/account/")
    expect(page.get_by_role("link", name="Your account and Example Ltd")).to_be_visible()

    page.get_by_role("button", name=re.compile("^Account of")).click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    # The directory's own page, to which no form may lead.
    page.wait_for_url(f"{directory.address}/sign-out**")
    page.evaluate(
        "document.forms[0].append(Object.assign(document.createElement('input'),"
        "{name: 'logout', value: 'yes'})); document.forms[0].submit()"
    )
    page.wait_for_url(f"{console}/accounts/login/**")


def test_a_local_account_is_linked_and_unlinked(
    demo: Demo, directory: LyingProxy, console: str, person: Callable[..., Person]
) -> None:
    directory.claims = {"sub": "4713", "preferred_username": "sue.lee", "groups": ["cc-leads"]}
    page = person("", base_url=console).page
    with_security_key(page)
    enter(page, newcomer(demo, "lin"), OWN_PASSWORD)
    set_up_a_key(page, "Hers")
    page.goto("/account/directory/")
    page.get_by_role("link", name="Link it to Example Ltd").click()
    expect(page.get_by_role("heading", name="Is this you?")).to_be_visible()
    take_picture(page, "directory-link")
    page.get_by_role("button", name="Yes, link it").click()
    expect(page.get_by_text("Your account is linked to the directory.")).to_be_visible()
    page.get_by_role("button", name="Undo the link").click()
    expect(page.get_by_text("is not linked to the directory any more")).to_be_visible()
