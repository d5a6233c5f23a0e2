"""Which URLs may be pushed to a customer's browser."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from console.catalogue.templating.hosts import Deceptive, Host, imitated, read_host
from console.errors import InvalidInput
from console.text.sentences import Sentence, sentence_of, term
from console.text.visible import has_unseen

# A browser changes or rejects a URL with these characters.
UNSAFE = re.compile(r"[\s\"<>^`{|}]")
# Labels of letters, digits and hyphens, in any script with its combining marks
# (console.catalogue.templating.hosts checks which may be in a name). IPv6 addresses come without
# brackets.
LABEL = r"[A-Za-z0-9_\-\u0080-\U0010ffff]+"
HOST = re.compile(rf"{LABEL}(\.{LABEL})*\.?|[0-9a-f:.]+:[0-9a-f:.]*")
# urllib ignores text between the bracket and the port.
BRACKETED = re.compile(r"\[[^\[\]]+\](:[0-9]*)?")
DOT_SEGMENT = re.compile(r"(^|/)(\.|%2e){1,2}(/|$)", re.IGNORECASE)


def check_push_url(url: str) -> None:
    """Raise InvalidInput (code invalid_url) unless `url` may be pushed.

    It must be absolute http or https with a host (on the allow-list, if there is one) and at most
    URL_LIMIT characters. It must have no credentials, no path segments that a browser would
    resolve, and no characters that it would change.
    """
    if len(url) > settings.URL_LIMIT:
        raise _refused(
            term(
                "has {count:,} characters; at most {limit:,} go",
                count=len(url),
                limit=settings.URL_LIMIT,
            )
        )
    if UNSAFE.search(url) or not url.isprintable() or has_unseen(url):
        raise _refused(
            term(
                'has spaces, control or invisible characters, or one of "<>^`{|}; percent-encode '
                "them"
            )
        )
    if "\\" in url:
        raise _refused(term("has a backslash, which browsers read as a slash; use / or %5C"))
    parts = _split(url)
    _require_whole(parts)
    _require_no_other(parts)


def _require_whole(parts: SplitResult) -> None:
    """Raise InvalidInput unless a browser finds a host in it, and nothing beside."""
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise _refused(
            term("is not a whole web address; start it with https:// and the host's name")
        )
    if parts.username is not None or parts.password is not None:
        raise _refused(term("carries a user name or password before the host; take them out"))
    if not HOST.fullmatch(parts.hostname) or parts.port == 0:
        raise _refused(
            term("names no host that a browser could find: {netloc}", netloc=parts.netloc)
        )
    if "[" in parts.netloc and not BRACKETED.fullmatch(parts.netloc):
        raise _refused(
            term("names no host that a browser could find: {netloc}", netloc=parts.netloc)
        )


def _require_no_other(parts: SplitResult) -> None:
    """Raise InvalidInput for a look-alike of an allowed host, for a path that leads elsewhere, and
    for a host that is not allowed."""
    host = _host(parts.hostname or "")
    allowed = settings.PUSH_URL_HOSTS
    is_allowed = any(_matches(host.ascii, pattern) for pattern in allowed)
    if not is_allowed and (other := imitated(_written(parts), host, _shown(allowed))):
        raise _refused(
            term(
                "leads to {ascii}, which looks like {other} and is another host; write the host "
                "as it stands on the list of allowed hosts",
                ascii=host.ascii,
                other=other,
            )
        )
    if DOT_SEGMENT.search(parts.path):
        raise _refused(term("has . or .. as a part of its path; write out where it leads"))
    if allowed and not is_allowed:
        raise _refused(
            term(
                "leads to {host}, which is not on the list of allowed hosts ({allowed}); an "
                "administrator can add it",
                host=host.shown,
                allowed=list(allowed),
            )
        )


def shown_host(url: str) -> Host | None:
    """Return the host that a browser would open; None if there is no valid one, as in a template
    whose host is a variable."""
    try:
        name = urlsplit(url).hostname
        return read_host(name) if name and HOST.fullmatch(name) else None
    except ValueError:
        return None


def _host(name: str) -> Host:
    try:
        return read_host(name)
    except Deceptive as error:
        raise _refused(sentence_of(error)) from error


def _written(parts: SplitResult) -> str:
    """Return the host with its capitals, by which it may look like another (I and l)."""
    host = parts.netloc.rpartition("@")[2]
    return host.partition(":")[0] if not host.startswith("[") else ""


def _shown(patterns: Iterable[str]) -> Iterator[str]:
    """Yield the hosts of a list in their shown form."""
    for pattern in patterns:
        try:
            yield read_host(pattern.lower().removeprefix(".")).shown
        except Deceptive:  # an odd pattern is taken literally
            yield pattern


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading the port validates it
    except ValueError as error:
        raise _refused(term("can't be read: {error}", error=error)) from error
    return parts


def _matches(host: str, pattern: str) -> bool:
    """Return whether `pattern` allows `host`: the host itself, or ".example.org" and below."""
    pattern = pattern.lower()
    dot = "." if pattern.startswith(".") else ""
    with suppress(Deceptive):  # an odd pattern is taken literally
        pattern = dot + read_host(pattern.removeprefix(".")).ascii
    if pattern.startswith("."):
        return host.endswith(pattern) or host == pattern[1:]
    return host == pattern


def _refused(what: Sentence) -> InvalidInput:
    return InvalidInput("invalid_url", "The URL {what}.", what=what)
