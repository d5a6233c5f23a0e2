"""Whatever an editor writes and a chat carries: the time for reading it grows with its length, up
to the limits."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from console.catalogue.templating import language
from console.catalogue.templating.filling.shape import (
    MOST_BLANKS,
    MOST_BRACKETS,
    MOST_PARTS,
    PART_LENGTH,
    TEMPLATE_LENGTH,
)
from console.catalogue.templating.filling.signatures import SIGNATURES
from console.catalogue.templating.language import Snippet
from console.catalogue.templating.rendering import RenderingRefused, check_template, renderer
from console.errors import InvalidInput
from tests.catalogue.filled import NOW, filled
from tests.catalogue.test_rendering import Chat
from tests.support.growth import require_linear

# --- Templates -----------------------------------------------------------------------------------

TAGS: dict[str, Callable[[int], str]] = {
    "output": lambda n: "{{ data.V }}" * n,
    "if": lambda n: "{% if data.V == 'a' %}a{% elsif data.V > 5 %}b{% else %}c{% endif %}" * n,
    "elsif": lambda n: "{% if data.V %}" + "{% elsif data.V %}" * n + "{% endif %}",
    "unless": lambda n: "{% unless data.V %}a{% endunless %}" * n,
    "case": lambda n: "{% case data.V %}" + "{% when 'a', 'b' %}a" * n + "{% endcase %}",
    "assign": lambda n: "{% assign a = data.V | upcase %}" * n,
    "capture": lambda n: "{% capture a %}b{% endcapture %}" * n,
    "for": lambda n: "{% for a in data.V limit: 2 %}{{ a }}{% endfor %}" * n,
    "cycle": lambda n: "{% cycle 'a', 'b' %}" * n,
    "break": lambda n: "{% for a in data.V %}" + "{% continue %}{% break %}" * n + "{% endfor %}",
    "comment": lambda n: "{% comment %}" * n + "{{ a" + "{% endcomment %}" * n,
    "#": lambda n: "{% # a \n # b %}" * n,
    "raw": lambda n: "{% raw %}{{ a }}{% endraw %}" * n,
    "snippet": lambda n: "{% snippet 'a' %}" * n,
}
# What finds no end, or one far away.
HOSTILE: dict[str, Callable[[int], str]] = {
    "outputs without an end": lambda n: "{{" * n,
    "outputs with one end": lambda n: "{{ " * n + "}}",
    "tags without an end": lambda n: "{% a " * n,
    "raw without an end": lambda n: "{% raw %}" * n,
    "doc without an end": lambda n: "{% doc %}" * n,
    "comments without an end": lambda n: "{% comment %}" * n,
    "hyphens": lambda n: "{{" + "-" * n,
    "blanks": lambda n: "{{" + " " * n + "a",
    "blanks in an output": lambda n: "{{" + " " * n + "}}",
    "blanks in a tag": lambda n: "{% else" + " " * n + "%}",
    "blanks in many tags": lambda n: "{% else" + " " * 99 + "%}" + "{% if a" + " " * n + "%}",
    "a long name": lambda n: "{%" + "a" * n,
    "variables in variables": lambda n: "{{ " + "data[" * n + "1" + "]" * n + " }}",
    "brackets": lambda n: "{{ " + "[" * n + "}}",
    "ranges": lambda n: "{% if " + "(" * n + "1..2 %}",
    "names in brackets": lambda n: "{{ data" + "['a' " * n + "}}",
    "quotes": lambda n: "{{ " + "'\"" * n + " }}",
    "one quote": lambda n: "{{ '" + '"' * n + " }}",
    "a condition": lambda n: "{% if a" + " and a" * n + " %}{% endif %}",
    "blocks": lambda n: "{% if 1 %}" * n + "{% endif %}" * n,
    "digits": lambda n: "{{ " + "1" * n + "a }}",
    "numbers": lambda n: "{{ " + "1." * n + " }}",
    "a text": lambda n: "{{ '" + "a" * n + "' | upcase }}",
    "lines": lambda n: "\r\n" * n,
    "beginnings": lambda n: "{" * n,
}


def check(template: str, kind: str = "message") -> Callable[[], object]:
    def action() -> None:
        language._read_once.cache_clear()
        with suppress(InvalidInput):
            check_template(kind, template)

    return action


@pytest.mark.parametrize("make", TAGS.values(), ids=TAGS)
def test_each_tag_is_read_in_time_for_its_length(make: Callable[[int], str], settings: Any) -> None:
    settings.TEXT_LIMIT = TEMPLATE_LENGTH
    require_linear(lambda n: check(make(n)), 150)


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_what_has_no_end_is_read_in_time_for_its_length(
    make: Callable[[int], str], settings: Any
) -> None:
    settings.TEXT_LIMIT = TEMPLATE_LENGTH
    for length in (400, 10_000):
        require_linear(lambda n: check(make(n)), length)
        require_linear(lambda n: check("https://a.example/" + make(n), "push_url"), length)


REFUSED = {
    "characters": "a" * (TEMPLATE_LENGTH + 1),
    "tags and outputs": "{{ data.a }}" * (MOST_PARTS + 1),
    "characters outside": "{{ data." + "a" * PART_LENGTH + " }}",
    "brackets": "{{ " + "data[" * (MOST_BRACKETS + 1) + "1" + "]" * (MOST_BRACKETS + 1) + " }}",
    "blanks in a row": "{% if data.a" + " " * (MOST_BLANKS + 1) + "%}{% endif %}",
    "a {{ has no }}": "a {{ data.a",
    "a {% has no %}": "a {% if data.a }}",
    "no endraw": "{% raw %} a",
}


@pytest.mark.parametrize(("why", "template"), REFUSED.items(), ids=REFUSED)
def test_what_is_too_much_is_said_before_it_is_read(why: str, template: str, settings: Any) -> None:
    settings.TEXT_LIMIT = TEMPLATE_LENGTH + 1
    with pytest.raises(InvalidInput, match=why) as refused:
        check_template("message", template)
    assert refused.value.code == "template_error"


def test_as_much_as_may_be_is_read(settings: Any) -> None:
    settings.TEXT_LIMIT = TEMPLATE_LENGTH
    depth = MOST_BRACKETS
    check_template("message", "{{ data.a }}" * MOST_PARTS)
    check_template("message", "{{ data['" + "a" * 2 * PART_LENGTH + "'] }}")
    check_template("message", "{{ " + "data[" * depth + "data.a" + "]" * depth + " }}")
    check_template("message", "{% raw %} {{ {{ {% if {% endraw %}")
    check_template("message", "{% comment %} {{ a }} {% # {{ %}{% endcomment %}")


# --- Values --------------------------------------------------------------------------------------

# A filter's arguments as a template gives them, where there have to be some.
ARGUMENTS = {
    "append": "data.V",
    "prepend": "data.V",
    "truncate": "1, data.V",
    "truncatewords": "1, data.V",
    "replace": "'1', '22'",
    "replace_first": "'1', data.V",
    "remove": "data.V",
    "remove_first": "data.V",
    "slice": "1, 99999",
    "split": "'.'",
    "join": "data.V",
    "default": "data.V",
    "number_in": "','",
    "date_in": "'%Y%n%n%n%n%n%n%n%n%n%m%t%t%t%t%d'",
    "date": "data.V",
    "time": "data.V",
    "datetime": "data.V",
    "in_zone": "data.V",
    "number": "data.V",
    "money": "data.V",
    **dict.fromkeys(("plus", "minus", "times", "divided_by", "modulo"), "data.V"),
    **dict.fromkeys(("at_least", "at_most", "round"), "data.V"),
}
VALUES: dict[str, Callable[[int], str]] = {
    "numbers": lambda n: "1." * n,
    "blanks": lambda n: "2026" + " " * n + "x",
    "lines": lambda n: "é\r\n" * n,
    "directions": lambda n: "\u05d0\u202ea" * n,
    "nothing to see": lambda n: "\u200b" * n + "a",
}


def skipped_or_filled(template: str, **data: Any) -> Callable[[], object]:
    def action() -> None:
        with suppress(RenderingRefused):
            filled(template, **data)

    action()  # the template is read, what is looked up once is there
    return action


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_each_filter_takes_time_for_the_length_of_its_value(name: str) -> None:
    argument = f": {ARGUMENTS[name]}" if name in ARGUMENTS else ""
    template = f"{{{{ data.V | {name}{argument} }}}}"
    for value in VALUES.values():
        require_linear(lambda n: skipped_or_filled(template, V=value(n)), 5000)  # noqa: B023


@pytest.mark.parametrize("name", ["date", "time", "datetime"])
def test_reading_a_moment_takes_time_for_its_length(name: str) -> None:
    """With a pattern of the template's own, so that the value is what is read."""
    template = f"{{{{ data.V | {name}: '%d.%m.%Y' }}}}"
    for value in VALUES.values():
        require_linear(lambda n: skipped_or_filled(template, V=value(n)), 5000)  # noqa: B023


@pytest.mark.parametrize("value", ["2026" + " " * 55 + "x", "2026" + "\t" * 55 + "x"])
def test_blanks_in_a_date_are_not_tried_in_all_ways(value: str) -> None:
    """Of sixty blanks each of ten places may have any number: more ways than there is time for."""
    template = "{{ data.V | date_in: '%Y" + "%n %t" * 10 + "%m %d' | date }}"
    with pytest.raises(RenderingRefused):
        filled(template, V=value)
    assert filled(template, V="2026" + " " * 30 + "4  3") == "April 3, 2026"


USES: dict[str, str] = {
    "printed": "{{ data.V }}",
    "printed in pieces": "{{ data.V | split: '.' }}",
    "compared": "{% if data.V == data.W %}a{% elsif data.V < data.W %}b{% else %}c{% endif %}",
    "contained": "{% if data.V contains data.W %}a{% endif %}",
    "one of a list": "{% assign a = data.V | split: '.' %}{% if a contains data.W %}a{% endif %}",
    "a case": "{% case data.V %}{% when data.W, 'a', 'b' %}a{% endcase %}",
    "a loop": "{% assign a = data.V | split: '.' %}{% for b in a limit: 9 %}{{ b }}{% endfor %}",
    "where it starts": "{% for b in data offset: data.V %}{{ b }}{% endfor %}",
    "captured": "{% capture a %}{{ data.V }}{% endcapture %}{{ a }}{{ a | size }}",
    "named by another": "{{ data[data.V] }}",
    "a zone": "{{ now | in_zone: data.V }}",
    "cycled": "{% cycle data.V: data.V, data.W %}",
    "a snippet": "{% snippet 'a' %}",
}


@pytest.mark.parametrize("template", USES.values(), ids=USES)
def test_each_use_takes_time_for_the_length_of_its_value(template: str) -> None:
    for value in (VALUES["numbers"], VALUES["lines"], lambda n: "é." * n):
        require_linear(
            lambda n: skipped_or_filled(template, V=value(n), W="é" + value(n)[1:]),  # noqa: B023
            10_000,
        )


def test_a_push_url_takes_time_for_its_length() -> None:
    def made(n: int) -> Callable[[], object]:
        render = renderer("push_url", "https://a.example/{{ data.V }}", sender_name="Sue", now=NOW)
        chat = Chat({"V": "../" * n})

        def action() -> None:
            with suppress(RenderingRefused):
                render(chat)

        return action

    require_linear(made, 10_000)


def test_a_text_that_can_not_be_read_is_not_read_for_each_chat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A published version with a mistake skips its chats, all ten thousand of them."""
    read: list[str] = []

    def require_readable(template: str) -> None:
        read.append(template)

    monkeypatch.setattr(language, "require_readable", require_readable)
    render = renderer("message", "{{ not | readable || }}", sender_name="Sue", now=NOW)
    for _ in range(3):
        with pytest.raises(RenderingRefused):
            render(Chat({}))
    assert len(read) == 1


def test_a_loop_costs_what_stands_in_it() -> None:
    """Also where nothing of that needs a variable or a filter."""
    many = "{% assign m = '" + "," * 999 + "' | split: ',' %}"
    assert filled(many + "{% for i in m %}a{% endfor %}")
    full = "{% if 1 == 1 and 2 == 2 %}{% endif %}" * 100
    with pytest.raises(RenderingRefused, match="too much to do"):
        filled(f"{many}{{% for i in m %}}{full}{{% endfor %}}")
    render = renderer(
        "message",
        many + "{% for i in m %}{% snippet 'a' %}{% endfor %}",
        sender_name="Sue",
        now=NOW,
        snippets={"a": Snippet(full)},
    )
    with pytest.raises(RenderingRefused, match="too much to do"):
        render(Chat({}))
