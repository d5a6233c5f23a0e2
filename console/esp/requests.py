"""The two requests that a Chat Server accepts: Message and Notice (docs/domain.md section 3).

Adds nothing that the documentation does not name. The length of a text is up to the caller: no
limit of Chat Server's is documented.
"""

from enum import StrEnum
from functools import lru_cache
from typing import TypeVar
from urllib.parse import urlsplit

from msgspec import Struct

from console.esp.errors import InvalidRequest
from console.esp.messages import KVList, Pair, ValueType
from console.text.sentences import term

APP_TYPE = "ChatServer"
SERVICE = "Chat"

_HOST_BREAKERS = frozenset('@%\\<>^|`{}"')  # browsers and parsers may read these differently


class Method(StrEnum):
    """Methods of the service Chat."""

    MESSAGE = "Message"
    NOTICE = "Notice"


class Visibility(StrEnum):
    """Who in the session sees it: everybody, agents and supervisors, or supervisors only."""

    ALL = "ALL"
    INT = "INT"
    VIP = "VIP"


class NoticeType(StrEnum):
    """Kinds of a Notice."""

    USER_PUSHED_URL = "USER_PUSHED_URL"
    USER_CUSTOM = "USER_CUSTOM"


class EspRequest(Struct, frozen=True, gc=False):
    """A request to a Chat Server. The connection adds the reference id."""

    method: Method
    request: KVList
    user_data: KVList


def build_message(
    *,
    app_name: str,
    text: str,
    user_data: KVList,
    visibility: Visibility | str = Visibility.ALL,
    message_type: str = "",
    nickname: str = "",
    tenant_id: int | None = None,
    media_type: str = "",
) -> EspRequest:
    """Build a text message into the session of `user_data` (all of the interaction's).

    Raises InvalidRequest: empty_text, empty_app_name, unknown_visibility, invalid_value.
    """
    if not text.strip():
        raise InvalidRequest("empty_text", term("The message has no text. Write one."))
    parameters = _parameters(("MessageText", text), MessageType=message_type, Nickname=nickname)
    return _build(
        Method.MESSAGE, app_name, parameters, visibility, user_data, tenant_id, media_type
    )


def build_notice(
    *,
    app_name: str,
    notice_type: NoticeType | str,
    user_data: KVList,
    text: str = "",
    visibility: Visibility | str = Visibility.ALL,
    nickname: str = "",
    tenant_id: int | None = None,
    media_type: str = "",
) -> EspRequest:
    """Build a notification into the session; for USER_PUSHED_URL the text is the URL.

    Raises InvalidRequest: unknown_notice_type, invalid_url, empty_app_name, unknown_visibility,
    invalid_value.
    """
    kind = _member(NoticeType, notice_type, "unknown_notice_type", "notice type")
    if kind is NoticeType.USER_PUSHED_URL:
        check_push_url(text)
    parameters = [_word("NoticeType", kind), *_parameters(("NoticeText", text), Nickname=nickname)]
    return _build(Method.NOTICE, app_name, parameters, visibility, user_data, tenant_id, media_type)


def check_push_url(url: str) -> None:
    """Accept an absolute http or https URL without credentials, blanks or control characters.

    A backslash is refused too: a browser takes it for a slash, so that it could open another
    host than the one an allow-list saw. Raises InvalidRequest (invalid_url).
    """
    if complaint := _url_complaint(url):
        raise InvalidRequest(
            "invalid_url",
            term(
                "{complaint} Give a full address such as https://www.example.com/help.",
                complaint=complaint,
            ),
        )


def _url_complaint(url: str) -> str:
    if not url:
        return term("A push URL needs its URL.")
    if "\\" in url or any(char.isspace() or not char.isprintable() for char in url):
        return term("The URL contains a blank, a control character or a backslash.")
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port  # reading it checks it
    except ValueError:
        return term("The URL's host or port cannot be read.")
    if parts.scheme not in ("http", "https"):
        return term("The URL does not start with http:// or https://.")
    if "@" in parts.netloc:
        return term("The URL contains a user name or password.")
    if not host or _HOST_BREAKERS.intersection(parts.netloc):
        return term("The URL has no valid host name.")
    return ""


def _build(
    method: Method,
    app_name: str,
    parameters: list[Pair],
    visibility: Visibility | str,
    user_data: KVList,
    tenant_id: int | None,
    media_type: str,
) -> EspRequest:
    pairs = list(_address(app_name, str(method.value)))
    shown_to = _member(Visibility, visibility, "unknown_visibility", "visibility")
    if tenant_id is not None:
        pairs.append(Pair.of("TenantId", tenant_id))
    if media_type:
        pairs.append(Pair.of("MediaType", media_type))
    parameters.append(_word("Visibility", shown_to))
    pairs.append(Pair("Parameters", ValueType.KVLIST, KVList.of_pairs(parameters)))
    return EspRequest(method, KVList.of_pairs(pairs), user_data)


@lru_cache(maxsize=1000, typed=True)
def _address(app_name: str, method: str) -> tuple[Pair, ...]:
    """Return the pairs that are alike in each request to a Chat Server."""
    if not app_name.strip():
        raise InvalidRequest(
            "empty_app_name",
            term("The Chat Server's application name is missing (user data ChatServerAppName)."),
        )
    return KVList.of(
        {"AppName": app_name, "AppType": APP_TYPE, "Service": SERVICE, "Method": method}
    )


@lru_cache(maxsize=1000, typed=True)
def _word(key: str, value: str) -> Pair:
    """Return a pair of which there are few different ones."""
    return Pair.of(key, value)


def _parameters(text: tuple[str, str], **words: str) -> list[Pair]:
    """Return the pairs of the parameters that are not empty."""
    pairs = [Pair.of(*text)] if text[1] else []
    return pairs + [_word(name, value) for name, value in words.items() if value]


_Enum = TypeVar("_Enum", bound=StrEnum)


def _member(choices: type[_Enum], word: str, code: str, what: str) -> _Enum:
    if type(word) is choices:
        return word
    try:
        return choices(word)
    except ValueError:
        known = ", ".join(choices)
        raise InvalidRequest(
            code,
            term("Unknown {what} {word!r}. Use one of {known}.", what=what, word=word, known=known),
        ) from None
