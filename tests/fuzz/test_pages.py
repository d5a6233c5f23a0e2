"""Hostile input into every form, field, filter and address of the pages.

What is tried is drawn by a seed, which a failure tells: FUZZ_SEED=n for one again. `make fuzz`
tries all of it.
"""

import os
import random
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import reverse

from console.accounts.models import ApiClient, Team, User
from console.accounts.roles import Role
from console.actors import Permission
from console.catalogue.content.categories import category_create
from console.catalogue.content.notices import notice_create, notice_update
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create
from console.catalogue.review.presets import preset_create
from console.catalogue.transfer.jobs.control import import_job_start
from console.exports.orders import Order
from console.exports.services import export_order
from console.incidents.services.incidents import incident_start
from console.interactions.audience.audience import Audience
from console.interactions.models import ChatServer
from console.interactions.services import saved_view_create
from console.sends.asking.saved_searches import saved_search_create
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from console.webhooks.services import webhook_test
from tests.pages.test_access import PAGES
from tests.support.factories import ROOT, make_playbook, make_public_webhook
from tests.support.signing_in import sign_in
from tools.fuzz.crawling import LEAKS, MARKER, PRODUCT, Form, Page, inside, names_in
from tools.fuzz.payloads import BODIES, PATHS, TEXTS

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(3600)]

SEED = int(os.environ.get("FUZZ_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
THOROUGH = os.environ.get("FUZZ_THOROUGH") == "0"
# So many attacks by addresses, and by forms, for each role; thorough: all that there are.
FEW = 10
PAGE_LIMIT = 250 if THOROUGH else 40
HOST = "http://testserver"
HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
ROLES = [*([role] for role in Role.values), list(Role.values)]


@pytest.fixture
def world(
    team: Team,
    chat_server: ChatServer,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., Any],
    make_user: Callable[..., User],
    make_client: Callable[..., tuple[ApiClient, str]],
) -> dict[str, Any]:
    """One of each thing that a page shows, some of them open to be decided on."""
    make_notice("Hello {{ data.FirstName }}.", key="hello")
    draft = notice_create(ROOT, key="draft", kind="message", title="Draft")
    version_create(ROOT, draft, VersionContent(default_locale="en", bodies={"en": "Hi"}))
    chat = make_interaction()
    sender = make_user("sender", Role.SUPERVISOR, teams=[team])
    send = send_create(sender.to_actor(), SendOrder(notice_key="hello", interactions=[chat.pk]))
    preset = preset_create(ROOT, name="Ours", visibility="INT")
    message = webhook_test(ROOT, make_public_webhook())
    stage = {"name": "Known", "notice": "hello", "is_standing": True}
    make_playbook("outage", {"queue": "sales"}, stage)
    running = make_playbook("running", {"queue": "nowhere"}, stage, {**stage, "name": "Update"})
    incident = incident_start(sender.to_actor(), running, why="It is down.")
    return {
        "WEBHOOK": message.webhook_id,
        "MESSAGE": message.pk,
        "SEND": send.pk,
        "DELIVERY": send.deliveries.get().pk,
        "PRESET": preset.pk,
        "PERSON": sender.pk,
        "TEAM": team.pk,
        "CLIENT": make_client()[0].pk,
        "CATEGORY": category_create(ROOT, name="Any").pk,
        "EXPORT": export_order(ROOT, order=Order.read("history", "csv", {})).pk,
        "IMPORT": import_job_start(ROOT, file_name="a.csv", content=b"key\n").pk,
        "CHAT": chat.pk,
        "SEARCH": saved_search_create(
            sender.to_actor(), name="Mine", query={"status": "failed"}
        ).pk,
        "VIEW": saved_view_create(
            sender.to_actor(), name="Mine", audience=Audience.from_text("queue:sales")
        ).pk,
        "INCIDENT": incident.pk,
    }


class Attacker:
    """Signed in as somebody; asks, and looks hard at each answer."""

    def __init__(self, user: User) -> None:
        self.client = Client(raise_request_exception=False)
        sign_in(self.client, user)
        self.random = random.Random(f"{SEED} {user.roles}")

    def ask(self, method: str, address: str, body: Any = None, **options: Any) -> str:
        """The text of the answer, which is checked. What it did is undone."""
        what = f"{method} {address[:200]!r} {str(body)[:300]!r} (FUZZ_SEED={SEED})"
        with transaction.atomic():
            response = self.client.generic(method, address, body or b"", **options)
            html = b"".join(response).decode(errors="replace")  # a file is closed at its end
            transaction.set_rollback(True)
        check_answer(response, html, what)
        return html

    def crawl(self, starts: list[str]) -> tuple[list[str], list[Form]]:
        """All addresses and forms that lead from there, each shape of them once."""
        waiting = list(starts)
        addresses: list[str] = []
        seen: set[Any] = set()
        forms: dict[Any, Form] = {}
        while waiting and len(addresses) < PAGE_LIMIT:
            address = waiting.pop(0)
            shape = (urlsplit(address).path, tuple(sorted(names_in(urlsplit(address).query))))
            if shape in seen:
                continue
            seen.add(shape)
            addresses.append(address)
            page = Page(f"{HOST}{address}", self.ask("GET", address))
            waiting += inside(HOST, page.links)
            for form in page.forms:
                forms.setdefault(form.shape, form)
        return addresses, list(forms.values())


def check_answer(response: Any, html: str, what: str) -> None:
    assert response.status_code < 500, what
    for name, value in HEADERS.items():
        assert response.headers.get(name) == value, (name, what)
    assert "default-src 'self'" in response.headers["Content-Security-Policy"], what
    for name, value in response.headers.items():
        assert MARKER not in name.lower(), (name, what)
        assert "\n" not in value, (name, what)
    assert not [name for name in response.cookies if MARKER in name], what
    leads = urlsplit(response.headers.get("Location", ""))
    assert leads.netloc in ("", "testserver"), (leads, what)
    for leak in (*LEAKS, settings.SECRET_KEY, str(settings.BASE_DIR), PRODUCT):
        assert leak not in html, (leak, what)
    if response.headers["Content-Type"].startswith("text/html"):
        assert Page(HOST, html).injected == [], what


def starts(world: dict[str, Any]) -> list[str]:
    """Every page that reads, by the table of them."""
    return [
        reverse(name, kwargs={key: world.get(value, value) for key, value in arguments.items()})
        for name, (method, arguments, _who) in PAGES.items()
        if method == "get"
    ]


FORM = "application/x-www-form-urlencoded"


def encoded(fields: dict[str, list[str]]) -> str:
    return urlencode(fields, doseq=True, errors="surrogateescape")


Attack = tuple[str, str, Any, dict[str, str]]


def on_form(form: Form) -> Iterator[Attack]:
    """Each text in each field, and what is no form at all."""
    path = form.action.removeprefix(HOST)
    kind = {"content_type": FORM}
    for name in [*form.fields, MARKER]:
        for text in TEXTS:
            fields = encoded({**form.fields, name: [text]})
            if form.method == "get":
                yield "GET", f"{path.partition('?')[0]}?{fields}", None, {}
            else:
                yield "POST", path, fields, kind
    if form.method == "post":
        twice = {name: [*values, *TEXTS[:2]] for name, values in form.fields.items()}
        yield "POST", path, encoded(twice), kind
        yield "POST", path, "", kind
        for body, said in BODIES:
            yield "POST", path, body, {"content_type": said}


def on_address(address: str) -> Iterator[Attack]:
    """Each text in each filter, and hostile parts in the place of each part of the path."""
    path, _mark, query = address.partition("?")
    for name in sorted({*names_in(query), "q", "page", "next", MARKER}):
        for text in TEXTS:
            yield "GET", f"{path}?{encoded({name: [text]})}", None, {}
    yield "GET", f"{path}?q=%ff%fe&q=%c0%ae&=&&%zz", None, {}
    parts = path.strip("/").split("/")
    for number in range(len(parts)):
        for text in PATHS:
            hostile = [*parts[:number], text, *parts[number + 1 :]]
            yield "GET", f"/{'/'.join(hostile)}/", None, {}


@pytest.mark.parametrize("roles", ROLES, ids=" ".join)
def test_hostile_input_breaks_nothing_and_is_shown_as_text(
    world: dict[str, Any], make_user: Callable[..., User], roles: list[str], team: Team
) -> None:
    attacker = Attacker(make_user("mia", *roles, teams=[team]))
    addresses, forms = attacker.crawl(starts(world))
    assert len(addresses) > 15
    assert forms, "what has no form is no page of this console"
    gets = [attack for address in addresses for attack in on_address(address)]
    posts = [attack for form in forms for attack in on_form(form)]
    for attacks in (gets, posts):
        many = len(attacks) if THOROUGH else FEW * len(roles)
        for method, address, body, options in attacker.random.sample(attacks, many):
            attacker.ask(method, address, body, **options)


def test_what_customers_and_colleagues_wrote_is_text_on_every_page(
    team: Team,
    make_user: Callable[..., User],
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., Any],
    make_client: Callable[..., tuple[ApiClient, str]],
) -> None:
    """Stored first, shown afterwards: names, texts, reasons, user data, all of them hostile."""
    evil = TEXTS[0]
    short = f'"\'><{MARKER} onx="'
    evil_user = make_user("mia", *Role.values, teams=[team])
    User.objects.filter(pk=evil_user.pk).update(first_name=short, last_name=short)
    Team.objects.update(name=short)
    evil_user.refresh_from_db()
    ChatServer.objects.create(name="chat-east", url="esp+json://127.0.0.1:9", health_detail=evil)
    chat = make_interaction(
        "chat-1",
        queue=evil,
        agent=evil,
        state=short,
        media_type=short,
        user_data={"FirstName": evil, "LastName": evil, evil: evil},
    )
    make_notice(f"{evil} {{{{ data.FirstName }}}}", key="hello", nickname=short, change_note=evil)
    notice_update(ROOT, catalogue_notice("hello"), title=short, category=short, tags=[short[:40]])
    preset = preset_create(ROOT, name=short, visibility="INT", nickname=short)
    actor = evil_user.to_actor()
    assert actor.may(Permission.SEND)
    send = send_create(actor, SendOrder(notice_key="hello", interactions=[chat.pk], why=evil))
    message = webhook_test(ROOT, make_public_webhook(name=short))
    stage = {"name": short[:60], "notice": "hello", "is_standing": True}
    make_playbook("outage", {"queue": "nowhere"}, stage)
    running = make_playbook("running", {"queue": "nowhere"}, stage, {**stage, "name": "Update"})
    incident = incident_start(actor, running, why=evil[:500])
    world = {
        "WEBHOOK": message.webhook_id,
        "MESSAGE": message.pk,
        "SEND": send.pk,
        "DELIVERY": send.deliveries.get().pk,
        "PRESET": preset.pk,
        "PERSON": evil_user.pk,
        "TEAM": team.pk,
        "CLIENT": make_client(name=short)[0].pk,
        "CATEGORY": catalogue_notice("hello").category_id,
        "EXPORT": export_order(actor, order=Order.read("history", "csv", {})).pk,
        "IMPORT": import_job_start(actor, file_name="a.csv", content=b"key\n").pk,
        "CHAT": chat.pk,
        "SEARCH": saved_search_create(actor, name=short, query={"q": short}).pk,
        "VIEW": saved_view_create(
            actor, name=short, audience=Audience.from_mapping({"customer": short})
        ).pk,
        "INCIDENT": incident.pk,
    }
    attacker = Attacker(evil_user)
    addresses, _forms = attacker.crawl(starts(world))
    shown = [address for address in addresses if MARKER in attacker.ask("GET", address)]
    assert len(shown) > 15, shown


def catalogue_notice(key: str) -> Any:
    from console.catalogue.models import CannedNotice

    return CannedNotice.objects.get(key=key)


@pytest.mark.parametrize("path", PATHS)
def test_strangers_get_no_further_with_an_address(client: Client, path: str) -> None:
    client.raise_request_exception = False
    for address in (f"/{path}/", f"/api/v1/{path}/", f"/static/{path}", f"/?next={path}"):
        response = client.generic("GET", address)
        html = b"".join(response).decode(errors="replace")
        assert response.status_code in (302, 400, 401, 404), (address, response.status_code)
        assert Page(HOST, html).injected == []


@pytest.mark.parametrize("next_page", [quote(text, errors="replace") for text in TEXTS])
def test_signing_in_leads_nowhere_else(client: Client, supervisor: User, next_page: str) -> None:
    from tests.support.factories import PASSWORD

    response = client.post(
        f"/accounts/login/?next={next_page}",
        {"login": "sue", "password": PASSWORD},
    )
    assert response.status_code in (302, 400)
    if response.status_code == 302:
        assert urlsplit(response.headers["Location"]).netloc in ("", "testserver")
        assert not response.headers["Location"].startswith(("//", "javascript:"))


@pytest.mark.parametrize(
    "html",
    [
        TEXTS[0],
        f"<p title='{TEXTS[1]}'>",
        f'<a href="{TEXTS[2]}">x</a>',
        f"<script>let name = '{MARKER}'</script>",
        f'<b hx-on:click="{MARKER}">',
    ],
)
def test_the_eye_of_these_tests_is_open(html: str) -> None:
    assert Page(HOST, html).injected
    assert not Page(HOST, f"<p title='{MARKER}'>{MARKER}</p>").injected
