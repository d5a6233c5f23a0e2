"""The only bridge between the console and the ESP library.

Turns a claimed delivery into an ESP request, and an outcome of the wire into an ending that people
can read. Keeps one open channel per Chat Server for the life of the worker.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from django.conf import settings
from msgspec import structs

from console.catalogue.kinds import traits
from console.esp.errors import EspError, InvalidAddress, InvalidRequest, NotConnected
from console.esp.messages import KVList
from console.esp.outcomes import DEFAULT_LATE_GRACE, Outcome, OutcomeKind
from console.esp.requests import EspRequest, NoticeType, build_message, build_notice
from console.esp.transports import Channel, open_channel
from console.interactions.models import ChatServer
from console.sends.engine.outcomes import ClaimedDelivery, Ending
from console.sends.models import DeliveryStatus, Reason
from console.sends.reasons import NO_ANSWER_FOR, NO_ANSWER_SINCE, WORDLESS
from console.text.sentences import Sentence, sentence_of, with_texts

WORDLESS_SENTENCE = WORDLESS()
# Channels of one Chat Server that listen for late answers beside the open one.
LISTENING_MOST = 2


class Unreachable(Exception):
    """No channel to the Chat Server could be opened, so nothing was sent. The text says why."""


def esp_request(delivery: ClaimedDelivery) -> EspRequest:
    """Build the ESP request of docs/domain.md section 3, with the interaction's whole user data.

    Raises InvalidRequest for values that can't be encoded.
    """
    return BUILDERS[traits(delivery.kind).method](delivery, _user_data(delivery))


def _message(delivery: ClaimedDelivery, user_data: KVList) -> EspRequest:
    return build_message(
        app_name=delivery.chat_server_name,
        text=delivery.body,
        message_type=delivery.message_type,
        nickname=delivery.nickname,
        visibility=delivery.visibility,
        user_data=user_data,
    )


def _notice(delivery: ClaimedDelivery, user_data: KVList) -> EspRequest:
    return build_notice(
        app_name=delivery.chat_server_name,
        notice_type=NoticeType(str(traits(delivery.kind).constants["NoticeType"])),
        text=delivery.body,
        nickname=delivery.nickname,
        visibility=delivery.visibility,
        user_data=user_data,
    )


# Keyed by the method of the kind (console.catalogue.kinds).
BUILDERS: dict[str, Callable[[ClaimedDelivery, KVList], EspRequest]] = {
    "Message": _message,
    "Notice": _notice,
}


def _user_data(delivery: ClaimedDelivery) -> KVList:
    data = delivery.user_data
    if "InteractionId" not in data:
        # The documentation does not say which key finds the session (docs/domain.md section 4).
        data = {**data, "InteractionId": delivery.interaction_id}
    try:
        return KVList.of(data)
    except (EspError, TypeError, ValueError) as error:
        raise InvalidRequest("invalid_user_data", sentence_of(error)) from error


def refused_here(delivery: ClaimedDelivery, why: str) -> Ending:
    """Return the ending of a delivery that is not sent: its request is invalid or too large."""
    return Ending(delivery, DeliveryStatus.SKIPPED, Reason.INVALID_USER_DATA, why)


def ending(delivery: ClaimedDelivery, outcome: Outcome) -> Ending | None:
    """Return what a storable outcome means for the delivery; None if it may be tried again."""
    if outcome.kind == OutcomeKind.NOT_SENT:
        return None if outcome.retryable else refused_here(delivery, outcome.detail)
    if outcome.kind == OutcomeKind.ACCEPTED:
        status, reason, detail = DeliveryStatus.DELIVERED, "", ""
    elif outcome.kind == OutcomeKind.REFUSED:
        status, reason = DeliveryStatus.FAILED, str(Reason.REFUSED)
        detail = outcome.detail
    else:
        status, reason = DeliveryStatus.UNKNOWN, str(Reason.NO_ANSWER)
        why = outcome.detail
        detail = NO_ANSWER_FOR(why=why) if why else NO_ANSWER_SINCE()
    return Ending(
        delivery,
        status,
        reason,
        detail,
        outcome.reference_id,
        outcome.fault_code,
        outcome.fault_text,
        _as_json(outcome.answer),
    )


def wordless(ending: Ending) -> Ending:
    """Return the ending without its texts."""
    return structs.replace(
        ending, detail=WORDLESS_SENTENCE, fault_code="", fault_text="", answer=None
    )


def storable(text: str) -> str:
    """Replace NUL and lone surrogates, which a peer may send and PostgreSQL's text can't hold."""
    if isinstance(text, Sentence):
        return with_texts(text, storable)
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode(errors="replace").decode()


def storable_outcome(outcome: Outcome) -> Outcome:
    """Make the outcome's texts storable. Otherwise one bad text would fail the whole batch of
    outcomes that is written with it."""
    texts = (outcome.detail, outcome.fault_code, outcome.fault_text, outcome.why)
    if not any(texts):
        return outcome
    detail, fault_code, fault_text, why = map(storable, texts)
    return structs.replace(
        outcome, detail=detail, fault_code=fault_code, fault_text=fault_text, why=why
    )


def _as_json(answer: Any) -> str | None:
    """Encode an answer as the delivery stores it."""
    if answer is None:
        return None
    text = msgspec.json.encode(answer)
    if b"\\u0000" in text:  # searched as a whole, since it is rare
        text = msgspec.json.encode(_replaced(answer))
    return text.decode()


def _replaced(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_replaced(item) for item in value]
    if isinstance(value, dict):
        return {key: _replaced(item) for key, item in value.items()}
    return value


class Gateway:
    """Open channels by Chat Server. Use it within one event loop, and close it at the end.

    A channel that takes nothing more goes on listening for late answers, beside the next one.
    """

    def __init__(self) -> None:
        self._channels: dict[int, tuple[tuple[str, float], Channel]] = {}
        self._leaving: dict[int, list[Channel]] = {}
        self._goodbyes: set[asyncio.Task[None]] = set()

    async def channel(self, server: ChatServer) -> Channel:
        """Return the open channel to a Chat Server, opening one if needed. Raises Unreachable."""
        wanted = (server.url, server.request_timeout_seconds)
        known = self._channels.get(server.pk)
        if known is not None:
            address, channel = known
            if address == wanted and channel.is_open:
                return channel
            del self._channels[server.pk]
            self._retire(server.pk, channel)
        try:
            channel = await open_channel(
                server.url,
                connect_timeout=server.connect_timeout_seconds,
                request_timeout=server.request_timeout_seconds,
                options=settings.TRANSPORT_OPTIONS,
            )
        except (NotConnected, InvalidAddress) as error:
            raise Unreachable(storable(sentence_of(error))) from error
        self._channels[server.pk] = (wanted, channel)
        return channel

    async def close(self) -> None:
        """Close all channels, after requests in flight have their answers. Late ones are not waited
        for."""
        channels = [channel for _address, channel in self._channels.values()]
        channels += [channel for leaving in self._leaving.values() for channel in leaving]
        self._channels, self._leaving = {}, {}
        await asyncio.gather(*(channel.close() for channel in channels), *self._goodbyes)

    def _retire(self, server_id: int, channel: Channel) -> None:
        """Let a channel listen for late answers, and of those before it only some."""
        leaving = self._leaving.setdefault(server_id, [])
        for older in leaving[: len(leaving) - LISTENING_MOST + 1]:
            self._say_goodbye(older, leaving, listen=0.0)
        leaving.append(channel)
        self._say_goodbye(channel, leaving, listen=DEFAULT_LATE_GRACE)

    def _say_goodbye(self, channel: Channel, leaving: list[Channel], *, listen: float) -> None:
        def left(goodbye: asyncio.Task[None]) -> None:
            self._goodbyes.discard(goodbye)
            if channel in leaving:
                leaving.remove(channel)

        goodbye = asyncio.ensure_future(channel.close(listen=listen))
        self._goodbyes.add(goodbye)
        goodbye.add_done_callback(left)
