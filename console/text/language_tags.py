"""Which language a tag means, and which of several texts is in a customer's own language.

Tags are read by BCP 47 (RFC 5646) with the replacements of the registry and of Unicode (CLDR): iw
is he, zh-TW is written in Hant. A text is in somebody's own language if language and script are the
same. Its region only decides which of several texts is nearest, by CLDR's parent locales. A related
language is never their own, nor is another script of the same language.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from babel.core import Locale, UnknownLocaleError, get_global
from django.utils.translation import get_language
from langcodes.data_dicts import LANGUAGE_REPLACEMENTS, VALIDITY
from langcodes.tag_parser import LanguageTagError, parse_tag

# Longer texts are not tags. Tags have no limit, but real ones have at most 35 characters.
LONGEST = 100
REMEMBERED = 4096
# Codes that name no language: uncoded, multiple, undetermined, none.
NO_LANGUAGE = frozenset(("mis", "mul", "und", "zxx"))
# Norwegian means Bokmål by default, as in CLDR; Nynorsk (nn) is another written language.
NORWEGIAN = {"no": "nb"}
# Languages whose extended subtag replaces them (RFC 5646, 2.2.2).
MACROLANGUAGES = frozenset(("ar", "kok", "lv", "ms", "sgn", "sw", "uz", "zh"))
# Scripts in the names of POSIX locales, as in sr_RS.UTF-8@latin.
POSIX_SCRIPTS = {
    "arabic": "Arab",
    "cyrillic": "Cyrl",
    "devanagari": "Deva",
    "latin": "Latn",
}
# ISO 15924 codes of scripts that are written from right to left.
# fmt: off
RIGHT_TO_LEFT = frozenset((
    "Adlm", "Arab", "Aran", "Armi", "Avst", "Chrs", "Cprt", "Elym", "Hatr", "Hebr", "Hung", "Khar",
    "Lydi", "Mand", "Mani", "Mend", "Merc", "Mero", "Narb", "Nbat", "Nkoo", "Orkh", "Ougr", "Palm",
    "Phli", "Phlp", "Phnx", "Prti", "Rohg", "Samr", "Sarb", "Sogd", "Sogo", "Syrc", "Thaa", "Yezi",
))
# fmt: on


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag in its canonical form.

    If the tag has no `script`, it is the likely one, or "" if that is unknown. `rest` are variants,
    extensions and private-use subtags.
    """

    language: str
    script: str
    region: str = ""
    rest: tuple[str, ...] = ()

    @property
    def spoken(self) -> str:
        """The language, with its script if that is not the usual one: zh-Hant, but es."""
        usual = _likely(self.language)[0]
        return self.language if self.script in ("", usual) else f"{self.language}-{self.script}"

    def __str__(self) -> str:
        likely = self.script == _likely(self.language, self.region)[0]
        start = self.spoken if likely else f"{self.language}-{self.script}".strip("-")
        return "-".join(part for part in (start, self.region, *self.rest) if part)


class Match(NamedTuple):
    """The tag of the text that somebody gets, and whether it is in their own language."""

    locale: str
    is_own: bool


def written(tag: str) -> str:
    """Return one spelling for all ways to write the same subtags: pt_BR and pt-br are the same."""
    return tag.strip().replace("_", "-").lower()


def read(tag: str) -> Tag | None:
    """Return the canonical tag; None if it is invalid, or if its language is not registered."""
    return _read(tag) if len(tag) <= LONGEST else None


@lru_cache(REMEMBERED)
def _read(tag: str) -> Tag | None:
    name, _at, modifier = written(tag).partition("@")
    name = name.partition(".")[0]
    try:
        parts: list[tuple[str, str]] = parse_tag(  # type: ignore[no-untyped-call]
            LANGUAGE_REPLACEMENTS.get(name, name)
        )
    except LanguageTagError:
        return None
    found = {kind: value for kind, value in reversed(parts) if kind not in ("variant", "extension")}
    language, script, region = _language(found.get("language", ""), found.get("extlang", ""))
    if language in NO_LANGUAGE or not _is_registered(language):
        return None
    region = _region(found.get("territory", "")) or region
    script = found.get("script") or script or POSIX_SCRIPTS.get(modifier, "")
    rest = [value for kind, value in parts if kind in ("variant", "extension", "private")]
    return Tag(language, script or _likely(language, region)[0], region, tuple(rest))


def _is_registered(language: str) -> bool:
    """Return whether the language is registered.

    CLDR has some that are newer than langcodes' registry.
    """
    return bool(VALIDITY.match(language)) or language in get_global("likely_subtags")


def _language(code: str, extended: str) -> tuple[str, str, str]:
    """Return the present language of a code, with the script and region that it implies: sh is sr
    in Latn, prs is fa of AF."""
    if extended and code in MACROLANGUAGES:
        code = LANGUAGE_REPLACEMENTS.get(f"{code}-{extended}", extended)
    aliases = get_global("language_aliases")
    code = aliases.get(code) or LANGUAGE_REPLACEMENTS.get(code, code)
    code, *others = code.replace("-", "_").split("_")
    script = next((part for part in others if len(part) == 4), "")
    region = next((part for part in others if len(part) != 4), "")
    return NORWEGIAN.get(code, code), script, region


def _region(code: str) -> str:
    """Return the present code: uk is GB. A region that was split keeps its code."""
    today = get_global("territory_aliases").get(code, ())
    return str(today[0]) if len(today) == 1 else code


def _likely(language: str, region: str = "") -> tuple[str, str]:
    """Return the most likely script and region of a language."""
    known = get_global("likely_subtags")
    full = known.get(f"{language}_{region}") or known.get(language) or ""
    _language, script, place = (*full.split("_"), "", "", "")[:3]
    return script, place


def is_known(tag: str) -> bool:
    """Return whether the tag names a language."""
    return read(tag) is not None


def is_same(one: str, other: str) -> bool:
    """Return whether two tags mean exactly the same, including region and variants."""
    first = read(one)
    return written(one) == written(other) or (first is not None and first == read(other))


def is_own(reader: str, text: str) -> bool:
    """Return whether a text is in somebody's own language: the same one, in the same script."""
    wanted, found = read(reader), read(text)
    if wanted is None or found is None:
        is_tag = 0 < len(reader) <= LONGEST and not _names_none(reader)
        return is_tag and written(reader) == written(text)
    return (wanted.language, wanted.script) == (found.language, found.script)


def _names_none(tag: str) -> bool:
    return written(tag).partition("-")[0] in NO_LANGUAGE


def best(reader: str, texts: tuple[str, ...], default: str) -> Match:
    """Return the text that somebody gets, and whether it is in their own language.

    It is the one with exactly this tag, else the nearest in their own language, else the default.
    """
    return _best(reader, texts, default) if len(reader) <= LONGEST else Match(default, False)


@lru_cache(REMEMBERED)
def _best(reader: str, texts: tuple[str, ...], default: str) -> Match:
    same = {written(text): text for text in texts}.get(written(reader))
    if same is not None and reader:
        return Match(same, is_own(reader, same))
    wanted = read(reader)
    own = [text for text in texts if is_own(reader, text)] if wanted else []
    if wanted is None or not own:
        return Match(default, False)
    return Match(min(own, key=lambda text: _distance(wanted, reader, text, default)), True)


def _distance(wanted: Tag, reader: str, text: str, default: str) -> tuple[object, ...]:
    """Return a sort key: how far a text in the reader's own language is from their tag.

    The order is: what the tag inherits from (es-MX, es-419, es), then the nearest related one
    (es-AR before es-ES). Between two spellings of one tag the reader's own comes first.
    """
    found = read(text)
    ours, theirs = list(_line(wanted)), list(_line(found)) if found else []
    up = next(index for index, tag in enumerate(ours) if tag in theirs)
    down = theirs.index(ours[up])
    home = _likely(wanted.spoken.replace("-", "_"))[1]
    other_code = written(reader).split("-")[0] != written(text).split("-")[0]
    abroad = found is not None and found.region not in ("", home)
    return down > 0, up, down, abroad, other_code, text != default, text


def _line(tag: Tag) -> Iterator[Tag]:
    """Yield the tag and what it inherits from, up to the language in its script alone."""
    yield tag
    while tag.rest or tag.region:
        tag = replace(tag, rest=tag.rest[:-1]) if tag.rest else replace(tag, region=_parent(tag))
        yield tag


def _parent(tag: Tag) -> str:
    """Return the region that this one inherits from: 419 for es-MX, PT for pt-AO, "" for none."""
    parents = get_global("parent_exceptions")
    named = parents.get(f"{tag.language}_{tag.script}_{tag.region}")
    if named is None and _likely(tag.language, tag.region)[0] == tag.script:
        named = parents.get(f"{tag.language}_{tag.region}")
    language, *others = (named or "").split("_")
    place = [part for part in others if len(part) != 4]
    return place[0] if language == tag.language and place and place[0] != tag.region else ""


def spelled_as(tag: str, texts: Iterable[str]) -> str:
    """Return the spelling of the same language in `texts`, else the tag unchanged."""
    known = list(texts)
    return tag if tag in known else next((text for text in known if is_same(tag, text)), tag)


def twice(tags: Iterable[str], *, as_written: bool = False) -> tuple[str, str] | None:
    """Return two of these that mean the same, or None.

    With `as_written` only case and hyphens may differ.
    """
    seen: dict[object, str] = {}
    for tag in tags:
        key = (not as_written and read(tag)) or written(tag)
        if key in seen:
            return seen[key], tag
        seen[key] = tag
    return None


def each_once(tags: Iterable[str]) -> list[str]:
    """Return the tags without those that mean the same as an earlier one."""
    found: dict[object, str] = {}
    for tag in tags:
        found.setdefault(read(tag) or written(tag), tag)
    return list(found.values())


def is_right_to_left(tag: str) -> bool:
    found = read(tag)
    return found is not None and found.script in RIGHT_TO_LEFT


def html_tag(tag: str) -> str:
    """Return the tag for HTML's `lang`: pt-BR for pt_BR; "" (unknown) if it is invalid."""
    return str(read(tag) or "")


def name(tag: str, *, with_region: bool = False) -> str:
    """Return the language's name in the language of the page: es is Spanish.

    An unknown tag is returned unchanged.
    """
    return name_for(tag, str(get_language() or "en"), with_region=with_region)


def name_for(tag: str, reader: str, *, with_region: bool = False) -> str:
    """Return the language's name, as `name` does, in the language with the code `reader`."""
    found = read(tag)
    return tag if found is None else _name(found, reader, with_region=with_region)


@lru_cache(REMEMBERED)
def _name(tag: Tag, reader: str, *, with_region: bool) -> str:
    try:
        words = Locale.parse(reader.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        words = Locale("en")
    known = words.languages
    called = known.get(tag.spoken.replace("-", "_"))
    beside = []
    if called is None:
        called = known.get(tag.language, tag.language)
        if tag.spoken != tag.language:
            beside.append(words.scripts.get(tag.script, tag.script))
    if with_region and tag.region:
        beside.append(words.territories.get(tag.region, tag.region))
    return f"{called} ({', '.join(beside)})" if beside else str(called)
