"""The service Chat: what a request does to a session, or why it is refused.

The checks follow docs/domain.md sections 2 and 3. Codes and texts of refusals are the
simulator's own.
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from console.esp.errors import InvalidRequest
from console.esp.messages import KVList, Request3rdServer
from console.esp.outcomes import plain
from console.esp.requests import (
    APP_TYPE,
    SERVICE,
    Method,
    NoticeType,
    Visibility,
    check_push_url,
)
from console.esp.simulator.sessions import Session, Sessions, says_offline

_KINDS: dict[str, str] = {
    NoticeType.USER_PUSHED_URL: "push_url",
    NoticeType.USER_CUSTOM: "custom",
}
_VISIBILITIES = frozenset(str(visibility) for visibility in Visibility)


class Refusal(Struct, frozen=True):
    """Why a request was refused; becomes FaultCode and FaultString."""

    code: str
    text: str


class ChatService:
    """Carries out requests for one Chat Server application."""

    def __init__(self, app_name: str, sessions: Sessions, *, sessions_must_exist: bool) -> None:
        # As after its application was renamed, while some still use the former name.
        self.app_names = [app_name]
        self._sessions = sessions
        self._sessions_must_exist = sessions_must_exist

    def carry_out(self, message: Request3rdServer, at: float) -> Refusal | None:
        """Add the message or notice to its transcript, or refuse it. `at` is in Unix seconds."""
        request = message.request
        refusal = self._wrong_address(request)
        if refusal is not None:
            return refusal
        parameters = request.get("Parameters")
        if not isinstance(parameters, KVList):
            return Refusal("missing_parameter", "Parameters is missing or is no KV list.")
        method = _METHODS.get(_text(request, "Method"))
        if method is None:
            return Refusal("unknown_method", f"No method {_text(request, 'Method')!r} here.")
        visibility = _text(parameters, "Visibility") or Visibility.ALL
        if visibility not in _VISIBILITIES:
            return Refusal("bad_visibility", f"Visibility is {visibility!r}, not ALL, INT or VIP.")
        content = method(parameters)
        if isinstance(content, Refusal):
            return content
        session = self._session(message.user_data)
        if isinstance(session, Refusal):
            return session
        session.add(
            at=at,
            role="external",
            sender=_text(parameters, "Nickname"),
            visibility=visibility,
            **content,
        )
        return None

    def _wrong_address(self, request: KVList) -> Refusal | None:
        for key, expected, code in (
            ("AppName", self.app_names, "unknown_application"),
            ("AppType", [APP_TYPE], "unknown_application_type"),
            ("Service", [SERVICE], "unknown_service"),
        ):
            if (given := request.get(key)) not in expected:
                return Refusal(code, f"{key} is {given!r}; this is {expected[0]!r}.")
        return None

    def _session(self, user_data: KVList) -> Session | Refusal:
        interaction_id = interaction_id_of(user_data)
        if not interaction_id:
            return Refusal("no_interaction_id", "UserData has no InteractionId.")
        session = self._sessions.get(interaction_id)
        if session is None and self._sessions_must_exist:
            return Refusal("unknown_session", f"No session for {interaction_id!r}.")
        if says_offline(user_data.get("IsOnline")) or not (session is None or session.is_online):
            return Refusal("session_closed", f"The session of {interaction_id!r} is closed.")
        return session or self._sessions.open(interaction_id, _as_mapping(user_data))


def interaction_id_of(user_data: KVList) -> str:
    """Return the interaction that the request is for; empty if it names none."""
    return _text(user_data, "InteractionId")


Content = dict[str, str]


def _message(parameters: KVList) -> Content | Refusal:
    text = _text(parameters, "MessageText")
    if not text:
        return Refusal("missing_parameter", "MessageText is missing or empty.")
    return {
        "kind": "message",
        "text": text,
        "message_type": _text(parameters, "MessageType"),
    }


def _notice(parameters: KVList) -> Content | Refusal:
    notice_type = _text(parameters, "NoticeType")
    if not notice_type:
        return Refusal("missing_parameter", "NoticeType is missing.")
    kind = _KINDS.get(notice_type)
    if kind is None:
        return Refusal("unknown_notice_type", f"No notice type {notice_type!r} here.")
    text = _text(parameters, "NoticeText")
    if notice_type == NoticeType.USER_PUSHED_URL:
        try:
            check_push_url(text)
        except InvalidRequest as error:
            return Refusal("invalid_url", f"NoticeText must be a URL. {error}")
    return {"kind": kind, "text": text}


_METHODS: dict[str, Callable[[KVList], Content | Refusal]] = {
    Method.MESSAGE: _message,
    Method.NOTICE: _notice,
}


def _text(kvlist: KVList, key: str) -> str:
    value = kvlist.get(key)
    return value if isinstance(value, str) else ""


def _as_mapping(user_data: KVList) -> dict[str, Any]:
    """Return the first value under each key, as JSON data."""
    return {pair["key"]: pair["value"] for pair in reversed(plain(user_data))}
