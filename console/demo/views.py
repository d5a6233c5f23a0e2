"""The demo's own pages: what to try, and the customer's side of a chat."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from console.actors import Actor, Permission
from console.demo import outage as outages
from console.demo.control import SimulatorRefused, SimulatorSilent, ask
from console.demo.tour import STEPS, go_to
from console.errors import NotFound, Unavailable
from console.interactions.models import Interaction
from console.interactions.selectors import chats_for_tests, interaction_get
from console.site.access import actor_of, require


@require_GET
@require(Permission.VIEW_INTERACTIONS)
def demo(request: HttpRequest) -> HttpResponse:
    """What to try: an outage, and a first tour."""
    ports = _ports()
    context: dict[str, Any] = {
        "steps": STEPS,
        "queue": outages.QUEUE,
        "server": outages.slow_one(ports),
    }
    try:
        context["is_on"] = outages.is_on(ports)
    except SimulatorSilent as error:
        context["silent"] = str(error)
    return render(request, "demo/demo.html", context)


@require_POST
@require(Permission.VIEW_INTERACTIONS)
def outage(request: HttpRequest) -> HttpResponse:
    """Begin or end the outage."""
    try:
        outages.switch(_ports(), on=request.POST.get("on") == "yes")
    except SimulatorSilent as error:
        raise Unavailable(
            "outage_not_switched",
            "The Chat Server simulator {server} does not answer, so nothing was changed. Try again "
            "in a moment.",
            server=outages.slow_one(_ports()),
        ) from error
    return redirect("demo")


@require_POST
@require(Permission.VIEW_INTERACTIONS)
def tour(request: HttpRequest) -> HttpResponse:
    """Go to a step of the tour, or leave it."""
    step = request.POST.get("step", "")
    number = int(step) if step.isascii() and step.isdecimal() and len(step) < 3 else 0
    go_to(request, number)
    return redirect(STEPS[number - 1].url if 0 < number <= len(STEPS) else "demo")


def _ports() -> dict[str, int]:
    return {name: int(port) for name, port in settings.DEMO_SIMULATORS.items()}


@require_GET
@require(Permission.VIEW_INTERACTIONS, Permission.EDIT_CATALOGUE)
def chat(request: HttpRequest, interaction_id: str) -> HttpResponse:
    """The whole page: a shop with its chat window."""
    return render(request, "demo/chat.html", _context(request, interaction_id))


@require_GET
@require(Permission.VIEW_INTERACTIONS, Permission.EDIT_CATALOGUE)
def chat_transcript(request: HttpRequest, interaction_id: str) -> HttpResponse:
    """The transcript so far, which the page polls."""
    return render(request, "demo/_transcript.html", _context(request, interaction_id))


def _context(request: HttpRequest, interaction_id: str) -> dict[str, Any]:
    interaction = _chat(actor_of(request), interaction_id)
    is_open, entries = _seen_by_customer(interaction)
    return {
        "interaction_id": interaction.id,
        "customer_name": interaction.customer_name,
        "ended": not (is_open and interaction.is_live),
        "entries": [_shown(entry) for entry in entries],
        "transcript_url": reverse("demo-chat-transcript", args=[interaction.id]),
    }


def _chat(actor: Actor, interaction_id: str) -> Interaction:
    """Return the chat: any for those who see chats, a test chat for those who write notices."""
    if actor.may(Permission.VIEW_INTERACTIONS):
        return interaction_get(actor, interaction_id)
    found = chats_for_tests(actor).filter(pk=interaction_id).first()
    if found is None:
        raise NotFound(
            "interaction_not_found", "There is no chat {interaction}.", interaction=interaction_id
        )
    return found


def _seen_by_customer(interaction: Interaction) -> tuple[bool, list[dict[str, Any]]]:
    """Return whether the session is open, and its transcript.

    Raises NotFound if the Chat Server is no simulator, Unavailable if it does not respond.
    """
    port = settings.DEMO_SIMULATORS.get(interaction.chat_server_name)
    if port is None:
        raise NotFound(
            "no_customer_page",
            "Only chats of the demo's own Chat Servers have a customer's page; this one is on "
            "{server}.",
            server=interaction.chat_server_name or "–",
        )
    try:
        answer = ask(int(port), "transcript", interaction_id=interaction.id, view="customer")
    except SimulatorRefused:
        return False, []  # a chat of an earlier run: simulators forget chats when they end
    except SimulatorSilent as error:
        raise Unavailable(
            "simulator_silent",
            "The Chat Server simulator {server} does not answer, so what its customer sees is not "
            "known now. Load the page again in a moment.",
            server=interaction.chat_server_name,
        ) from error
    return answer["session"]["is_open"], answer["entries"]


def _shown(entry: dict[str, Any]) -> dict[str, Any]:
    # The simulator accepts only http and https as a push URL.
    is_link = entry["kind"] == "push_url"
    return {
        **entry,
        "at": datetime.fromtimestamp(entry["at"], UTC),
        "mine": entry["role"] == "customer",
        "is_link": is_link,
        "is_line": entry["kind"] == "message",
        "host": urlsplit(entry["text"]).hostname if is_link else "",
    }
