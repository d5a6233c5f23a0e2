"""A value with one meaning is read; of any other the chat is skipped, with a reason."""

from datetime import date
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from console.catalogue.templating.filling.signatures import SIGNATURES
from console.catalogue.templating.rendering import check_template
from console.errors import InvalidInput
from tests.catalogue.filled import filled, filled_or_none, refused

NO_DATES = [
    "03.04.2026", "20260403", "5", "1.", "2026-4-3", "2026-02-29", "2026-13-01", "0000-01-01",
    "yesterday", "now", "today", "2026-04-03T", "2026-04-03T25:00", "2026-04-03T24:00:00",
    "2026-04-03T10:00+99:00", "2026-W14-5", "April 3, 2026", "٢٠٢٦-٠٤-٠٣", "2026-04-03 or so",
    "2026-04-03T10", "2026–04–03", "1775174400", "1." * 30_000, "9999-12-31T23:59:59-12:00",
    5, 20260403, 1.5, True, ["2026-04-03"],
]  # fmt: skip
NO_NUMBERS = [
    "1,234.50", "1.234,50", "1 234", "1e3", "0x10", "1_000", "+5", "nan", "inf", "Infinity",
    "twelve", "١٢", "12€", "½", "--1", "1.", ".5", "−5", "1" * 65, True, False, [1],
]  # fmt: skip
OF_NUMBERS = [
    "plus: 1", "minus: 1", "times: 2", "divided_by: 2", "modulo: 2", "round", "round: 1", "floor",
    "ceil", "abs", "at_least: 1", "at_most: 1", "number", "number: 2", "money: 'EUR'",
]  # fmt: skip
WITH_NUMBERS = [
    "{{ 7 | plus: data.V }}", "{{ 7 | minus: data.V }}", "{{ 7 | times: data.V }}",
    "{{ 7 | divided_by: data.V }}", "{{ 7 | modulo: data.V }}", "{{ 7 | at_least: data.V }}",
    "{{ 7 | at_most: data.V }}", "{{ 7.5 | round: data.V }}", "{{ 7 | number: data.V }}",
    "{{ 'abcdef' | truncate: data.V }}", "{{ 'a b c' | truncatewords: data.V }}",
    "{{ 'abcdef' | slice: data.V }}", "{{ 'abcdef' | slice: 0, data.V }}",
    "{% for x in data.L limit: data.V %}{{ x }}{% endfor %}",
    "{% for x in data.L offset: data.V %}{{ x }}{% endfor %}",
    "{% if data.V > 5 %}a{% else %}b{% endif %}", "{% if 5 < data.V %}a{% else %}b{% endif %}",
    "{% if data.V >= 5 %}a{% else %}b{% endif %}", "{% unless data.V <= 5 %}a{% endunless %}b",
]  # fmt: skip


@pytest.mark.parametrize("value", NO_DATES, ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize(
    "filter", ["date: '%d %B %Y'", "date", "date: 'long'", "datetime", "in_zone: 'UTC' | date"]
)
def test_what_is_no_date_for_sure_skips_the_chat(filter: str, value: Any) -> None:
    why = refused(f"{{{{ data.V | {filter} }}}}", value)
    assert why.reason == "template_error"
    assert "data.V is" in why.message
    assert len(why.message) < 300


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize(
    "template", [*(f"{{{{ data.V | {one} }}}}" for one in OF_NUMBERS), *WITH_NUMBERS]
)
def test_what_is_no_number_for_sure_skips_the_chat(template: str, value: Any) -> None:
    why = refused(template, value, L=["a", "b"])
    assert why.reason == "template_error"
    assert "data.V is" in why.message
    assert len(why.message) < 300


@pytest.mark.parametrize(
    ("template", "value", "expected"),
    [
        ("{{ data.V | date: '%d %B %Y' }}", "2026-04-03", "03 April 2026"),
        ("{{ data.V | date: '%d.%m.%Y %H:%M' }}", "2026-04-03T14:30", "03.04.2026 14:30"),
        ("{{ data.V | date: '%H:%M' }}", " 2026-04-03 14:30:59.123 ", "14:30"),
        ("{{ data.V | date: '%H:%M' }}", "2026-04-03T14:30Z", "14:30"),
        ("{{ data.V | date: '%H:%M' }}", "2026-04-03T14:30:00-05:00", "19:30"),
        ("{{ data.V | date_in: '%d.%m.%Y' | date: '%d %B %Y' }}", "03.04.2026", "03 April 2026"),
        ("{{ data.V | date_in: '%d.%m.%Y' | date: '%F' }}", "3.4.2026", "2026-04-03"),
        ("{{ data.V | date_in: '%m/%d/%y' | date: '%F' }}", "04/03/26", "2026-04-03"),
        ("{{ data.V | date_in: '%m/%d/%y' | date: '%F' }}", "04/03/69", "1969-04-03"),
        ("{{ data.V | date_in: '%Y%m%d' | date: '%F' }}", "20260403", "2026-04-03"),
        ("{{ data.V | date_in: '%d %b %Y' | date: '%F' }}", "3 apr 2026", "2026-04-03"),
        ("{{ data.V | date_in: '%A, %B %d, %Y' | date: '%F' }}", "Friday, April 3, 2026",
         "2026-04-03"),
        ("{{ data.V | date_in: '%d.%m.%Y %I:%M %p' | date: '%H:%M' }}", "3.4.2026 02:30 PM",
         "14:30"),
        ("{{ data.V | date_in: '%Y-%j' | date: '%F' }}", "2024-366", "2024-12-31"),
        ("{{ data.V | date_in: 'epoch' | date: '%F %T' }}", "1775226600", "2026-04-03 14:30:00"),
        ("{{ data.V | date_in: 'epoch_ms' | date: '%F' }}", 1775226600000, "2026-04-03"),
        ("{{ data.V | plus: 1 }}", " 12 ", "13"),
        ("{{ data.V | plus: 1 }}", "-3.5", "-2.5"),
        ("{{ data.V | plus: 0.2 }}", 0.1, "0.3"),
        ("{{ data.V | times: 3 }}", "1.10", "3.3"),
        ("{{ data.V | divided_by: 2 }}", "7", "3"),
        ("{{ data.V | divided_by: 2 }}", "7.0", "3.5"),
        ("{{ data.V | round }}", "2.5", "3"),
        ("{{ data.V | round: 1 }}", "-0.25", "-0.3"),
        ("{{ data.V | modulo: 3 }}", "-7.5", "1.5"),
        ("{{ data.V | number_in: ',' | plus: 1 }}", "1.234,50", "1235.5"),
        ("{{ data.V | number_in: ',' | plus: 1 }}", "1 234 567", "1234568"),
        ("{{ data.V | number_in: '.' | plus: 1 }}", "1,234.50", "1235.5"),
        ("{{ data.V | number_in: '.' | plus: 1 }}", "1234", "1235"),
        ("{{ 'abcdef' | truncate: data.V }}", "5", "ab..."),
        ("{{ 'abcdef' | truncate: 2 }}", 0, "..."),
        ("{% if data.V > 5 %}a{% else %}b{% endif %}", "10", "a"),
        ("{% if data.V >= '2026-04-03' %}a{% else %}b{% endif %}", "2026-04-10", "a"),
        ("{% if data.V == 5 %}a{% else %}b{% endif %}", "5", "a"),
        ("{% if data.V == '5.0' %}a{% else %}b{% endif %}", "5", "b"),
        ("{% if data.V == 5 %}a{% else %}b{% endif %}", "five", "b"),
        ("{% for x in data.L limit: data.V %}{{ x }}{% endfor %}.", "0", "."),
        ("{% for x in data.L limit: 1 offset: data.V %}{{ x }}{% endfor %}", "1", "b"),
        ("{{ data.V | default: 'now' | date: '%F' }}", None, "2026-11-29"),
        ("{{ data.V | size }}", 1042, "4"),
        ("{{ data.V | size }}", "1042", "4"),
        ("{% for x in data.V %}{{ x }}.{% endfor %}", 1042, "1042."),
        ("{% for x in data.V %}{{ x }}.{% endfor %}", "1042", "1042."),
        ("{{ data.V | minus: 10 | round: 2 }}", "9.999", "0"),
        ("{{ data.V | times: 0 }}", "-0.4", "0"),
        ("{{ data.V | number: 2 }}", "-0.004", "0.00"),
        ("{{ data.V | number }}", "-0.0", "0"),
        ("{{ data.V | money: 'EUR' }}", "-0.004", "€0.00"),
        ("{{ data.V | money: 'EUR' }}", "-0.005", "-€0.01"),
        ("{{ data.V }}", -0.0, "0"),
    ],
)  # fmt: skip
def test_what_has_one_meaning_is_read(template: str, value: Any, expected: str) -> None:
    check_template("message", template)
    assert filled(template, value, L=["a", "b", "c"]) == expected


@pytest.mark.parametrize(
    ("filter", "value"),
    [
        ("date_in: '%d.%m.%Y' | date", "2026-04-03"),
        ("date_in: '%d.%m.%Y' | date", "31.02.2026"),
        ("date_in: '%d.%m.%Y' | date", "03.04.2026 or so"),
        ("date_in: '%A %d.%m.%Y' | date", "Monday 03.04.2026"),
        ("date_in: '%Y%m%d' | date", "2026143"),
        ("date_in: '%d.%m.%Y' | date", "٠٣.٠٤.٢٠٢٦"),
        ("date_in: '%d.%m.%Y' | date", "1." * 30_000),
        ("date_in: 'epoch' | date", "1775226600000"),
        ("date_in: 'epoch' | date", "2026-04-03"),
        ("date: '%H:%M'", "2026-04-03"),
        ("time", "2026-04-03"),
        ("datetime", "2026-04-03"),
        ("date: '%z'", "2026-04-03T14:30"),
        ("in_zone: 'Europe/Berlin' | date", "2026-04-03T14:30"),
        ("in_zone: 'Europe/Berlin' | date", "2026-04-03"),
        ("number_in: ',' | plus: 1", "1,234.50"),
        ("number_in: ',' | plus: 1", "1.23,50"),
        ("number_in: ',' | plus: 1", "0.123"),
        ("number_in: ',' | plus: 1", "1.234 567"),
        ("number_in: '.' | plus: 1", "1.234,50"),
        ("divided_by: data.Zero", "1"),
        ("modulo: data.Zero", "1.5"),
        ("plus: 1", 10**15),
        ("slice: 0, 4", date(2026, 4, 3)),
        ("size", date(2026, 4, 3)),
        ("split: '-' | first", date(2026, 4, 3)),
    ],
)
def test_another_form_than_the_named_one_skips_the_chat(filter: str, value: Any) -> None:
    why = refused(f"{{{{ data.V | {filter} }}}}", value, Zero="0")
    assert why.reason == "template_error"


def test_the_reason_says_which_value_and_no_more_of_it_than_needed() -> None:
    why = refused("{{ data.Due | date: '%d' }}", Due="03.04.2026").message
    assert "data.Due is '03.04.2026'" in why
    assert "date_in" in why
    long = refused("{{ data.Due | date: '%d' }}", Due="secret " * 30).message
    assert long.count("secret") < 7
    assert "\n" not in refused("{{ data.Due | plus: 1 }}", Due="a\nb").message


TEMPLATES_REFUSED = [
    "{{ now | date: '%Q' }}", "{{ now | date: 'lang' }}", "{{ now | date: 5 }}",
    "{{ now | date: '%d', '%m' }}", "{{ now | in_zone: 'Mars/Olympus' }}",
    "{{ data.V | date_in: '%d.%m' }}", "{{ data.V | date_in: '%d.%m.%Y %M' }}",
    "{{ data.V | date_in: '%d.%d.%Y' }}", "{{ data.V | date_in: '%Z' }}", "{{ data.V | date_in }}",
    "{{ data.V | date_in: '%I %d.%m.%Y' }}",
    "{{ data.V | plus: 'x' }}", "{{ data.V | plus: nil }}", "{{ data.V | plus }}",
    "{{ data.V | divided_by: 0 }}", "{{ data.V | round: -1 }}", "{{ data.V | round: 1.5 }}",
    "{{ data.V | truncate: '5 words' }}", "{{ data.V | number_in: ';' }}",
    "{{ data.V | money: 'EURO' }}", "{{ data.V | money }}", "{{ data.V | upcase: 1 }}",
    "{{ data.V | append: 'a', 'b' }}", "{{ data.V | default: 1, allow: true }}",
    "{{ '03.04.2026' | date: '%d' }}", "{{ 'a' | plus: 1 }}",
    "{% if data.V > 'many' %}a{% endif %}", "{% if data.V < nil %}a{% endif %}",
    "{% if data.V >= true %}a{% endif %}",
    "{% for x in data.L limit: 'a' %}{{ x }}{% endfor %}",
    "{% for x in data.L offset: -1 %}{{ x }}{% endfor %}",
]  # fmt: skip


@pytest.mark.parametrize("template", TEMPLATES_REFUSED)
def test_a_mistake_of_the_template_is_said_when_it_is_saved(template: str) -> None:
    with pytest.raises(InvalidInput) as error:
        check_template("message", template)
    assert error.value.code == "template_error"
    assert error.value.message.endswith(".")


@pytest.mark.parametrize("template", TEMPLATES_REFUSED)
def test_what_was_published_with_such_a_mistake_skips_or_goes_but_never_crashes(
    template: str,
) -> None:
    filled_or_none(template + "a", "2026-04-03", L=["a"])


ARGUMENTS = {
    "append": "'a'", "prepend": "'a'", "replace": "'a', 'b'", "replace_first": "'a', 'b'",
    "remove": "'a'", "remove_first": "'a'", "slice": "0", "split": "','", "number_in": "','",
    "date_in": "'%d.%m.%Y'", "in_zone": "'Europe/Berlin'", "money": "'EUR'",
    **dict.fromkeys(("plus", "minus", "times", "divided_by", "modulo", "at_least", "at_most"), "1"),
}  # fmt: skip


@given(
    value=st.one_of(
        st.text(st.characters(), max_size=40),
        st.from_regex(r"\A[0-9.,' :TZ+-]{1,24}\Z"),
        st.from_regex(r"\A[0-9]{4}-[01][0-9]-[0-3][0-9]\Z"),
        st.from_regex(r"\A-?[0-9]{1,6}([.,][0-9]{1,4})?\Z"),
    )
)
@example("1,234.50")
@example("1.234")
def test_dates_and_numbers_keep_their_meaning_or_are_refused(value: str) -> None:
    for template in ("{{ data.V | date: '%Y-%m-%d' }}", "{{ data.V | plus: 0 }}"):
        made = filled_or_none(template, value)
        if made is None:
            continue
        if "date" in template:
            assert value.strip()[:10] == made or len(value.strip()) > 10
        else:
            assert float(made) == float(value)


@given(name=st.sampled_from(sorted(SIGNATURES)), value=st.text(st.characters(), max_size=40))
def test_every_filter_takes_any_text_or_says_why_not(name: str, value: str) -> None:
    arguments = f": {ARGUMENTS[name]}" if name in ARGUMENTS else ""
    filled_or_none(f"{{{{ data.V | {name}{arguments} }}}}", value)
