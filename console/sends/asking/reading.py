"""Reads the search box: which words are filters, and which stay a text.

Nothing is guessed. Words with one certain meaning become a filter. Words with several meanings, or
whose meaning is not certain, stay text, and what else they can mean is offered. So are words that
ask for two values of one filter.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from console.actors import Actor
from console.sends.asking.known_names import known
from console.sends.asking.vocabulary import NAME_MOST, Reading, meanings
from console.sends.asking.words import Word, joined, quoted, words_of

# A text of more words is a text.
WORDS_MOST = 24


@dataclass(frozen=True, slots=True)
class Offer:
    """What some words of the text can mean; `rest` is the text without them."""

    words: str
    reading: Reading
    rest: str


@dataclass(frozen=True, slots=True)
class Understood:
    """`changes` are filters as the page's address has them, `text` is what is left."""

    changes: dict[str, str]
    text: str
    offers: Sequence[Offer] = ()


@dataclass(frozen=True, slots=True)
class _Span:
    begin: int
    end: int
    readings: Sequence[Reading]

    @property
    def certain(self) -> Reading | None:
        """The only reading, if it is certain."""
        only = self.readings[0] if len(self.readings) == 1 else None
        return only if only is not None and only.is_certain else None


def box_read(actor: Actor, typed: str) -> Understood:
    """Return what somebody typed into the box as filters and a text."""
    words = words_of(typed)
    spans = _spans(actor, words)
    taken = [span for span in spans if span.certain is not None and not _rivals(span, spans)]
    changes = {
        name: value
        for span in taken
        for name, value in (span.certain.changes if span.certain is not None else ())
    }
    return Understood(changes, joined(_without(words, taken)), _offers(words, spans, taken))


def text_offers(actor: Actor, text: str) -> Sequence[Offer]:
    """Return what words of a text that is searched for can mean otherwise."""
    words = [Word(word) for word in text.split()]
    return _offers(words, _spans(actor, words), [])


def box_text(actor: Actor, text: str) -> str:
    """Return what to show in the box so that it is read as this text again."""
    if not text:
        return ""
    read = box_read(actor, text)
    return text if not read.changes and read.text == text else quoted(text)


def _spans(actor: Actor, words: Sequence[Word]) -> list[_Span]:
    """Return the words that mean something. The longest phrase goes first; if it is not certain,
    so do the phrases in it."""
    if len(words) > WORDS_MOST:
        return []
    phrases = {
        (begin, end): joined(words[begin:end])
        for begin in range(len(words))
        for end in range(begin + 1, min(begin + NAME_MOST, len(words)) + 1)
        if not any(word.is_quoted for word in words[begin:end])
    }
    names = known(actor, set(phrases.values())) if phrases else {}
    read = {}
    for place, phrase in phrases.items():
        found = [*meanings(phrase), *names.get(phrase.lower(), ())]
        if found:
            read[place] = _Span(*place, _each_once(found))
    return list(_chosen(read, len(words)))


def _each_once(readings: Sequence[Reading]) -> list[Reading]:
    """Return different readings; one is certain if anything makes it so."""
    certain = {each.changes for each in readings if each.is_certain}
    return [
        Reading(changes, changes in certain)
        for changes in dict.fromkeys(each.changes for each in readings)
    ]


def _chosen(read: dict[tuple[int, int], _Span], number: int) -> Iterator[_Span]:
    begin = 0
    while begin < number:
        ends = range(min(begin + NAME_MOST, number), begin, -1)
        longest = next((read[begin, end] for end in ends if (begin, end) in read), None)
        if longest is None:
            begin += 1
            continue
        yield longest
        if longest.certain is None:
            inside = (read[place] for place in read if _is_inside(place, longest))
            yield from (_Span(each.begin, each.end, _as_offers(each)) for each in inside)
        begin = longest.end


def _is_inside(place: tuple[int, int], span: _Span) -> bool:
    is_within = span.begin <= place[0] and place[1] <= span.end
    return is_within and place != (span.begin, span.end)


def _as_offers(span: _Span) -> list[Reading]:
    return [Reading(each.changes, is_certain=False) for each in span.readings]


def _rivals(span: _Span, spans: Sequence[_Span]) -> bool:
    """Return whether other words ask for another value of the same filter."""
    own = span.certain
    return any(
        own is not None
        and other.certain is not None
        and other.certain.changes != own.changes
        and other.certain.fields & own.fields
        for other in spans
    )


def _without(words: Sequence[Word], spans: Sequence[_Span]) -> list[Word]:
    gone = {at for span in spans for at in range(span.begin, span.end)}
    return [word for at, word in enumerate(words) if at not in gone]


def _offers(
    words: Sequence[Word], spans: Sequence[_Span], taken: Sequence[_Span]
) -> Sequence[Offer]:
    offers = []
    for span in spans:
        if span not in taken:
            rest = joined(_without(words, [*taken, span]))
            phrase = joined(words[span.begin : span.end])
            offers += [Offer(phrase, reading, rest) for reading in span.readings]
    return offers
