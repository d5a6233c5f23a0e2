"""What a template may look like before it is read.

The language's reader looks for an end from each beginning, so a text that is all beginnings takes
it minutes. This reads a template in one go, and refuses what would take the other so long: after
it, the time for reading grows with the length alone.
"""

import re

from liquid.exceptions import LiquidSyntaxError

from console.text.sentences import term

# CONSOLE_TEXT_LIMIT can't be set higher.
TEMPLATE_LENGTH = 100_000
# Tags and outputs of a template.
MOST_PARTS = 1000
# Of one tag or output, what stands in quotes left aside.
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
    """Raise LiquidSyntaxError for what could take long to read. Linear in the length."""
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
    """`inside` is what stands between the two ends of a tag or an output."""
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
    """Where it goes on behind a tag: text that stands there as it is ends by its own tag alone."""
    raw = _RAW.fullmatch(template, start, end)
    if not raw:
        return end
    found = _ENDS_OF_RAW[raw[1]].search(template, end)
    if not found:
        raise _refused(term("a {tag} has no end{tag}", tag=raw[1]))
    return found.end()


def _refused(why: str) -> LiquidSyntaxError:
    return LiquidSyntaxError(why, token=None)
