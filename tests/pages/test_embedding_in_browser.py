"""The page of a chat in a frame of another site, in a real browser: the site is another origin and,
by its name, another site than the console."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from console.demo.people import PASSWORD
from tests.support.browsing import Complaints
from tests.support.demos import Demo, Program

pytestmark = pytest.mark.browser


class Desk(ThreadingHTTPServer):
    """An agent desktop of another site, which shows one page in a frame."""

    shown = ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Page)

    @property
    def origin(self) -> str:
        """By another name than the console's, which makes it another site."""
        return f"http://localhost:{self.server_port}"


class _Page(BaseHTTPRequestHandler):
    server: Desk

    def do_GET(self) -> None:
        body = (
            "<!DOCTYPE html><title>Desk</title><link rel=icon href='data:,'>"
            f"<iframe title=Console width=1200 height=900 src='{self.server.shown}'></iframe>"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_said: Any) -> None:
        pass


@contextmanager
def desk() -> Iterator[Desk]:
    with Desk() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def desks() -> Iterator[tuple[Desk, Desk]]:
    """One that the console lists, and one that it does not."""
    with desk() as listed, desk() as another:
        yield listed, another


@pytest.fixture(scope="module")
def console(demo: Demo, desks: tuple[Desk, Desk]) -> Iterator[str]:
    """A web server of the demo's console that may be embedded."""
    listed, _another = desks
    program = Program(
        "serve",
        *("--port", "0"),
        data=demo.data,
        CONSOLE_EMBED_ORIGINS=listed.origin,
        CONSOLE_SECOND_FACTOR="nobody",
    )
    try:
        yield program.says(r"Serving on (http://\S+?)/? ")[1]
    finally:
        program.close()


@pytest.fixture
def chat(demo: Demo) -> Iterator[str]:
    """A chat that stays, of a customer with a name of their own."""
    name = f"0001{uuid4().hex[:12].upper()}"
    with ExitStack() as stack:
        stack.enter_context(
            demo.chat(name, waiting=timedelta(minutes=1), FirstName="Emma", LastName="Beddor")
        )
        yield name


@pytest.fixture
def page(browser: Browser, complaints: Complaints) -> Iterator[Page]:
    # A frame of another site takes no focus by itself.
    complaints.expect("Blocked autofocusing")
    context = browser.new_context(viewport={"width": 1300, "height": 950})
    yield context.new_page()
    context.close()


def frame_of(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def sign_in_beside(page: Page) -> None:
    """By the button in the frame, in the window that it opens."""
    with page.context.expect_page() as opened:
        frame_of(page).get_by_role("link", name="Sign in").click()
    door = opened.value
    door.get_by_label("Name").fill("sue")
    door.get_by_label("Password").fill(PASSWORD)
    door.get_by_role("button", name="Sign in").click()
    expect(door.get_by_role("heading", name="You are signed in")).to_be_visible()
    door.close()


def test_a_listed_site_shows_the_page_signs_in_beside_it_and_sends(
    page: Page, console: str, desks: tuple[Desk, Desk], chat: str, demo: Demo
) -> None:
    listed, _another = desks
    listed.shown = f"{console}/chats/{chat}/?notice=agent-soon"
    page.goto(listed.origin)
    sign_in_beside(page)

    frame = frame_of(page)  # which has loaded by itself
    expect(frame.get_by_role("heading", name="Emma Beddor")).to_be_visible()
    expect(frame.locator("#nav")).to_have_count(0)
    send = frame.get_by_role("button", name="Send to 1 customer")
    expect(send).to_be_enabled()
    send.click()
    sent = frame.locator("#chat-now")
    expect(sent.get_by_role("link", name="An agent will be with you shortly")).to_be_visible()
    expect(sent.get_by_text("Delivered")).to_be_visible()

    # All else opens a window of its own.
    with page.context.expect_page() as opened:
        frame.get_by_role("link", name="All about it").click()
    expect(opened.value.get_by_role("heading", name="Delivery")).to_be_visible()
    opened.value.close()


def test_a_session_that_ended_is_said_in_the_frame(
    page: Page, console: str, desks: tuple[Desk, Desk], chat: str
) -> None:
    listed, _another = desks
    listed.shown = f"{console}/chats/{chat}/"
    page.goto(listed.origin)
    sign_in_beside(page)
    frame = frame_of(page)
    expect(frame.get_by_role("heading", name="Emma Beddor")).to_be_visible()
    page.context.clear_cookies()
    page.reload()
    expect(frame.get_by_role("link", name="Sign in")).to_be_visible()


def test_another_site_shows_nothing(
    page: Page, console: str, desks: tuple[Desk, Desk], chat: str, complaints: Complaints
) -> None:
    complaints.expect("frame-ancestors")
    complaints.expect("Framing")
    _listed, another = desks
    another.shown = f"{console}/chats/{chat}/"
    page.goto(another.origin)
    refused = page.frames[1]
    expect(page.locator("iframe")).to_be_visible()
    assert "Sign in" not in refused.content()
    assert "Beddor" not in refused.content()


@pytest.mark.parametrize("path", ["/board/", "/accounts/login/"])
def test_a_listed_site_shows_no_other_page(
    path: str,
    page: Page,
    console: str,
    desks: tuple[Desk, Desk],
    complaints: Complaints,
) -> None:
    complaints.expect("frame-ancestors")
    complaints.expect("Framing")
    complaints.expect("X-Frame-Options")
    listed, _another = desks
    listed.shown = f"{console}{path}"
    page.goto(listed.origin)
    assert "Notice Console" not in page.frames[1].content()


def test_the_demo_itself_is_shown_nowhere(
    page: Page,
    demo: Demo,
    desks: tuple[Desk, Desk],
    chat: str,
    complaints: Complaints,
    sessions: Callable[[str], str],
) -> None:
    """It has no such setting."""
    complaints.expect("frame-ancestors")
    complaints.expect("Framing")
    complaints.expect("X-Frame-Options")
    listed, _another = desks
    listed.shown = f"{demo.address.rstrip('/')}/chats/{chat}/"
    page.goto(listed.origin)
    assert "Beddor" not in page.frames[1].content()
