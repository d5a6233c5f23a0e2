"""ESP client library: canned requests to a Chat Server, without Django.

Layers, each knowing only those before it: messages, framing (wire), protocol (no I/O),
connection (a socket), transports (by URL scheme), client.
"""

from console.esp.client import Client
from console.esp.errors import (
    EspError,
    InvalidAddress,
    InvalidRequest,
    NotConnected,
    ProtocolError,
)
from console.esp.messages import KVList, Pair, ValueType
from console.esp.outcomes import Outcome, OutcomeKind
from console.esp.requests import (
    EspRequest,
    Method,
    NoticeType,
    Visibility,
    build_message,
    build_notice,
)
from console.esp.transports import Channel, check_address, open_channel

__all__ = [
    "Channel",
    "Client",
    "EspError",
    "EspRequest",
    "InvalidAddress",
    "InvalidRequest",
    "KVList",
    "Method",
    "NotConnected",
    "NoticeType",
    "Outcome",
    "OutcomeKind",
    "Pair",
    "ProtocolError",
    "ValueType",
    "Visibility",
    "build_message",
    "build_notice",
    "check_address",
    "open_channel",
]
