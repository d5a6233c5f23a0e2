"""What the tests of exports share: a history of some length, and orders of it."""

import io
import json
from collections.abc import Callable, Iterable
from typing import Any

import openpyxl
import pytest

from console.accounts.models import User
from console.exports.models import ExportJob
from console.exports.orders import Order
from console.exports.services import export_order
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder

Sent = Callable[..., None]
Ordered = Callable[..., ExportJob]


@pytest.fixture
def sent(
    supervisor: User,
    chat_server: Any,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., Any],
) -> Sent:
    """Sends a text to so many chats."""

    def send(chats: int = 1, text: str = "Hello", why: str = "") -> None:
        notice = make_notice(text).notice.key
        ids = [make_interaction().pk for _ in range(chats)]
        order = SendOrder(notice_key=notice, interactions=ids, why=why)
        send_create(supervisor.to_actor(), order)

    return send


@pytest.fixture
def ordered(auditor: User) -> Ordered:
    """Orders an export, the auditor's where nobody else is named."""

    def order(form: str = "csv", subject: str = "history", user: Any = None, **chosen: str) -> Any:
        actor = (user or auditor).to_actor()
        return export_order(actor, order=Order.read(subject, form, chosen))

    return order


def read_lines(parts: Iterable[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(parts).decode().splitlines()]


def read_sheets(parts: Iterable[bytes]) -> list[list[tuple[Any, ...]]]:
    """The rows of each sheet, with the names of the columns."""
    book = openpyxl.load_workbook(io.BytesIO(b"".join(parts)), read_only=True)
    return [list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets]
