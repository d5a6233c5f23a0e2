"""The SDK's classes, and what its answers and exceptions mean (docs/transports.md).

Uses only what the vendor's public documentation describes. Where that says nothing, the outcome
claims the least: a request that may have been written is unknown.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from console.esp import jvm
from console.esp.messages import (
    Event3rdServerFault,
    Event3rdServerResponse,
    KVList,
    MessageId,
    Pair,
    ValueType,
)
from console.esp.outcomes import Outcome, from_answer, nobody_knows, nothing_sent
from console.esp.requests import EspRequest
from console.text.sentences import term

WANTED_FOR = "the Platform SDK for Java"

_ROOT = "com.genesyslab.platform"
_CLASSES = {
    "protocol": f"{_ROOT}.openmedia.protocol.ExternalServiceProtocol",
    "request": f"{_ROOT}.openmedia.protocol.externalservice.request.Request3rdServer",
    "endpoint": f"{_ROOT}.commons.protocol.Endpoint",
    "configuration": f"{_ROOT}.commons.connection.configuration.KeyValueConfiguration",
    "collection": f"{_ROOT}.commons.collections.KeyValueCollection",
    "timeout": f"{_ROOT}.commons.protocol.ProtocolTimeoutException",
    "not_registered": f"{_ROOT}.commons.protocol.RegistrationException",
    "not_opened": f"{_ROOT}.commons.protocol.ChannelNotOpenedException",
    "closed_on_send": f"{_ROOT}.commons.protocol.ChannelClosedOnSendException",
    "closed_on_request": f"{_ROOT}.commons.protocol.ChannelClosedOnRequestException",
    "unfit": "java.lang.RuntimeException",
    "string": "java.lang.String",
    "integer": "java.lang.Integer",
}
CLASSES = tuple(name for name in _CLASSES.values() if name.startswith(_ROOT))


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened protocol of the SDK, and the state by which one sees that it has closed."""

    protocol: Any
    closed_state: Any

    def is_closed(self) -> bool:
        return bool(self.protocol.getState() == self.closed_state)

    def close(self) -> None:
        """Close the protocol. Blocks."""
        close_quietly(self.protocol)


@dataclass(frozen=True, slots=True)
class Sdk:
    """Java's classes by their purpose."""

    protocol: Any
    request: Any
    endpoint: Any
    configuration: Any
    collection: Any
    timeout: Any
    not_registered: Any
    not_opened: Any
    closed_on_send: Any
    closed_on_request: Any
    unfit: Any
    string: Any
    integer: Any

    def to_java(self, kvlist: KVList) -> Any:
        """Return the SDK's collection: order and duplicates stay, only values may be UTF."""
        made = self.collection()
        for pair in kvlist:
            key, value = pair.key, pair.value
            if pair.type is ValueType.STR:
                made.addString(key, value)
            elif pair.type is ValueType.UTF:
                made.addUTFString(key, value)
            elif pair.type is ValueType.INT:
                made.addInt(key, value)
            elif pair.type is ValueType.BYTES:
                made.addBinary(key, value)
            else:
                made.addList(key, self.to_java(value))  # type: ignore[arg-type]  # a checked pair
        return made

    def from_java(self, collection: Any) -> KVList:
        """Return the SDK's collection as a list. Raises an error for values that ESP lacks."""
        return KVList(self._pair(str(pair.getStringKey()), pair.getValue()) for pair in collection)

    def _pair(self, key: str, value: Any) -> Pair:
        if isinstance(value, self.string):
            return Pair.of(key, str(value))
        if isinstance(value, self.integer):
            return Pair.of(key, int(value))
        if isinstance(value, self.collection):
            return Pair.of(key, self.from_java(value))
        return Pair.of(key, bytes(value))

    def ask(
        self,
        protocol: Any,
        request: EspRequest,
        reference_id: int,
        begin: Callable[[], float],
        peer: str,
    ) -> Outcome | None:
        """Send a request over an open protocol and wait for its outcome. Blocks.

        `begin` is called at the last moment. It returns the seconds to wait for an answer; none if
        the request must not be sent any more. Returns None then, and if no answer came.
        """
        try:
            message = self._built(request, reference_id)
        except Exception as error:
            # If Java refuses a value, the request is at fault; if the SDK lacks something, it is
            # not.
            why = term("The SDK could not build the request: {error}.", error=_said(error))
            return nothing_sent(why, reference_id, retryable=not isinstance(error, self.unfit))
        seconds = begin()
        if not seconds:
            return None
        began = time.monotonic()
        try:
            answer = protocol.request(message, max(1, int(seconds * 1000)))
        except (self.closed_on_send, self.closed_on_request) as error:
            why = term("{peer} closed the connection ({error}).", peer=peer, error=_said(error))
            return nobody_knows(why, reference_id)
        except self.not_opened as error:
            said = _said(error)
            why = term("The connection to {peer} is not open ({error}).", peer=peer, error=said)
            return nothing_sent(why, reference_id)
        except Exception as error:
            why = term("The SDK failed while sending: {error}.", error=_said(error))
            return nobody_knows(why, reference_id)
        if answer is None:
            return None
        return self._meaning(answer, reference_id, time.monotonic() - began)

    def _built(self, request: EspRequest, reference_id: int) -> Any:
        message = self.request.create(
            self.to_java(request.request), self.to_java(request.user_data)
        )
        message.setReferenceId(reference_id)
        return message

    def _meaning(self, answer: Any, reference_id: int, round_trip: float) -> Outcome:
        kind = int(answer.messageId())
        if kind not in (MessageId.EVENT_3RD_SERVER_RESPONSE, MessageId.EVENT_3RD_SERVER_FAULT):
            said = term(
                "The answer is a message with the id {kind}, which ESP does not have.", kind=kind
            )
            return nobody_knows(said, reference_id)
        unreadable = ""
        try:
            carried = answer.getRequest()
            request = None if carried is None else self.from_java(carried)
        except Exception as error:
            # It was accepted or refused, whatever else the answer carries.
            request, unreadable = (
                None,
                term("What the answer carries can't be read: {error}.", error=_said(error)),
            )
        if kind == MessageId.EVENT_3RD_SERVER_FAULT:
            outcome = from_answer(Event3rdServerFault(reference_id, request), round_trip)
        else:
            taken = Event3rdServerResponse(reference_id, request or KVList())
            outcome = from_answer(taken, round_trip)
        if unreadable:
            detail = f"{outcome.detail} {unreadable}".strip()
            return msgspec.structs.replace(outcome, detail=detail, answer=None)
        return outcome

    def opened(self, endpoint: Any, seconds: float) -> "Opened":
        """Open a protocol. Raises what the SDK raises. Blocks."""
        protocol = self.protocol(endpoint)
        # The SDK's states are not documented: the state before opening is the closed one.
        closed_state = protocol.getState()
        try:
            protocol.open(max(1, int(seconds * 1000)))
        except BaseException:
            close_quietly(protocol)
            raise
        return Opened(protocol, closed_state)

    def reason(self, error: BaseException) -> str:
        """Return why no connection could be made."""
        causes = _causes(error)
        for name, words in _REASONS:
            for cause in causes:
                if name in _java_name(cause):
                    return words.format(_message(cause))
        if isinstance(error, self.timeout):
            return term("it did not answer in time")
        if isinstance(error, self.not_registered):
            return term("it refuses the console ({message})", message=_message(error))
        return term("the SDK says {error}", error=_said(error))


_REASONS = [
    ("UnknownHostException", "the host name cannot be resolved"),
    ("UnresolvedAddressException", "the host name cannot be resolved"),
    ("ConnectException", "it was refused (is the Chat Server running there?)"),
    ("CertificateException", "its TLS certificate is not trusted ({})"),
    ("CertPathValidatorException", "its TLS certificate is not trusted ({})"),
    ("CertPathBuilderException", "its TLS certificate is not trusted ({})"),
    ("SSL", "TLS could not be agreed on ({})"),
]


@cache
def load() -> Sdk:
    """Return the SDK, after Java has started. Raises JavaUnavailable, naming a missing class."""
    return Sdk(**{name: jvm.java_class(java_name) for name, java_name in _CLASSES.items()})


def close_quietly(protocol: Any) -> None:
    """Close a protocol and ignore errors. Blocks."""
    try:
        protocol.close()
    except Exception:
        return


def _causes(error: BaseException) -> list[Any]:
    """Return the exception and its causes, as far as Java has them; at most ten."""
    found: list[Any] = []
    cause: Any = error
    while cause is not None and hasattr(cause, "getCause") and len(found) < 10:
        found.append(cause)
        cause = cause.getCause()
    return found


def _java_name(error: Any) -> str:
    return str(error.getClass().getSimpleName())


def _message(error: Any) -> str:
    return str(error.getMessage() if hasattr(error, "getMessage") else error)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__.rpartition('.')[2]}: {_message(error)}"
