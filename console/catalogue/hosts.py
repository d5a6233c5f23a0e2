"""The host that a browser really goes to, and hosts that look like another.

After UTS #39 (security mechanisms) and the URL standard of browsers (WHATWG), as far as the check
of push URLs needs them. What is doubtful is refused: a real site has a plain address as well.
"""

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import idna

# A browser reads a host whose last part looks like this as an IPv4 address, in whatever form.
NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
PUNYCODE = "xn--"
# Scripts that are written together, besides Latin (UTS #39: highly restrictive).
TOGETHER = [
    {"CJK", "HIRAGANA", "KATAKANA", "LATIN"},
    {"CJK", "BOPOMOFO", "LATIN"},
    {"CJK", "HANGUL", "LATIN"},
]
# First words of Unicode's names for what belongs to no script, or to any.
COMMON = {"DIGIT", "HYPHEN-MINUS", "COMBINING", "KATAKANA-HIRAGANA", "MIDDLE", "LOW", "IDEOGRAPHIC"}
# Letters of Cyrillic, Greek and Armenian that look like Latin ones in usual fonts.
LOOK_ALIKES = dict(
    zip(
        "асеорхуіѕјһԁԛԝӏвкмнтгьпԍαορνυικτօսոհցյ",
        "aceopxyisjhdqwlbkmhtrbngaopvuiktounhgj",
        strict=True,
    )
)


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
    if read[-1][0].isascii():
        for label, _ascii in read:
            _require_not_latin_in_disguise(label)
    dot = "." if written.endswith(".") else ""
    return Host(shown + dot, ".".join(ascii for _label, ascii in read) + dot)


def _ipv6(written: str) -> Host:
    try:
        address = IPv6Address(written)
    except AddressValueError as error:
        raise Deceptive(f"has [{written}] for a host, which is no address") from error
    return Host(str(address), str(address))


def _ipv4(written: str) -> Host:
    try:
        address = str(IPv4Address(written))
    except AddressValueError as error:
        raise Deceptive(
            f"has the host {written}, which a browser reads as an IP address in an unusual form; "
            "write the address as four plain numbers, or a name"
        ) from error
    return Host(address, address)


def _label(written: str) -> tuple[str, str]:
    """One part of a host: as it is shown, and as it is looked up."""
    label = written
    if written.startswith(PUNYCODE):
        try:
            label = idna.decode(written)
        except UnicodeError as error:
            raise Deceptive(f"has {written} in its host, which stands for nothing") from error
    if label.isascii():
        return label, label
    try:
        mapped = idna.uts46_remap(label, std3_rules=True, transitional=False)
        ascii_form = idna.encode(label).decode("ascii")
    except UnicodeError as error:
        raise Deceptive(f"has {label} in its host, which no name can have in it") from error
    if mapped != label or (written.startswith(PUNYCODE) and ascii_form != written):
        raise Deceptive(f"has {label} in its host, which a browser turns into {mapped}")
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
            f"has the host {shown}, whose parts run in both directions; use a plain one"
        ) from error


def _require_one_script(label: str) -> None:
    scripts = {unicodedata.name(char, "UNNAMED").split()[0] for char in label} - COMMON
    if len(scripts) > 1 and not any(scripts <= together for together in TOGETHER):
        names = " and ".join(sorted(name.capitalize() for name in scripts))
        raise Deceptive(
            f"has {label} in its host, which mixes {names} letters; look-alikes of known names are "
            "made like that. Write it in one script"
        )


def _require_not_latin_in_disguise(label: str) -> None:
    letters = [char for char in label if char.isalpha()]
    if not label.isascii() and all(char in LOOK_ALIKES for char in letters):
        looks = "".join(LOOK_ALIKES.get(char, char) for char in label)
        raise Deceptive(
            f"has {idna.encode(label).decode()} in its host, which looks like {looks} and is "
            "something else"
        )
