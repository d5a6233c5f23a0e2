"""The host that a browser really opens, and hosts that look like another.

Follows UTS #39 (security mechanisms) and the URL standard of browsers (WHATWG), as far as the check
of push URLs needs them. Doubtful hosts are refused: a real site has a plain address as well.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import idna

from console.security.lookalikes import are_alike, is_like_ascii, mixed_scripts, skeleton
from console.text.sentences import term

# A browser reads a host whose last label matches this as an IPv4 address.
NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
PUNYCODE = "xn--"


class Deceptive(ValueError):
    """A host that is not what it looks like; the message states how."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host as people read it, and as it is looked up. The two differ only for other scripts."""

    shown: str
    ascii: str

    @property
    def is_international(self) -> bool:
        return self.shown != self.ascii


def read_host(written: str) -> Host:
    """Return the host that a browser opens for `written`, urllib's lower-case hostname.

    IPv6 has no brackets. Raises Deceptive if a browser opens a different host, or if the host looks
    like another.
    """
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
    """Return a label as it is shown and as it is looked up. Raises Deceptive."""
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
    """Raise Deceptive if one label is right-to-left and another breaks the rule for that (RFC
    5893): the labels would be displayed in another order."""
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
    """Raise Deceptive for a label that can be mistaken for plain Latin letters.

    Before a Latin ending such as .com, any such label pretends to be another. Before an ending of
    its own script (.рф) it is an ordinary word, unless the whole host can be mistaken for Latin
    letters.
    """
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
    """Return the `known` host (in its shown form) that this one imitates, or None.

    Compares in lower case and as `written`: the whole host, or its end from the registered name on.
    A host that equals a known one or is below it imitates none.
    """
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
