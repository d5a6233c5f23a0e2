"""The whole journey of docs/api.md by a generated client, as a program of somebody's own.

tests/clients/test_generated.py generates the client, checks the types of this file and runs it.
"""

import json
import os
from datetime import UTC, datetime
from typing import TypeVar

from notice_console_client import AuthenticatedClient
from notice_console_client.api.chat_servers import chat_servers_create
from notice_console_client.api.interactions import interactions_events
from notice_console_client.api.notices import (
    notices_create,
    notices_versions_approve,
    notices_versions_create,
    notices_versions_submit,
)
from notice_console_client.api.sends import (
    sends_create,
    sends_deliveries_list,
    sends_preview,
    sends_retrieve,
)
from notice_console_client.models.answers import Answers
from notice_console_client.models.asked_field_request import AskedFieldRequest
from notice_console_client.models.bodies_request import BodiesRequest
from notice_console_client.models.chat_server_input_request import ChatServerInputRequest
from notice_console_client.models.chat_server_output import ChatServerOutput
from notice_console_client.models.error_output import ErrorOutput
from notice_console_client.models.fed_interaction import FedInteraction
from notice_console_client.models.feed_event import FeedEvent
from notice_console_client.models.feed_event_type import FeedEventType
from notice_console_client.models.feed_input_request import FeedInputRequest
from notice_console_client.models.feed_output import FeedOutput
from notice_console_client.models.field_type import FieldType
from notice_console_client.models.notice_input_request import NoticeInputRequest
from notice_console_client.models.notice_kind import NoticeKind
from notice_console_client.models.notice_output import NoticeOutput
from notice_console_client.models.paginated_delivery_output_list import (
    PaginatedDeliveryOutputList,
)
from notice_console_client.models.plan_output import PlanOutput
from notice_console_client.models.preview_input_request import PreviewInputRequest
from notice_console_client.models.send_input_request import SendInputRequest
from notice_console_client.models.send_output import SendOutput
from notice_console_client.models.sent_output import SentOutput
from notice_console_client.models.user_data import UserData
from notice_console_client.models.version_input_request import VersionInputRequest
from notice_console_client.models.version_output import VersionOutput
from notice_console_client.models.visibility import Visibility
from notice_console_client.types import Unset

T = TypeVar("T")


def by(name: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=os.environ["CONSOLE"], token=os.environ[name])


def good(answer: T | ErrorOutput | None) -> T:
    """What was asked for, or the end of the program."""
    if answer is None:
        raise SystemExit("The console answered what its document does not say.")
    if isinstance(answer, ErrorOutput):
        raise SystemExit(f"{answer.code}: {answer.message}")
    return answer


def prepare() -> None:
    """A Chat Server, a chat, and a notice that two have agreed on."""
    admin, author, approver = by("ADMIN"), by("AUTHOR"), by("APPROVER")
    server: ChatServerOutput = good(
        chat_servers_create.sync(
            client=admin,
            body=ChatServerInputRequest(name="chat-east", url=os.environ["CHAT_SERVER"]),
        )
    )
    said = {"InteractionId": "a1", "IsOnline": "1", "ChatServerAppName": server.name, "Id": 7}
    event = FeedEvent(
        type_=FeedEventType.UPSERT,
        occurred_at=datetime.now(UTC),
        interaction=FedInteraction(
            id="a1", queue="billing", locale="en", user_data=UserData.from_dict(said)
        ),
    )
    fed: FeedOutput = good(
        interactions_events.sync(client=by("FEED"), body=FeedInputRequest(events=[event]))
    )
    assert (fed.accepted, fed.rejected) == (1, [])
    notice: NoticeOutput = good(
        notices_create.sync(
            client=author,
            body=NoticeInputRequest(key="delay", kind=NoticeKind.MESSAGE, title="Delay"),
        )
    )
    words = VersionInputRequest(
        default_locale="en",
        bodies=BodiesRequest.from_dict({"en": "Order {{ data.Id }}: {{ field.days }} days late."}),
        visibility=Visibility.ALL,
        fields=[AskedFieldRequest(name="days", type_=FieldType.NUMBER)],
    )
    version: VersionOutput = good(
        notices_versions_create.sync(notice.key, client=author, body=words)
    )
    assert [field.required for field in version.fields] == [True]
    good(notices_versions_submit.sync(notice.key, version.number, client=author))
    good(notices_versions_approve.sync(notice.key, version.number, client=approver))


def send() -> dict[str, object]:
    sender = by("SENDER")
    answers = Answers.from_dict({"days": 2})
    asked = PreviewInputRequest(notice="delay", interactions=["a1"], fields=answers)
    plan: PlanOutput = good(sends_preview.sync(client=sender, body=asked))
    (target,) = plan.targets
    body = SendInputRequest(
        notice="delay", interactions=["a1"], fields=answers, expected_plan=plan.expected_plan
    )
    first = sends_create.sync_detailed(
        client=sender, body=body, idempotency_key='"order-7"', prefer="wait=10"
    )
    sent: SentOutput = good(first.parsed)
    assert not isinstance(sent.deliveries, Unset)
    again: SentOutput = good(sends_create.sync(client=sender, body=body, idempotency_key="order-7"))
    assert again.id == sent.id
    read: SendOutput = good(sends_retrieve.sync(sent.id, client=sender))
    page: PaginatedDeliveryOutputList = good(sends_deliveries_list.sync(sent.id, client=sender))
    (delivery,) = page.results
    return {
        "previewed": target.body,
        "waited": [each.status.value for each in sent.deliveries],
        "status": read.status.value,
        "delivered": read.counts.delivered,
        "answered": [pair.key for pair in delivery.answer or []],
    }


if __name__ == "__main__":
    prepare()
    print(json.dumps(send()))
