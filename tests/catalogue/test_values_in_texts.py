"""What people see as nothing is no value, and no value changes the text around it."""

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from console.catalogue.content.questions import answered
from console.catalogue.templating.language import Snippet
from console.catalogue.templating.rendering import check_template, renderer
from console.errors import InvalidInput, Unprocessable
from console.text.visible import is_blank
from tests.catalogue.filled import NOW, filled, filled_or_none, refused
from tests.catalogue.test_rendering import Chat

FSI, PDI = "\u2068", "\u2069"
NOTHING = [
    "\u200b", "\u00ad", "\u2060", "\ufeff", "\u200e", "\u200f", "\u061c", "\u3164", "\uffa0",
    "\u115f", "\u2800", "\ufe0f", "\u180e", "\u034f", "\U000e0020", " \u200b\u2800 ", "\x00",
    "\x07", "\u2028", "\u202e\u202c", "\u2066\u2069",
]  # fmt: skip


@pytest.mark.parametrize("value", NOTHING, ids=ascii)
def test_what_people_see_as_nothing_is_no_value(value: str) -> None:
    cases: dict[str, dict[str, Any]] = {
        "Dear {{ data.V }},": {},
        "Dear {{ data.A.B }},": {"A": {"B": value}},
        "Dear {{ data.L[0] }},": {"L": [value]},
        "Dear {% for x in data.L %}{{ x }}{% endfor %},": {"L": ["a", value]},
        "Dear {{ data.L | join: ', ' }},": {"L": ["a", value]},
        "Dear {{ data.L | first }},": {"L": [value]},
        "Dear {{ field.f }},": {},
        "Dear {% cycle data.V %},": {},
    }
    for template, data in cases.items():
        why = refused(template, value, fields={"f": value}, **data)
        assert why.reason == "unresolved_variable", template
    assert filled("Dear {{ data.V | default: 'you' }},", value) == "Dear you,"
    assert filled("Dear {{ data.L[0] | default: 'you' }},", L=[value]) == "Dear you,"
    url = "https://shop.example/{{ data.V }}"
    assert refused(url, value, kind="push_url").reason == "unresolved_variable"
    with pytest.raises(InvalidInput):
        check_template("message", value)


@pytest.mark.parametrize(
    "filters",
    [
        "remove: 'Zoë'", "replace: 'Zoë', ' '",
        "slice: 9", "truncate: 0, ''", "split: 'Zoë' | last",
        "remove: 'Zoë' | append: '!'", "url_decode | remove: 'Zoë'",
    ],
)  # fmt: skip
def test_what_a_filter_leaves_nothing_of_is_no_value(filters: str) -> None:
    why = refused(f"Dear {{{{ data.V | {filters} }}}},", "Zoë")
    assert why.reason == "unresolved_variable"
    assert "data.V" in why.message
    assert filled("Dear {{ data.V | remove: 'Zoë' | default: 'you' }},", "Zoë") == "Dear you,"
    assert filled("{% assign n = data.V | remove: 'Zoë' %}{% if n == '' %}a{% endif %}", "Zoë") == (
        "a"
    )


@pytest.mark.parametrize("value", [[], [[]]], ids=repr)
@pytest.mark.parametrize("filters", ["", " | slice: 0, 2", " | first", " | join: ', '"])
def test_a_list_with_nothing_in_it_is_no_value(value: list[Any], filters: str) -> None:
    why = refused(f"Dear {{{{ data.V{filters} }}}},", value)
    assert why.reason == "unresolved_variable"


def test_what_a_list_leaves_nothing_of_is_no_value() -> None:
    why = refused("Dear {{ data.V | split: ';' | slice: 5, 2 }},", "Ann;Bea")
    assert (why.reason, why.variable) == ("unresolved_variable", "data.V")
    assert filled("{{ data.V | default: 'all' }}", []) == "all"
    assert filled("{% for one in data.V %}{{ one }}{% endfor %}.", []) == "."


@pytest.mark.parametrize("template", ["{{ '\u200b' }}", "{% if 1 > 2 %}a{% endif %}\u2800"])
def test_a_text_in_which_nothing_can_be_seen(template: str) -> None:
    assert refused(template).reason == "empty_text"


def test_what_the_author_leaves_empty_stays_empty() -> None:
    assert filled("Hi{{ data.V | default: '' }}!") == "Hi!"
    assert filled("Hi{% capture x %}{% endcapture %}{{ x }}!") == "Hi!"
    assert filled("Hi{{ data.V | default: '' | upcase }}!") == "Hi!"


@pytest.mark.parametrize(
    "value",
    ["می\u200cخواهم", "👩\u200d👩\u200d👧", "שָׁלוֹם", "❤\ufe0f", "Zoe\u0308", "a\u00adb", "x\u200ey"],
)
def test_what_belongs_to_a_value_stays_in_it(value: str) -> None:
    for locale in ("en", "fa", "he"):
        assert filled("-{{ data.V }}-", value, locale=locale).strip(f"-{FSI}{PDI}") == value


def test_an_answer_of_nothing_is_none() -> None:
    field = {"name": "f", "label": "F", "type": "text", "required": True, "max_length": 500}
    for value in NOTHING:
        with pytest.raises(Unprocessable) as error:
            answered([field], {"f": value})
        assert error.value.code == "field_missing"
        assert answered([field | {"required": False}], {"f": value}) == {}


# --- Directions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "locale", "expected"),
    [
        ("Zoë", "en", "Zoë"),
        ("A-12 34", "en", "A-12 34"),
        ("דוד", "en", f"{FSI}דוד{PDI}"),
        ("A דוד", "de", f"{FSI}A דוד{PDI}"),
        ("Zoë\u200f", "en", f"{FSI}Zoë\u200f{PDI}"),
        ("دانا", "en", f"{FSI}دانا{PDI}"),
        ("דוד", "he", "דוד"),
        ("דוד!", "he", "דוד!"),
        ("Zoë", "he", f"{FSI}Zoë{PDI}"),
        ("+49 30 12", "ar", f"{FSI}+49 30 12{PDI}"),
        ("2027-03-31", "fa", f"{FSI}2027-03-31{PDI}"),
        ("…", "he", "…"),
        ("Zoë", "az-Arab", f"{FSI}Zoë{PDI}"),
        ("Zoë", "az", "Zoë"),
        ("\u202eevil\u202c", "en", "evil"),
        ("\u2066a\u2069b\u2067", "en", "ab"),
        (f"{PDI}{PDI}דוד{FSI}", "en", f"{FSI}דוד{PDI}"),
    ],
)
def test_a_value_does_not_turn_the_text_around_it(value: str, locale: str, expected: str) -> None:
    for template in (
        "a {{ data.V }} b",
        "a {{ data.V | strip }} b",
        "a {% assign n = data.V %}{{ n }} b",
        "a {% capture n %}{{ data.V }}{% endcapture %}{{ n }} b",
        "a {% for x in data.L %}{{ x }}{% endfor %} b",
        "a {% cycle data.V, 'x' %} b",
        "a {{ field.f }} b",
    ):
        made = filled(template, value, locale=locale, L=[value], fields={"f": value})
        assert made == f"a {expected} b", template


def test_what_the_author_wrote_is_never_isolated() -> None:
    for template in (
        "Shalom {{ 'שלום' }}!",
        "{% capture x %}Shalom שלום!{% endcapture %}{{ x }}",
        "{% assign x = 'Shalom שלום' %}{{ x | append: '!' }}",
        "Shalom \u202bשלום\u202c\u2067!",
    ):
        made = filled(template)
        assert FSI not in made
        assert PDI not in made
    assert filled("Shalom \u202bשלום\u202c\u2067!") == "Shalom \u202bשלום\u202c\u2067!"


def test_a_url_has_no_isolates() -> None:
    made = filled("https://shop.example/{{ data.V }}", "דוד\n\u202ex", kind="push_url")
    assert made == "https://shop.example/%D7%93%D7%95%D7%93%20x"


def test_the_limit_counts_what_goes_out(settings: Any) -> None:
    settings.TEXT_LIMIT = 5
    assert filled("{{ data.V }}", "דוד") == f"{FSI}דוד{PDI}"
    assert refused("{{ data.V }}", "דודד").reason == "text_too_long"


# --- Lines ---------------------------------------------------------------------------------------

LINES = "Zoë\r\nYour bank:\u2028\u2028call\x070900"
ON_ONE = "Zoë Your bank: call 0900"
ON_OWN = "Zoë\nYour bank:\n\ncall 0900"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("Dear {{ data.V }},", f"Dear {ON_ONE},"),
        ("Dear {{ data.V }}", f"Dear {ON_ONE}"),
        ("{{ data.V }}{{ data.A }}", f"{ON_ONE}a"),
        ("{{ data.V }}", ON_OWN),
        ("Hi\n{{ data.V }}\nBye", f"Hi\n{ON_OWN}\nBye"),
        ("Hi\r\n  {{ data.V }} \r\nBye", f"Hi\r\n  {ON_OWN} \r\nBye"),
        ("{{ data.V | strip | upcase }}", ON_OWN.upper()),
        ("Dear {{ data.V | upcase }},", f"Dear {ON_ONE.upper()},"),
        ("Dear {% assign n = data.V %}{{ n }},", f"Dear {ON_ONE},"),
        ("{% capture n %}{{ data.V }}{% endcapture %}Dear {{ n }},", f"Dear {ON_ONE},"),
        ("{% capture n %}Hi\n{{ data.V }}{% endcapture %}{{ n }}", f"Hi\n{ON_OWN}"),
        ("{% capture n %}{{ data.V }}{% endcapture %}Dear {{ n | upcase }},",
         f"Dear {ON_ONE.upper()},"),
        ("Dear {% if data.V %}{{ data.V }}{% endif %},", f"Dear {ON_ONE},"),
        ("Dear {% for x in data.L %}{{ x }}{% endfor %},", f"Dear {ON_ONE},"),
        ("Dear {% cycle data.V %},", f"Dear {ON_ONE},"),
        ("Dear {% snippet 'name' %},", f"Dear {ON_ONE},"),
        ("{% snippet 'name' %}", ON_OWN),
        ("{{ 'Dear ' | append: data.V }}", f"Dear {ON_ONE}"),
        ("{{ data.V | prepend: 'Dear ' }}", f"Dear {ON_ONE}"),
        ("{{ 'Dear X' | replace: 'X', data.V }}", f"Dear {ON_ONE}"),
        ("{{ data.L | join: ', ' }}", ON_ONE),
        ("Dear {{ data.U | url_decode }},", "Dear a b,"),
        ("{{ data.V | newline_to_br }}", ON_OWN.replace("\n", "<br />\n")),
        ("{{ data.V | strip_newlines }}", ON_OWN.replace("\n", "")),
        ("{{ data.V | squish }}", ON_ONE),
        ("{{ data.V | split: '\n' | first }}", "Zoë"),
        ("{{ data.V | replace: '\n', ' / ' }}", ON_OWN.replace("\n", " / ")),
        ("{% if data.V contains '\n' %}a{% endif %}", "a"),
        ("a{{ ' b\nc ' }}d", "a b\nc d"),
        ("a {% assign x = 'b\nc' %}{{ x | upcase }} d", "a B\nC d"),
        ("a {% capture x %}b\nc{% endcapture %}{{ x | strip }} d", "a b\nc d"),
        ("a\x07b\u2028{{ data.A }}\x1e", "a\x07b\u2028a\x1e"),
    ],
)  # fmt: skip
def test_a_value_brings_no_lines_into_a_line(template: str, expected: str) -> None:
    snippets = {"name": Snippet("{{ data.V }}")}
    render = renderer(
        "message", template, sender_name="Sue", now=NOW, snippets=snippets, locale="en"
    )
    assert render(Chat({"V": LINES, "A": "a", "L": [LINES], "U": "a%0A%0Db"})) == expected


def test_each_line_of_a_value_is_isolated_by_itself() -> None:
    made = filled("Hi\n{{ data.V }}\nBye", "דוד\n\nדני")
    assert made == f"Hi\n{FSI}דוד{PDI}\n\n{FSI}דני{PDI}\nBye"


AROUND = [
    "Hi {{ data.V }}, bye", "{{ data.V | upcase }}.", "- {{ data.V | truncate: 9 }} -",
    "{% capture x %}{{ data.V }}{% endcapture %}Hi {{ x | slice: 0, 9 }}!",
    "Hi {{ data.V | split: 'a' | join: 'b' }}!", "Hi {{ data.V | append: data.V }}!",
    "Hi {{ data.V | url_encode | url_decode }}!", "Hi {{ data.V | replace: 'a', data.V }}!",
]  # fmt: skip
letters = st.characters(exclude_categories=["Cs"])


@given(
    value=st.one_of(
        st.text(letters, max_size=30),
        st.text("a א\n\r\u2028\u202e\u202c\u2066\u2068\u2069\u200f\u200b1", max_size=12),
    ),
    template=st.sampled_from(AROUND),
    locale=st.sampled_from(["en", "he", "fa"]),
)
@example("a\u2069\u202eb\nאa", AROUND[3], "en")
def test_no_value_gains_a_line_or_turns_what_is_outside(
    value: str, template: str, locale: str
) -> None:
    made = filled_or_none(template, value, locale=locale)
    if made is None:
        return
    assert len(made.splitlines()) == 1
    assert re.search("[\x00-\x1f\x7f-\x9f]", made) is None
    assert not re.search("[\u202a-\u202e\u2066\u2067\ud800-\udfff]", made)
    outside = re.sub(f"{FSI}[^{FSI}{PDI}]*{PDI}", "", made)
    assert FSI not in outside
    assert PDI not in outside
    if locale == "en":
        assert not re.search("[\u0590-\u05ff\u200f]", outside)
    else:
        written = re.sub("Hi|bye", "", outside)
        assert not re.search("[a-zA-Z0-9]", written)
    assert not is_blank(made)
