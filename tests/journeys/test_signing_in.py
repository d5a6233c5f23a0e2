"""Second factor and lock-out in a real browser, against the running demo."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.journeys.conftest import Person, take_picture
from tests.support import warm_start
from tests.support.browsing import Complaints
from tests.support.demos import MANAGE, Demo, environment

pytestmark = pytest.mark.browser

OWN_PASSWORD = "lanterns along the pier"


def newcomer(demo: Demo, name: str) -> str:
    """Somebody whom no other test signs in. Answers the name."""
    warm_start.run(
        [MANAGE, "create_admin", name, "--role", "approver"],
        env={**environment(demo.data), "CONSOLE_ADMIN_PASSWORD": OWN_PASSWORD},
        timeout=60,
    ).check_returncode()
    return name


def give_password(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def with_security_key(page: Page) -> "SecurityKey":
    """A key that is touched at once whenever it is asked."""
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "usb",
        "hasResidentKey": False,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    added = device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return SecurityKey(device, added["authenticatorId"])


@dataclass(frozen=True)
class SecurityKey:
    device: CDPSession
    name: str

    def counts_from(self, counter: int) -> None:
        """As one that has been used so often, be it this one or its copy."""
        of_it = {"authenticatorId": self.name}
        for credential in self.device.send("WebAuthn.getCredentials", of_it)["credentials"]:
            which = {**of_it, "credentialId": credential["credentialId"]}
            self.device.send("WebAuthn.removeCredential", which)
            changed = {**credential, "signCount": counter}
            self.device.send("WebAuthn.addCredential", {**of_it, "credential": changed})


def use_key(page: Page, button: str) -> None:
    """By the button with these words."""
    expect(page.get_by_role("button", name=button)).to_be_visible()
    page.wait_for_load_state()  # from now on its scripts listen
    page.get_by_role("button", name=button).click()


def test_a_security_key_is_set_up_and_signs_in(demo: Demo, person: Callable[..., Person]) -> None:
    name = newcomer(demo, "vera")
    page = person("").page
    with_security_key(page)
    page.goto("/accounts/login/")
    give_password(page, name, OWN_PASSWORD)

    page.get_by_role("button", name="Account of vera").click()
    page.get_by_role("link", name="Your account").click()
    page.get_by_role("link", name="Look after it").click()
    page.get_by_role("link", name="Add one").click()
    page.get_by_label("What you call it").fill("The blue one")
    use_key(page, "Use the key now")

    expect(page.get_by_text("These are shown this once.")).to_be_visible()
    expect(page.locator(".codes li")).to_have_count(10)
    recovery = page.locator(".codes li").first.inner_text()
    take_picture(page, "recovery-codes")
    page.goto("/account/second-factor/")
    expect(page.get_by_role("rowheader", name="The blue one")).to_be_visible()

    sign_out(page)
    give_password(page, name, OWN_PASSWORD)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    take_picture(page, "second-factor")
    page.goto("/notices/")
    expect(page).to_have_url(re.compile("/accounts/second-factor/"))  # the password opens nothing
    use_key(page, "Use a security key")
    expect(page.get_by_role("navigation", name="Main")).to_be_attached()

    sign_out(page)
    give_password(page, name, OWN_PASSWORD)
    page.get_by_label("Code").fill(recovery)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("navigation", name="Main")).to_be_attached()


def test_where_no_key_can_be_used_the_page_says_why(
    demo: Demo, person: Callable[..., Person]
) -> None:
    name = newcomer(demo, "nora")
    # Browsers give keys to names, not to numbers.
    page = person("", base_url=demo.address.replace("localhost", "127.0.0.1")).page
    with_security_key(page)
    page.goto("/accounts/login/")
    give_password(page, name, OWN_PASSWORD)
    page.goto("/account/second-factor/key/")
    page.get_by_label("What you call it").fill("The blue one")
    use_key(page, "Use the key now")
    expect(page.get_by_text("Open the console by its name")).to_be_visible()


def sign_out(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Account of")).click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_label("Name")).to_be_visible()


def test_a_locked_account_is_released_by_an_administrator(
    demo: Demo, person: Callable[..., Person], complaints: Complaints
) -> None:
    complaints.expect("429")
    name = newcomer(demo, "lex")
    lex = person("")
    lex.page.goto("/accounts/login/")
    for _ in range(8):
        give_password(lex.page, name, "not the right one")
    expect(lex.page.get_by_role("heading", name="Locked for now")).to_be_visible()
    take_picture(lex.page, "locked")
    lex.page.get_by_role("link", name="Back to the sign-in").click()
    give_password(lex.page, name, OWN_PASSWORD)
    expect(lex.page.get_by_role("heading", name="Locked for now")).to_be_visible()

    adam = person("adam").page
    adam.goto("/people/?q=lex")
    adam.get_by_role("link", name="lex").click()
    take_picture(adam, "locked-person")
    adam.get_by_role("link", name="Release").click()
    adam.get_by_role("dialog").get_by_role("button", name="Release").click()
    expect(adam.get_by_text("lex can try again now.")).to_be_visible()

    lex.page.goto("/accounts/login/")
    give_password(lex.page, name, OWN_PASSWORD)
    expect(lex.page.get_by_role("navigation", name="Main")).to_be_attached()
