"""From a template and a chat to the text that its customer reads, or the reason why not."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.catalogue.models import NoticeVersion
from console.catalogue.templating.language import LOOP_LIMIT
from console.catalogue.templating.rendering import RenderingRefused, check_template, render_body
from console.errors import InvalidInput
from console.text.visible import is_blank, one_line

# A list of as many as a loop takes.
MANY = f"{{% assign many = '{',' * (LOOP_LIMIT - 1)}' | split: ',' %}}"
NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@dataclass
class Chat:
    """What rendering reads of an interaction."""

    user_data: dict[str, Any]
    id: str = "0001aB3"
    queue: str = "sales"
    agent: str = ""
    locale: str = "en"
    customer_name: str = "Zoë Martin"
    received_at: datetime = field(default=NOW)


def text(template: str, kind: str = "message", **user_data: Any) -> str:
    return render_body(kind, template, interaction=Chat(user_data), sender_name="Sue", now=NOW)


def url(template: str, **user_data: Any) -> str:
    return text(template, "push_url", **user_data)


def reason(template: str, kind: str = "message", **user_data: Any) -> str:
    with pytest.raises(RenderingRefused) as refused:
        text(template, kind, **user_data)
    assert refused.value.message
    assert "\n" not in refused.value.message
    return refused.value.reason


# --- Variables -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("No variables: { % } stay.", "No variables: { % } stay."),
        ("Dear {{ data.FirstName }},", "Dear Zoë,"),
        ("{{ data['Order Id'] }}", "A-1"),
        ("{{ data.Address.City }}", "Köln"),
        ("{{ data.Count | plus: 1 }}", "8"),
        ("{{ interaction.id }}/{{ interaction.queue }}", "0001aB3/sales"),
        ("{{ interaction.customer_name }}", "Zoë Martin"),
        ("{{ sender.name }}", "Sue"),
        ("{{ now | date: '%Y-%m-%d' }}", "2026-01-31"),
        ("{{ interaction.received_at | date: '%H:%M' }}", "12:00"),
        ("{{ data.FirstName | upcase | append: '!' }}", "ZOË!"),
        ("{{ data.Nothing | default: 'you' }}", "you"),
        ("{{ interaction.agent | default: 'us' }}", "us"),
        ("{% if data.Count > 5 %}many{% else %}few{% endif %}", "many"),
        ("{% assign n = data.FirstName %}{{ n }}", "Zoë"),
        ("{% capture n %}{{ data.FirstName }}{% endcapture %}{{ n }}", "Zoë"),
        ("{% assign l = '1,2,3' | split: ',' %}{% for c in l %}{{ c }}{% endfor %}", "123"),
        ("{% comment %}not for the customer{% endcomment %}Hi", "Hi"),
        ("<b>{{ data.Html }}</b>", "<b><i>&</b>"),
    ],
)
def test_a_text_is_filled_in(template: str, expected: str) -> None:
    check_template("message", template)
    data: dict[str, Any] = {
        "FirstName": "Zoë",
        "Order Id": "A-1",
        "Address": {"City": "Köln"},
        "Count": 7,
        "Html": "<i>&",
    }
    assert text(template, **data) == expected


@pytest.mark.parametrize(
    "template",
    [
        "Dear {{ data.Missing }},",
        "Dear {{ data.Empty }},",
        "Dear {{ data.Nothing }},",
        "Dear {{ data.Address.Nothing }},",
        "Dear {{ data.Address.Street }},",
        "Dear {{ data.Address.Empty }},",
        "Dear {{ data.FirstName.More }},",
        "Dear {{ interaction.agent }},",
        "Dear {{ interaction.nickname }},",
        "{{ data.Missing | upcase }}",
        "{{ data.Missing | append: '!' }}",
        "{{ 'Dear ' | append: data.Missing }}",
        "{{ data.Missing | split: ' ' | first }}",
        "{{ data.Missing | size }}",
        "{{ data.FirstName | replace: 'Z', data.Missing }}",
        "{% assign n = data.Missing %}Dear {{ n }},",
        "{% if data.Missing %}a{% else %}b{% endif %}",
        "{% for x in data.Missing %}{{ x }}{% endfor %}b",
    ],
)
def test_a_value_that_is_missing_is_never_a_gap(template: str) -> None:
    address = {"City": "Köln", "Empty": "", "Nothing": None}
    data: dict[str, Any] = {"FirstName": "Zoë", "Empty": "", "Nothing": None, "Address": address}
    assert reason(template, **data) == "unresolved_variable"


@pytest.mark.parametrize("blank", [" ", "  ", "\t", "\n", "\u00a0", "\u3000"])
def test_nothing_but_blanks_is_no_value(blank: str) -> None:
    data: dict[str, Any] = {"FirstName": blank, "Address": {"City": blank}}
    for template in ("Dear {{ data.FirstName }},", "{{ data.Address.City }}!"):
        assert reason(template, **data) == "unresolved_variable"
    with_default = "Dear {{ data.FirstName | default: 'customer' }}"
    assert text(with_default, **data) == "Dear customer"
    assert text("Dear {{ data.FirstName }}!", FirstName=" Zoë ") == "Dear  Zoë !"


def test_an_empty_value_takes_the_default() -> None:
    assert text("Dear {{ data.Empty | default: 'customer' }}", Empty="") == "Dear customer"


def test_the_refusal_names_the_variable() -> None:
    with pytest.raises(RenderingRefused, match=r"data\.Missing"):
        text("{{ data.Missing }}")


@pytest.mark.parametrize("template", ["{{ data }}", "{{ interaction }}", "x{{ data.Address }}"])
def test_nobody_is_shown_a_whole_set_of_variables(template: str) -> None:
    assert reason(template, Address={"City": "Köln"}, Secret="x") == "template_error"


@pytest.mark.parametrize(
    "template", ["{{ data.Empty | default: '' }}", "{% if 1 > 2 %}a{% endif %}"]
)
def test_a_text_of_which_nothing_is_left(template: str) -> None:
    assert reason(template) == "empty_text"


# --- Limits --------------------------------------------------------------------------------------


def test_a_text_over_the_limit(settings: Any) -> None:
    settings.TEXT_LIMIT = 20
    assert text("{{ data.Long }}", Long="x" * 20) == "x" * 20
    assert reason("{{ data.Long }}", Long="x" * 21) == "text_too_long"


def test_output_without_end_is_cut_short() -> None:
    template = f"{MANY}{{% for i in many %}}{{{{ data.Long }}}}{{% endfor %}}"
    assert reason(template, Long="x" * 1000) == "text_too_long"


@pytest.mark.parametrize(
    "template",
    [
        f"{MANY.replace(',', ',,', 1)}{{% for i in many %}}a{{% endfor %}}",
        f"{MANY}{{% for i in many %}}{{% for j in many %}}a{{% endfor %}}{{% endfor %}}",
        "{% assign a = 'aaaaaaaaaa' %}" + "{% assign a = a | append: a %}" * 60 + "a",
        "{{ 'aaaaaaaaaa'" + " | replace: 'a', 'aaaaaaaaaa'" * 30 + " | size }}",
        "{% assign a = 99 %}" + "{% assign a = a | times: a %}" * 60 + "a",
        "{{ data.Long" + " | url_encode" * 100 + " | size }}",
        f"{MANY}{{% for i in many %}}{{% assign x = data.Long | upcase %}}{{% endfor %}}a",
        f"{MANY}{{% for i in many %}}{'{% assign x = i | upcase %}' * 10}{{% endfor %}}a",
        f"{MANY}{{% for i in many %}}{{% if data.Long contains '%x' %}}{{% endif %}}{{% endfor %}}",
        "{{ data.Number | plus: 1 }}",
        "{{ '1e400' | plus: 1 }}",
        "{{ 'nan' | plus: 1 }}",
        "{% for i in (1..3) %}a{% endfor %}",
    ],
)
def test_a_template_can_not_take_the_process(template: str) -> None:
    assert reason(template, Long="%" * 1000, Number=10**15) == "template_error"


@pytest.mark.parametrize(
    ("filter", "value"),
    [("divided_by: 0", 1), ("concat: 'a'", "b"), ("url_encode", "\ud800"), ("date: 7, 8", "x")],
)
def test_a_filter_that_fails_is_a_reason_not_a_crash(filter: str, value: object) -> None:
    assert reason(f"{{{{ data.x | {filter} }}}}", x=value) == "template_error"


# --- Templates that can't work -------------------------------------------------------------------

TEMPLATES_REFUSED = {
    "empty": ("", "empty_text"),
    "blank": (" \n\t", "empty_text"),
    "too long": ("x" * 4097, "text_too_long"),
    "unclosed variable": ("{{ data.x", "template_error"),
    "unclosed tag": ("{% if data.x %}", "template_error"),
    "nonsense": ("{{ data.x || }}", "template_error"),
    "unknown tag": ("{% frobnicate %}", "template_error"),
    "unknown filter": ("{{ data.x | upcse }}", "template_error"),
    "filter of lists": ("{{ data.x | concat: data.x }}", "template_error"),
    "range": ("{% for x in (1..3) %}{{ x }}{% endfor %}", "template_error"),
    "range in a filter": ("{{ 'a' | append: (1..3) }}", "template_error"),
    "range in a block": ("{% if true %}{% assign x = (1..3) %}{% endif %}a", "template_error"),
    "range in a comparison": ("{% if (1..3) contains 2 %}a{% endif %}", "template_error"),
    "range in a case": ("{% case (1..2) %}{% when (1..2) %}a{% endcase %}", "template_error"),
    "range in a cycle": ("{% cycle (1..3), 2 %}", "template_error"),
    "range in a path": ("{{ data[(1..3)] }}", "template_error"),
    "range in a limit": ("{% for x in data.l limit: (1..3) %}a{% endfor %}", "template_error"),
    "unknown variable": ("{{ customer.name }}", "template_error"),
    **{
        f"forbidden tag {tag}": (f"{{% {tag} %}}", "template_error")
        for tag in (
            "include 'x'",
            "render 'x'",
            "increment x",
            "decrement x",
            "tablerow x in data %}{% endtablerow",
            "liquid echo data.x",
            "echo data.x",
            "ifchanged %}{% endifchanged",
            "extends 'x'",
            "macro x %}{% endmacro",
        )
    },
}


@pytest.mark.parametrize("case", TEMPLATES_REFUSED.values(), ids=TEMPLATES_REFUSED)
@pytest.mark.parametrize("kind", ["message", "push_url", "custom"])
def test_a_template_that_can_not_work_is_refused(kind: str, case: tuple[str, str]) -> None:
    template, code = case
    if kind == "push_url" and template.strip():
        template = f"https://example.com/{template}"
    with pytest.raises(InvalidInput) as refused:
        check_template(kind, template)
    assert refused.value.code == code
    assert refused.value.message.endswith(".")


def test_a_template_of_just_the_limit_goes(settings: Any) -> None:
    settings.TEXT_LIMIT = 10
    check_template("message", "x" * 10)
    with pytest.raises(InvalidInput, match="at most 10"):
        check_template("message", "x" * 11)


# --- Push URLs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "template",
    [
        "https://example.com/o/{{ data.OrderId }}?q={{ data.Query }}#{{ data.Part }}",
        "https://example.com?id={{ data.OrderId }}",
        "https://example.com/{% if data.Vip == '1' %}vip{% else %}all{% endif %}",
        "https://example.com/{% assign x = data.OrderId %}{{ x }}",
        "  https://example.com/{{- data.OrderId -}}  ",
    ],
)
def test_a_url_may_have_variables_behind_its_host(template: str) -> None:
    check_template("push_url", template)


@pytest.mark.parametrize(
    "template",
    [
        "{{ data.Url }}",
        "https://{{ data.Host }}/",
        "https://{{ data.Host }}.example.com/",
        "https://example.{{ data.Country }}/",
        "https://example.com{{ data.Path }}",
        "https://example.com:{{ data.Port }}/",
        "{{ data.Scheme }}://example.com/",
        "{% if data.Vip %}https://a.example/{% else %}https://b.example/{% endif %}",
        "https://{% if data.Vip %}a{% else %}b{% endif %}.example/",
        "https://example.com{% if data.Vip %}/vip{% endif %}",
        "https://{{ data.User }}@example.com/",
        "javascript:{{ data.x }}",
        "https://example.com/a b/{{ data.x }}",
        "https://example.com/../{{ data.x }}",
    ],
)
def test_no_variable_may_say_where_a_url_leads(template: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_template("push_url", template)
    assert refused.value.code == "invalid_url"


@pytest.mark.parametrize(
    "tag", ["capture x %}{{ data.x }}{% endcapture", "for x in data %}{% endfor"]
)
def test_in_a_url_nothing_prints_past_the_encoding(tag: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_template("push_url", f"https://example.com/{{% {tag} %}}")
    assert refused.value.code == "template_error"


def test_values_are_encoded_whatever_filters_did() -> None:
    assert url("https://h.example/{{ data.x }}", x="a b/c?d#e&f=g@h:i%20\\é") == (
        "https://h.example/a%20b%2Fc%3Fd%23e%26f%3Dg%40h%3Ai%2520%5C%C3%A9"
    )
    assert url("https://h.example/{{ data.x | url_decode }}", x="%2F%3f") == (
        "https://h.example/%2F%3F"
    )


@pytest.mark.parametrize("value", [".", "..", "...", "%2e%2e", " .. "])
def test_a_value_does_not_climb_out_of_its_path(value: str) -> None:
    template = "https://h.example/orders/{{ data.x }}/view"
    if value in (".", ".."):
        assert reason(template, "push_url", x=value) == "invalid_url"
    else:
        assert urlsplit(url(template, x=value)).path.startswith("/orders/")


def test_a_url_over_the_limit_once_filled_in() -> None:
    assert reason("https://h.example/{{ data.x }}", "push_url", x="ü" * 400) == "invalid_url"


def test_a_url_keeps_to_the_list_of_hosts(settings: Any) -> None:
    settings.PUSH_URL_HOSTS = ["h.example"]
    assert url("https://h.example/{{ data.x }}", x="1") == "https://h.example/1"
    settings.PUSH_URL_HOSTS = ["other.example"]
    assert reason("https://h.example/{{ data.x }}", "push_url", x="1") == "invalid_url"


@given(value=st.text(st.characters(exclude_categories=()), min_size=1, max_size=60))
def test_no_value_changes_a_urls_structure(value: str) -> None:
    template = "https://h.example:8443/a/{{ data.x }}/b?q={{ data.x }}&r=1#{{ data.x }}"
    if is_blank(value):
        assert reason(template, "push_url", x=value) == "unresolved_variable"
        return
    # On one line, and without what would turn the direction of other text.
    value = one_line(re.sub("[\u202a-\u202e\u2066-\u2069]", "", value))
    if value in (".", "..") or any("\ud800" <= letter <= "\udfff" for letter in value):
        # It would climb out of its path, or no URL can say it.
        assert reason(template, "push_url", x=value) in ("invalid_url", "template_error")
        return
    got = url(template, x=value)
    parts = urlsplit(got)
    assert (parts.scheme, parts.netloc) == ("https", "h.example:8443")
    first, a, x, b = parts.path.split("/")
    assert (first, a, b) == ("", "a", "b")
    assert unquote(x) == value
    assert parse_qsl(parts.query, keep_blank_values=True) == [("q", value), ("r", "1")]
    assert unquote(parts.fragment) == value


# --- Languages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("pt-BR", "pt-BR"),
        ("pt_br", "pt-BR"),
        ("PT-br", "pt-BR"),
        ("pt-PT", "pt"),
        ("pt", "pt"),
        ("de", "en"),
        ("", "en"),
        ("ptx", "en"),
        ("zh-Hant-TW", "zh_Hant"),
        ("zh-Hans", "en"),
        ("en-GB-oed", "en"),
        ("-", "en"),
    ],
)
def test_a_chat_gets_its_language_or_the_nearest(wanted: str, expected: str) -> None:
    version = NoticeVersion(
        default_locale="en",
        bodies={"en": "Hello", "pt": "Olá", "pt-BR": "Oi", "zh_Hant": "您好"},
    )
    assert version.body_for(wanted) == (expected, version.bodies[expected])
