"""The first tour of the demo: six steps, each with the page on which it is done."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

STEP = "demo_tour"


@dataclass(frozen=True, slots=True)
class Step:
    """What to do, and the name of the page's URL."""

    words: str | Promise
    page: str

    @property
    def url(self) -> str:
        return reverse(self.page)


STEPS = (
    Step(_("On the board: choose a few chats with the boxes on the left."), "board"),
    Step(_("In Compose: choose a notice, look at the preview, and press Send."), "board"),
    Step(_("In the list: open a chat by its arrow, and see what it got."), "board"),
    Step(_("In Sends: open your send, and see what became of each chat."), "send-list"),
    Step(_("Here: let an outage begin. A queue fills, and a Chat Server slows down."), "demo"),
    Step(_("On the board: start the incident, and watch new chats get its text."), "board"),
)


def number_of(request: HttpRequest) -> int:
    """Return the step at which this person is, from 1; 0 if they have left the tour."""
    number = request.session.get(STEP, 0)
    return number if isinstance(number, int) and 0 < number <= len(STEPS) else 0


def go_to(request: HttpRequest, number: int) -> None:
    """Put the person at this step; any other number leaves the tour."""
    if 0 < number <= len(STEPS):
        request.session[STEP] = number
    else:
        request.session.pop(STEP, None)
