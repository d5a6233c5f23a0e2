"""The host that a browser really goes to, and hosts that look like another.

After UTS #39 (security mechanisms) and the URL standard of browsers (WHATWG), as far as the check
of push URLs needs them. What is doubtful is refused: a real site has a plain address as well.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import idna

from console.security.lookalikes import are_alike, is_like_ascii, mixed_scripts, skeleton
from console.text.sentences import term

# A browser reads a host whose last part looks like this as an IPv4 address, in whatever form.
NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
PUNYCODE = "xn--"


class Deceptive(ValueError):
    """A host that is not what it looks like; the text says how."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host as people read it, and as it is looked up (the same, but for other scripts)."""

    shown: str
    ascii: str

    @property
    def is_international(self) -> bool:
        return self.shown != self.ascii


def read_host(written: str) -> Host:
    """The host that a browser makes of what urllib takes for one (in small letters, IPv6 without
    brackets). Raises Deceptive where it is another one, or looks like another."""
    if ":" in written:
        return _ipv6(written)
    labels = written.rstrip(".").split(".")
    if NUMERIC.fullmatch(labels[-1]):
        return _ipv4(written)
    read = [_label(label) for label in labels]
    shown = ".".join(label for label, _ascii in read)
    if not shown.isascii():
        _require_one_direction(shown)
    _require_no_disguise([label for label, _ascii in read])
    dot = "." if written.endswith(".") else ""
    return Host(shown + dot, ".".join(ascii for _label, ascii in read) + dot)


def _ipv6(written: str) -> Host:
    try:
        address = IPv6Address(written)
    except AddressValueError as error:
        raise Deceptive(
            term("has [{written}] for a host, which is no address", written=written)
        ) from error
    return Host(str(address), str(address))


def _ipv4(written: str) -> Host:
    try:
        address = str(IPv4Address(written))
    except AddressValueError as error:
        raise Deceptive(
            term(
                "has the host {written}, which a browser reads as an IP address in an unusual "
                "form; write the address as four plain numbers, or a name",
                written=written,
            )
        ) from error
    return Host(address, address)


def _label(written: str) -> tuple[str, str]:
    """One part of a host: as it is shown, and as it is looked up."""
    label = written
    if written.startswith(PUNYCODE):
        try:
            label = idna.decode(written)
        except UnicodeError as error:
            raise Deceptive(
                term("has {written} in its host, which stands for nothing", written=written)
            ) from error
    if label.isascii():
        return label, label
    try:
        mapped = idna.uts46_remap(label, std3_rules=True, transitional=False)
        ascii_form = idna.encode(label).decode("ascii")
    except UnicodeError as error:
        raise Deceptive(
            term("has {label} in its host, which no name can have in it", label=label)
        ) from error
    if mapped != label or (written.startswith(PUNYCODE) and ascii_form != written):
        raise Deceptive(
            term(
                "has {label} in its host, which a browser turns into {mapped}",
                label=label,
                mapped=mapped,
            )
        )
    _require_one_script(label)
    return label, ascii_form


def _require_one_direction(shown: str) -> None:
    """Where one part runs from right to left, all have to keep to the rule for that (RFC 5893):
    else they are shown in another order than they are looked up."""
    if not any(unicodedata.bidirectional(char) in ("R", "AL", "AN") for char in shown):
        return
    try:
        for label in shown.rstrip(".").split("."):
            idna.check_bidi(label, check_ltr=True)
    except UnicodeError as error:
        raise Deceptive(
            term(
                "has the host {shown}, whose parts run in both directions; use a plain one",
                shown=shown,
            )
        ) from error


def _require_one_script(label: str) -> None:
    if mixed := mixed_scripts(label):
        names = " and ".join(script.capitalize() for script in mixed)
        raise Deceptive(
            term(
                "has {label} in its host, which mixes {names} letters; look-alikes of known names "
                "are made like that. Write it in one script",
                label=label,
                names=names,
            )
        )


def _require_no_disguise(labels: list[str]) -> None:
    """A part that can be taken for plain Latin letters pretends to be another, before an end such
    as .com. Before one of its own script (.рф) it is a word of that, unless all of the host can be
    taken for Latin letters."""
    if not labels[-1].isascii() and not all(_is_like_ascii(label) for label in labels):
        return
    for label in labels:
        if is_like_ascii(label):
            raise Deceptive(
                term(
                    "has {label} in its host, which looks like {other} and is something else",
                    label=idna.encode(label).decode(),
                    other=skeleton(label),
                )
            )


def _is_like_ascii(label: str) -> bool:
    return label.isascii() or is_like_ascii(label)


def imitated(written: str, host: Host, known: Iterable[str]) -> str | None:
    """Which of the `known` hosts (as they are shown) this one looks like, in small letters or as it
    is `written`: all of it, or its end from the name on that somebody registers. None for one that
    is below or is a known one."""
    forms = {host.shown.rstrip("."), written.rstrip(".")}
    for other in known:
        parts = other.lower().strip(".").split(".")
        for first in range(max(len(parts) - 1, 1)):
            end = parts[first:]
            if any(_ends_alike(form.split("."), end) for form in forms):
                return other.strip(".")
    return None


def _ends_alike(labels: list[str], end: list[str]) -> bool:
    mine = labels[-len(end) :]
    if len(mine) < len(end) or [label.lower() for label in mine] == end:
        return False
    return are_alike(".".join(mine), ".".join(end))
