"""Checks a template's shape before it is parsed.

Liquid's parser searches for an end from each beginning, so a text that is all beginnings takes it
minutes. This module scans a template once, and refuses those that would take long: for the rest,
parsing time is linear in the length.
"""

import re

from liquid.exceptions import LiquidSyntaxError

from console.text.sentences import term

# CONSOLE_TEXT_LIMIT can't be set higher.
TEMPLATE_LENGTH = 100_000
# Largest number of tags and outputs in a template.
MOST_PARTS = 1000
# Limits of one tag or output, without what is in quotes.
PART_LENGTH = 1000
MOST_BRACKETS = 20
MOST_BLANKS = 100

_BEGINNING = re.compile(r"\{\{|\{%")
_ENDS = {"{{": "}}", "{%": "%}"}
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_BRACKET = re.compile(r"[\[(]")
_BLANKS = re.compile(rf"\s{{{MOST_BLANKS + 1}}}")
_RAW = re.compile(r"\{%-?\s*(raw|doc)\s*-?%\}")
_ENDS_OF_RAW = {name: re.compile(rf"\{{%-?\s*end{name}\s*-?%\}}") for name in ("raw", "doc")}


def require_readable(template: str) -> None:
    """Raise LiquidSyntaxError for a template that could take long to parse. Takes linear time."""
    if len(template) > TEMPLATE_LENGTH:
        raise _refused(term("it has more than {limit:,} characters", limit=TEMPLATE_LENGTH))
    at = parts = 0
    while found := _BEGINNING.search(template, at):
        parts += 1
        if parts > MOST_PARTS:
            raise _refused(
                term(
                    "it has more than {limit:,} tags and outputs; take some into a snippet",
                    limit=MOST_PARTS,
                )
            )
        beginning, end = found[0], _ENDS[found[0]]
        at = template.find(end, found.end())
        if at < 0:
            raise _refused(term("a {beginning} has no {end}", beginning=beginning, end=end))
        _require_short(template[found.end() : at])
        at = _behind(template, found.start(), at + len(end))


def _require_short(inside: str) -> None:
    """Raise LiquidSyntaxError for too large a tag or output.

    `inside` is the text between its two ends.
    """
    if len(inside) <= MOST_BRACKETS:  # so most are
        return
    bare = _QUOTED.sub('""', inside)
    if len(bare) > PART_LENGTH:
        raise _refused(
            term(
                "a tag or output has more than {limit:,} characters outside of quotes; make "
                "several of it",
                limit=PART_LENGTH,
            )
        )
    if len(_BRACKET.findall(bare)) > MOST_BRACKETS:
        raise _refused(term("a tag or output has more than {limit} brackets", limit=MOST_BRACKETS))
    if _BLANKS.search(bare):
        raise _refused(
            term("a tag or output has more than {limit} blanks in a row", limit=MOST_BLANKS)
        )


def _behind(template: str, start: int, end: int) -> int:
    """Return the position after a tag. A `raw` or `doc` block extends to its own end tag."""
    raw = _RAW.fullmatch(template, start, end)
    if not raw:
        return end
    found = _ENDS_OF_RAW[raw[1]].search(template, end)
    if not found:
        raise _refused(term("a {tag} has no end{tag}", tag=raw[1]))
    return found.end()


def _refused(why: str) -> LiquidSyntaxError:
    return LiquidSyntaxError(why, token=None)
