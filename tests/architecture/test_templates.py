"""Templates that can be reviewed. Their form is djangofmt's (`make format`, `make check`)."""

import re
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
LONG = 120
MOST_LONG = 0.03
# Inside of these a browser shows every blank and line. djangofmt does not read the style sheets and
# may break such an element, so a tag of console/web/templatetags/texts.py writes it.
BLANKS_SHOW = re.compile(
    r'<\w+[^<>]*class="[^"]*\b(?:body-text|prewrap|chat__bubble|attempt__answer)\b[^>]*>\s'
)


def templates() -> dict[str, str]:
    return {
        str(path.relative_to(TEMPLATES)): path.read_text("utf-8")
        for path in sorted(TEMPLATES.rglob("*.html"))
    }


def test_few_lines_are_long() -> None:
    lines = [
        (len(line), f"{name}:{number}")
        for name, text in templates().items()
        for number, line in enumerate(text.splitlines(), 1)
    ]
    long = [where for length, where in lines if length > LONG]
    assert len(lines) > 1000
    assert len(long) <= MOST_LONG * len(lines), "\n".join(long)


def test_no_blank_is_added_to_what_somebody_wrote() -> None:
    found = [name for name, text in templates().items() if BLANKS_SHOW.search(text)]
    assert found == []
