"""Writing outlives the session, the line and the server: what was typed is kept, and is for nobody
else."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, expect

from tests.pages.browsing import Desk
from tests.pages.interrupting import (
    NOTICE,
    cut,
    end_session,
    frozen,
    kept,
    lose_answer,
    saves,
    sign_in_again,
    write,
)
from tests.pages.test_in_browser import wait_for_scripts
from tests.support.axe import faults
from tests.support.browsing import Complaints
from tests.support.demos import Demo

pytestmark = pytest.mark.browser


# --- While writing --------------------------------------------------------------------------------


def test_signed_out_while_writing(seated: Callable[..., Desk]) -> None:
    desk = seated()
    desk.let_in("eddy")
    page = write(desk, "Signed out in the middle")
    rows = page.get_by_label("Text", exact=True)
    before = rows.count()
    page.get_by_role("button", name="Another language").click()
    expect(rows).to_have_count(before + 1)
    wait_for_scripts(page)
    expect(rows.first).to_have_value("Signed out in the middle")
    expect(page.locator("[data-unsaved-note]")).to_have_count(0)  # the page shows all of it
    page.get_by_label("Language", exact=True).last.fill("de-AT")
    page.get_by_label("Text", exact=True).last.fill("Mittendrin")
    end_session(desk)
    page.get_by_role("button", name="Save draft").click()
    sign_in_again(page, "eddy")

    expect(page.get_by_text("You had been signed out, so “Save draft”")).to_be_visible()
    page.get_by_role("button", name="Put it back").click()
    expect(page.get_by_label("Text", exact=True).last).to_have_value("Mittendrin")
    expect(page.get_by_label("Text", exact=True).first).to_have_value("Signed out in the middle")
    wait_for_scripts(page)
    expect(page.locator("[data-unsaved-note]")).to_have_count(0)
    saves(page)
    assert kept(page) == []


def test_the_network_is_cut_while_writing(seated: Callable[..., Desk]) -> None:
    desk = seated()
    desk.let_in("eddy")
    page = write(desk, "Cut in the middle")
    with cut(desk):
        page.get_by_role("button", name="Save draft").click()
        expect(page.get_by_text("“Save draft” was not sent to it")).to_be_visible()
        expect(page.get_by_label("Text", exact=True).first).to_have_value("Cut in the middle")
    saves(page)
    assert kept(page) == []


def test_the_server_hangs_while_writing(seated: Callable[..., Desk], demo: Demo) -> None:
    desk = seated()
    desk.let_in("eddy")
    page = write(desk, "Hung in the middle")
    with frozen(demo):
        page.get_by_role("button", name="Save draft").click()
        expect(page.get_by_text("“Save draft” was not sent to it")).to_be_visible()
        assert "Nothing was" not in page.locator("body").inner_text()
    saves(page)
    assert kept(page) == []


def test_the_answer_to_a_save_is_lost(seated: Callable[..., Desk]) -> None:
    """The page that comes back shows what is saved: there is nothing to offer."""
    desk = seated()
    desk.let_in("eddy")
    page = write(desk, "Saved, and never heard")

    page.route("**/notices/agent-soon/edit/", lose_answer)
    with page.expect_event("requestfailed", lambda request: request.method == "POST"):
        page.get_by_role("button", name="Save draft").click()
    page.unroute_all()
    desk.go("/notices/agent-soon/edit/")
    wait_for_scripts(page)
    expect(page.get_by_label("Text", exact=True).first).to_have_value("Saved, and never heard")
    expect(page.locator("[data-unsaved-note]")).to_have_count(0)
    assert kept(page) == []


def test_a_token_of_before_signing_in_anew_elsewhere(seated: Callable[..., Desk]) -> None:
    """The open page gets the new one by itself."""
    desk = seated()
    desk.let_in("eddy")
    page = write(desk, "Signed in anew elsewhere")
    desk.context.clear_cookies()
    other = desk.open()
    other.goto(f"{desk.address}/accounts/login/")
    sign_in_again(other, "eddy")
    saves(page)


def test_a_draft_saves_itself(seated: Callable[..., Desk]) -> None:
    desk = seated()
    desk.let_in("eddy")
    page = write(desk, "First words")
    saves(page)
    desk.page.clock.install()
    page = write(desk, "Second words")
    page.clock.fast_forward(25_000)
    expect(page.locator("[data-draft-state]")).to_have_text(re.compile(r"^Saved \d\d:\d\d:\d\d$"))
    assert kept(page) == []
    page.get_by_label("Language", exact=True).first.fill("not a language")
    page.clock.fast_forward(60_000)
    expect(page.locator("[data-draft-state]")).to_contain_text("Not saved by itself:")
    assert len(kept(page)) == 1
    page.get_by_label("Language", exact=True).first.fill("en")
    saves(page)  # and is not at odds with what saved itself
    desk.go("/notices/agent-soon/edit/")
    expect(page.get_by_label("Text", exact=True).first).to_have_value("Second words")


# The form is submitted a second time once the console has said who is signed in.
HIDDEN_WHEN_SENT = """() => {
    let submits = 0;
    const real = window.fetch;
    window.fetch = (url, ...rest) => {
        if (submits === 2) sessionStorage.setItem("asked-late", url);
        return real(url, ...rest);
    };
    document.addEventListener("submit", () => {
        submits += 1;
        if (submits < 2) return;
        Object.defineProperty(document, "hidden", { value: true });
        document.dispatchEvent(new Event("visibilitychange"));
    });
}"""


def test_a_draft_on_its_way_does_not_also_save_itself(seated: Callable[..., Desk]) -> None:
    """The page is hidden when the answer comes. Two saves at once would be an edit conflict of
    somebody with themselves."""
    desk = seated()
    desk.let_in("eddy")
    saves(write(desk, "A draft of one's own"))
    page = write(desk, "On its way, and the page is hidden")
    page.evaluate(HIDDEN_WHEN_SENT)
    saves(page)
    assert page.evaluate("sessionStorage.getItem('asked-late')") is None


def test_signed_out_by_somebody_else_while_writing(seated: Callable[..., Desk]) -> None:
    """Nobody is torn away from what they write, and no connection was lost."""
    desk = seated()
    page = desk.sign_in_anew("eddy")
    write(desk, "Still writing")
    desk.context.clear_cookies(name="sessionid")
    page.get_by_label("Text", exact=True).first.fill("Still writing this")  # asks for a preview
    expect(page.get_by_text("You have been signed out")).to_be_visible()
    expect(page.get_by_text("Connection lost")).to_be_hidden()
    page.get_by_role("link", name="Sign in again").click()
    sign_in_again(page, "eddy")
    page.get_by_role("button", name="Put it back").click()
    expect(page.get_by_label("Text", exact=True).first).to_have_value("Still writing this")


# --- Leaving, other people, other forms -----------------------------------------------------------


def test_leaving_unsaved_text_asks(seated: Callable[..., Desk], complaints: Complaints) -> None:
    desk = seated()
    page = desk.let_in("eddy")
    asked: list[str] = []

    def accept(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", accept)
    # A draft saves itself when its page goes away, where there is still time for that.
    complaints.expect("Failed to load resource")
    page.route("**/autosave/", lambda route: route.abort())
    desk.go("/notices/agent-soon/edit/")
    wait_for_scripts(page)
    page.get_by_label("Text", exact=True).first.click()
    desk.go("/notices/")
    assert asked == []
    write(desk, "Not saved")
    desk.go("/notices/")
    assert asked == ["beforeunload"]
    desk.go("/notices/agent-soon/edit/")
    wait_for_scripts(page)
    expect(page.get_by_text("You were writing this at")).to_be_visible()
    page.get_by_role("button", name="Throw it away").click()
    assert kept(page) == []


def test_what_one_wrote_is_for_nobody_else(seated: Callable[..., Desk]) -> None:
    desk = seated()
    desk.let_in("eddy")
    page = write(desk, "Of Eddy alone")
    end_session(desk)
    page.get_by_role("button", name="Save draft").click()
    sign_in_again(page, "sue")
    desk.go("/board/")
    wait_for_scripts(page)
    expect(page.locator("[data-unsaved-note]")).to_have_count(0)
    assert len(kept(page)) == 1


def test_signing_out_asks_and_throws_it_away(seated: Callable[..., Desk]) -> None:
    desk = seated()
    page = desk.sign_in_anew("eddy")
    write(desk, "Before the end of the shift")
    page.get_by_role("button", name="Account of").click()
    page.get_by_role("button", name="Sign out").click()
    question = page.get_by_role("dialog", name="Sign out and throw this away?")
    expect(question).to_contain_text(NOTICE)
    assert faults(page) == []
    question.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert kept(page) == []


FORMS = {
    "eddy": (
        *("/notices/new/", "/notices/agent-soon/settings/", "/categories/new/"),
        "/presets/new/",
    ),
    "adam": (
        *("/people/new/", "/teams/new/", "/api-clients/new/", "/webhooks/new/"),
        "/chat-servers/new/",
    ),
}


def test_every_form_offers_what_was_typed(seated: Callable[..., Desk]) -> None:
    for person, paths in FORMS.items():
        desk = seated()
        page = desk.let_in(person)
        for path in paths:
            desk.go(path)
            wait_for_scripts(page)
            field = page.locator("form[data-keeps] input[type=text]:not([readonly])").first
            field.fill("Half a tho")
            desk.go(path)
            wait_for_scripts(page)
            page.get_by_role("button", name="Put it back").click()
            expect(field).to_have_value("Half a tho")


def test_a_reason_in_a_dialog_is_back_when_it_opens_again(seated: Callable[..., Desk]) -> None:
    desk = seated()
    page = desk.let_in("adam")
    desk.go("/sending/")
    wait_for_scripts(page)
    opener = page.locator("main").get_by_role("link", name="Stop all sending")
    opener.click()
    reason = page.get_by_role("dialog").get_by_label("Why, in words for everybody")
    reason.fill("a wrong text")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    opener.click()
    expect(reason).to_have_value("a wrong text")
    page.reload()
    wait_for_scripts(page)
    opener.click()
    expect(reason).to_have_value("a wrong text")


def test_a_browser_that_keeps_nothing_says_so_once(seated: Callable[..., Desk]) -> None:
    desk = seated()
    desk.context.add_init_script(
        "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }"
    )
    desk.let_in("eddy")
    page = write(desk, "Nowhere to keep it")
    said = page.locator(".toast", has_text="This browser keeps nothing for this page")
    expect(said).to_be_visible()
    said.get_by_role("button", name="Close").click()
    page.get_by_label("Text", exact=True).first.fill("Still nowhere")
    saves(page)
