"""Sends, their deliveries, and the history."""

from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.actors import Permission
from console.api.base import ConsoleView, needs, query_filters, require_choice
from console.api.http.idempotency import REPLAYED, read_key
from console.api.http.pagination import HistoryPage
from console.api.http.waiting import WAIT_MOST, answer_when_known, applied_wait
from console.api.serializers import sends as serializers
from console.api.serializers.common import DeliveryProofOutput, ErrorOutput
from console.api.things import ThingView, action
from console.database.deadlines import searched
from console.errors import InvalidInput
from console.interactions.audience.audience import Audience
from console.interactions.audience.simple_filter import InteractionFilter
from console.sends import history_filter, selectors
from console.sends.evidence.people import delivery_witness
from console.sends.history_filter import Kind
from console.sends.models import Delivery, DeliveryStatus, SendStatus
from console.sends.pages.delivery_proof import as_download
from console.sends.pages.proof_download import proof_download
from console.sends.plan import planner, sending
from console.sends.plan.schedule import moment, zone_named
from console.sends.plan.values import Canary, SendOrder
from console.sends.proof.issue import delivery_prove

# A date means its first moment. A time without an offset is in the console's zone.
MOMENT = {"type": "string", "anyOf": [{"format": "date-time"}, {"format": "date"}]}
TYPES: dict[Kind, Any] = {Kind.TEXT: str, Kind.CHOICE: str, Kind.NUMBER: int, Kind.TIME: MOMENT}
FILTERS = [
    OpenApiParameter(
        declared.name or name,
        TYPES[declared.kind],
        enum=[code for code, _label in declared.choices if code] or None,
        description=declared.description,
    )
    for name, declared in history_filter.FILTERS.items()
]
# RFC 9745: deprecated since 2026-12-01, in seconds since 1970. The link leads to the successor.
OLD_PREVIEW = {
    "Deprecation": "@1796083200",
    "Link": '</api/v1/sends/preview/>; rel="successor-version"',
}
SEND = {200: serializers.SendOutput}
NOT_PROVABLE = OpenApiResponse(
    ErrorOutput, "It has not ended, its entries are archived, or the trail does not hold."
)


class Sends(ConsoleView):
    @extend_schema(
        summary="List sends",
        parameters=[OpenApiParameter("status", str, enum=SendStatus.values)],
        responses={200: serializers.SendOutput(many=True)},
    )
    @needs(*selectors.READERS, Permission.ADMINISTER)
    def get(self, request: Request) -> Response:
        """Newest first. Own ones; for approvers what awaits them; all for those who read the
        history, and for administrators."""
        filters = query_filters(request, ["status"])
        require_choice(filters, "status", SendStatus.values)
        rows = selectors.sends_listed(self.actor, status=filters.get("status", ""))
        return self.page(request, rows, serializers.SendOutput)

    @extend_schema(
        summary="Send a notice",
        request=serializers.SendInput,
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                {"type": "string", "minLength": 1, "maxLength": 255},
                OpenApiParameter.HEADER,
                description="The same key and body answer with the same send, "
                'another body with 409. "abc" in quotes is the key abc.',
            ),
            OpenApiParameter(
                "Idempotent-Replayed",
                {"type": "string", "const": "true"},
                OpenApiParameter.HEADER,
                response=[201],
                description="There where an earlier request had made the send.",
            ),
            OpenApiParameter(
                "Prefer",
                str,
                OpenApiParameter.HEADER,
                description=f"`wait=N` (RFC 7240): the answer comes when the send is over, after N "
                f"seconds at the latest ({WAIT_MOST} at most), and has its `deliveries`. "
                "`Preference-Applied` in the answer says that it waited; other preferences are "
                "passed over.",
            ),
            OpenApiParameter(
                "Preference-Applied",
                {"type": "string", "pattern": "^wait=([1-9]|10)$"},
                OpenApiParameter.HEADER,
                response=[201],
                description="For how many seconds at most the answer waited; absent where it "
                "did not.",
            ),
        ],
        responses={201: serializers.SentOutput},
    )
    @needs(Permission.SEND)
    def post(self, request: Request) -> Response | StreamingHttpResponse:
        """It goes out by a worker; one to many chats awaits a second person's approval first."""
        given = self.read(serializers.SendInput)
        key = read_key(request.headers.get("Idempotency-Key"))
        if given.pop("dry_run"):
            # A preview does not use the key, but refuses the same keys as a send.
            if key is not None:
                sending.require_key(key)
            return _previewed(self, given, headers=OLD_PREVIEW)
        send = sending.send_create(self.actor, _order(given, idempotency_key=key))
        headers = REPLAYED if send.is_replayed else {}
        if seconds := applied_wait(request._request):
            return answer_when_known(self.actor, send.pk, seconds, headers)
        return Response(_output(self, send.pk), status=201, headers=headers)


class SendPreview(ConsoleView):
    @extend_schema(
        summary="See what a send would do",
        request=serializers.PreviewInput,
        responses={200: serializers.PlanOutput},
    )
    @needs(Permission.SEND)
    def post(self, request: Request) -> Response:
        """The text for each chat, or why it would be skipped. Nothing is written."""
        return _previewed(self, self.read(serializers.PreviewInput))


def _previewed(
    view: ConsoleView, given: dict[str, Any], headers: dict[str, str] | None = None
) -> Response:
    plan = planner.plan_send(view.actor, _order(given))
    view.shows(target.interaction_id for target in plan.ready)
    return Response(serializers.PlanOutput(plan).data, headers=headers)


def _order(given: dict[str, Any], *, idempotency_key: str | None = None) -> SendOrder:
    """What was given as an order. Raises InvalidInput."""
    order = dict(given)
    order["notice_key"] = order.pop("notice")
    order["ignore_recent"] = order.pop("allow_repeat")
    order["answers"] = order.pop("fields", None) or {}
    if "filter" in given:
        order["filter"] = InteractionFilter.from_mapping(given["filter"])
    if "audience" in given:
        order["audience"] = Audience.from_mapping(given["audience"])
    if "canary" in given:
        order["canary"] = _canary(given["canary"])
    if "time_zone" in given:
        zone_named(given["time_zone"])
    if given.get("scheduled_at") is not None:
        order["scheduled_at"] = moment(given["scheduled_at"], given.get("time_zone", ""))
    return SendOrder(**order, idempotency_key=idempotency_key)


def _canary(given: dict[str, Any]) -> Canary:
    """What was given as a canary. Raises InvalidInput."""
    numbers = [value for value in given.values() if isinstance(value, int) and value is not True]
    if set(given) - {"size", "minutes"} or "size" not in given or len(numbers) < len(given):
        raise InvalidInput(
            "invalid_canary",
            "canary has a size, and minutes if it is to go on by itself: whole numbers.",
            {"field": "canary"},
        )
    return Canary(**given)


def _output(view: ConsoleView, send_id: int) -> Any:
    return serializers.SendOutput(selectors.send_get(view.actor, send_id)).data


class OneSend(ConsoleView):
    @extend_schema(summary="Read a send", responses=SEND)
    @needs(*selectors.READERS, Permission.ADMINISTER)
    def get(self, request: Request, send_id: int) -> Response:
        """Own ones; for approvers those that await them; all for those who read the history."""
        return Response(_output(self, send_id))


class SendDeliveries(ConsoleView):
    @extend_schema(
        summary="List a send's deliveries",
        parameters=[OpenApiParameter("status", str, enum=DeliveryStatus.values)],
        responses={200: serializers.DeliveryOutput(many=True)},
    )
    @needs(*selectors.READERS, Permission.ADMINISTER)
    def get(self, request: Request, send_id: int) -> Response:
        filters = query_filters(request, ["status"])
        require_choice(filters, "status", DeliveryStatus.values)
        send = selectors.send_get(self.actor, send_id)
        rows = selectors.send_deliveries(self.actor, send, filters.get("status", ""))
        beside = rows.prefetch_related(*serializers.BESIDE)
        return self.page(request, beside, serializers.DeliveryOutput, shows=_chat_of)


class SendProof(ConsoleView):
    @extend_schema(
        summary="Get the proof of a send",
        description="A zip file for `python -m console.audit.verify`: the request, each text and "
        "outcome, and the entries of the trail that prove them. That it was made is recorded in "
        "the trail. For those who read the trail and the history.",
        responses={
            (200, "application/zip"): OpenApiTypes.BINARY,
            409: NOT_PROVABLE,
            "5XX": ErrorOutput,
        },
    )
    @needs(Permission.VIEW_AUDIT)
    def get(self, request: Request, send_id: int) -> StreamingHttpResponse:
        query_filters(request, (), paging=())
        send = selectors.send_get(self.actor, send_id)
        return proof_download(request._request, self.actor, send)


class DeliveryProof(ConsoleView):
    @extend_schema(
        summary="Get the proof of a delivery",
        description="One JSON file for `python verify.py`, and for the page that needs no server: "
        "who asked for the delivery, who approved it, the exact text, and how it ended, with the "
        "paths that prove it. It has nothing of other chats. That it was made is recorded in the "
        "trail. For those who read the trail and the history.",
        responses={
            200: DeliveryProofOutput,
            409: NOT_PROVABLE,
            "5XX": ErrorOutput,
        },
    )
    @needs(Permission.VIEW_AUDIT)
    def get(self, request: Request, delivery_id: int) -> HttpResponse:
        query_filters(request, (), paging=())
        delivery = selectors.delivery_get(self.actor, delivery_id)
        return as_download(delivery, delivery_prove(self.actor, delivery))


def _chat_of(delivery: Delivery) -> str:
    return delivery.interaction_id if delivery.body else ""


class Deliveries(ConsoleView):
    pagination_class = HistoryPage

    @extend_schema(
        summary="Search the history",
        parameters=FILTERS,
        responses={200: serializers.DeliveryOutput(many=True)},
    )
    @needs(*selectors.READERS)
    def get(self, request: Request) -> Response:
        """Newest first. Own ones; all for those who read the history."""
        filter = history_filter.DeliveryFilter.from_mapping(
            query_filters(
                request,
                [parameter.name for parameter in FILTERS],
                paging=HistoryPage.names,
            )
        )
        rows = selectors.history_search(self.actor, filter).prefetch_related(*serializers.BESIDE)
        answer, _source = searched(
            self.actor.person_ref,
            lambda: self.page(request, rows, serializers.DeliveryOutput, shows=_chat_of),
            has_everything=True,
        )
        return answer


class DeliveryEvidence(ThingView):
    def load(self, delivery_id: int) -> Delivery:
        return selectors.delivery_get(self.actor, delivery_id)

    def show(self, delivery: Delivery) -> Any:
        return serializers.DeliveryOutput(self.load(delivery.pk)).data

    @action(
        "Say what became of an unknown delivery",
        *selectors.WITNESSES,
        takes=serializers.EvidenceInput,
        responses={201: serializers.DeliveryOutput},
    )
    def post(self, delivery: Delivery, **given: Any) -> Delivery:
        """A person has looked: the answer is the delivery with what stands now. The first record
        stays. For whoever sees the delivery and sends or approves, but not for the sender of a send
        that a second person approved."""
        delivery_witness(self.actor, delivery, **given)
        self.shows([delivery.interaction_id])
        return delivery
