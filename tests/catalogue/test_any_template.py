"""Whatever is written, and whatever a chat carries: rendering answers a text, or says in one of two
ways why not; it takes no more steps than its bounds allow, and no URL gets another host."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from console.catalogue.models import NoticeVersion
from console.catalogue.templating.filling.signatures import SIGNATURES
from console.catalogue.templating.language import Snippet
from console.catalogue.templating.rendering import RenderingRefused, check_template, renderer
from console.errors import InvalidInput
from tests.catalogue.test_rendering import NOW, Chat

# Calls of Python functions for one text, read and filled in.
STEPS = 500_000
REASONS = {"unresolved_variable", "template_error", "empty_text", "text_too_long", "invalid_url"}
CODES = {"empty_text", "text_too_long", "template_error", "invalid_url"}
MANY = "{% assign m = '" + "," * 999 + "' | split: ',' %}"


def outcome(
    kind: str,
    template: str,
    data: dict[str, Any],
    locale: str = "en",
    snippets: dict[str, Snippet] | None = None,
) -> str | None:
    """What becomes of it: the text, or None for a refusal by name. Anything else is a defect."""
    try:
        check_template(kind, template)
    except InvalidInput as refused:
        _require(refused.code in CODES and refused.message.endswith("."))
    chat = Chat(data, locale=locale)
    render = renderer(kind, template, sender_name="Sue", now=NOW, snippets=snippets, fields=data)
    try:
        return render(chat)
    except RenderingRefused as refused:
        _require(refused.reason in REASONS and bool(refused.message))
        return None


def _require(holds: bool) -> None:
    assert holds


def steps(action: Callable[[], object]) -> int:
    """How many functions of Python were called: the same on every machine."""
    taken = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal taken
        taken += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(before)
    return taken


# --- Anything ------------------------------------------------------------------------------------

letters = st.characters(exclude_categories=())
numbers = st.one_of(
    st.integers(), st.floats(), st.sampled_from([0, -1, 10**15, 10**300, 2**63, float("inf")])
)
words = st.one_of(
    st.text(letters, max_size=30),
    st.sampled_from(
        ["", " ", "..", "%2e", "{{ data.x }}", "{% if %}", "1e999", "nan", "\0", "a,b"]
    ),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, words),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from("abxy"), inner, max_size=3)
    ),
    max_leaves=8,
)
datas = st.dictionaries(
    st.sampled_from(["a", "b", "x", "y", "Order Id", "size", "first"]), values, max_size=5
)
locales = st.one_of(
    st.sampled_from(["en", "pt-BR", "pt_br", "zh-Hant-TW", "", "-", "x-" * 20]),
    st.text(letters, max_size=20),
)

paths = st.sampled_from(
    ["data.a", "data.x", "data.x.y", "data['Order Id']", "data[data.a]", "data.x[0]", "data.x.size",
     "interaction.queue", "interaction.received_at", "sender.name", "now", "field.a", "data", "m",
     "i", "forloop.index", "forloop.parentloop.index", "nil", "empty", "blank", "true", "nothing.x",
     "data.x.first.last", "(1..3)", "data[9999999999999999999999]", "data.x[-1]"]
)  # fmt: skip
literals = st.one_of(
    paths,
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        [
            "''",
            "'a'",
            '"%Y%s"',
            "','",
            "'%'",
            "9" * 400,
            "1e999",
            "-1.5e-300",
            "'now'",
            "'2026-04-03'",
            "'long'",
            "'%d.%m.%Y'",
            "'epoch'",
            "'EUR'",
            "'Europe/Berlin'",
            "'.'",
        ]
    ),
)
filters = st.builds(
    lambda name, arguments: f"{name}: {', '.join(arguments)}" if arguments else name,
    st.one_of(st.sampled_from(sorted(SIGNATURES)), st.sampled_from(["sort", "x"])),
    st.lists(literals, max_size=3),
)
expressions = st.builds(
    lambda value, chain: " | ".join([value, *chain]), literals, st.lists(filters, max_size=4)
)
comparisons = st.builds(
    lambda left, how, right: f"{left} {how} {right}",
    literals,
    st.sampled_from(["==", "!=", "<", ">", "<=", ">=", "contains", "and", "or", "<>", "=", ""]),
    literals,
)
pieces = st.one_of(
    st.text(letters, max_size=20),
    st.sampled_from(["{{", "}}", "{%", "%}", "{#", "'", "-}}", "{%-", "{{-", "|", "\n",
                     "{% break %}",
                     "{% else %}", "{% endif %}", "{% continue %}", "{% # x %}", "{% comment %}",
                     "{% snippet 'a' %}", "{% snippet a %}", "{% snippet %}", "{% snippet 'zz' %}",
                     "{% include 'a' %}", "{% raw %}{{ x }}{% endraw %}"]),
    expressions.map(lambda words: f"{{{{ {words} }}}}"),
    expressions.map(lambda words: f"{{% assign m = {words} %}}"),
)  # fmt: skip


def around(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds(lambda if_, text: f"{{% if {if_} %}}{text}{{% else %}}-{{% endif %}}",
                  comparisons, inner),
        st.builds(lambda of, text: f"{{% for i in {of} %}}{text}{{% endfor %}}", literals, inner),
        st.builds(lambda of, end, text: f"{{% for i in {of} limit:{end} offset:{end} reversed %}}"
                  f"{text}{{% endfor %}}", paths, literals, inner),
        st.builds(lambda of, when, text: f"{{% case {of} %}}{{% when {when}, 'a' %}}{text}"
                  "{% endcase %}", literals, literals, inner),
        st.builds(lambda text: f"{{% capture m %}}{text}{{% endcapture %}}{{{{ m }}}}", inner),
        st.builds(lambda of, to, text: f"{{% cycle {of}: {to}, 1 %}}{text}", literals, literals,
                  inner),
        st.builds(lambda of, text: f"{{% unless {of} %}}{text}{{% endunless %}}",
                  comparisons, inner),
        st.lists(inner, max_size=4).map("".join),
    )  # fmt: skip


templates = st.recursive(pieces, around, max_leaves=12)
DEEP = 170  # as deep as 4,096 characters go, about


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["message", "custom", "snippet"]),
    template=templates,
    data=datas,
    locale=locales,
    piece=templates,
)
@example("message", "{% if 1 %}" * DEEP + "a" + "{% endif %}" * DEEP, {}, "en", "")
@example("message", "{{ " + "data[" * 700 + "1" + "]" * 700 + " }}", {}, "en", "")
@example("message", "{% if " + "(" * 1500 + "1" + ")" * 1500 + " %}a{% endif %}", {}, "en", "")
@example("message", "{% if " + "1 and " * 600 + "1 %}a{% endif %}", {}, "en", "")
@example("message", "{{ " + "9" * 4000 + " }}", {}, "en", "")
@example("message", "{{ '9" + "9" * 3900 + "' | plus: 1 }}", {}, "en", "")
@example("message", "{{ data.x | times: 1.5 }}", {"x": 10**400}, "en", "")
@example("message", "{{ data.x | round: 99999999999 }}", {"x": 1.5}, "en", "")
@example("message", "{{ data.x | date: '%' }}", {"x": 10**30}, "en", "")
@example("message", "{% snippet 'a' %}", {}, "en", "{% break %}")
@example("message", "{% snippet 'a' %}", {}, "en", "{% if 1 %}" * DEEP + "{% endif %}" * DEEP)
def test_any_template_value_and_locale(
    kind: str, template: str, data: dict[str, Any], locale: str, piece: str
) -> None:
    outcome(kind, template, data, locale, {"a": Snippet(piece, {"a": Snippet(template)})})


@settings(max_examples=100, deadline=None)
@given(
    start=st.sampled_from(
        [
            "https://shop.example/",
            "http://shop.example:8080?",
            "https://shop.example#",
            "  https://shop.example/a/",
        ]
    ),
    template=templates,
    data=datas,
)
@example("https://shop.example/", "{% if data.x %}{% endif %}@evil.example/", {"x": "1"})
@example("https://shop.example/", "{% # {{ %}@evil.example{% # }} %}", {})
def test_a_url_has_the_host_of_its_template_or_there_is_none(
    start: str, template: str, data: dict[str, Any]
) -> None:
    got = outcome("push_url", start + template, data)
    if got is not None:
        expected = urlsplit(start.strip())
        assert (urlsplit(got).scheme, urlsplit(got).netloc) == (expected.scheme, expected.netloc)


@settings(max_examples=100, deadline=None)
@given(
    template=st.one_of(templates, st.builds("{}://{}/{}".format, words, templates, words)),
    data=datas,
)
@example("https://shop.example{{ data.x }}/", {"x": ".evil.example"})
@example("https://{% if data.x %}a{% else %}b{% endif %}.example/", {"x": "1"})
@example("https://a{% comment %}{{ %}{% endcomment %}.example/", {})
@example("{% comment %}https://a.example/{% endcomment %}https://{{ data.x }}/", {"x": "b.example"})
@example("{% if data.x == 'https://a.example/' %}{% endif %}https://b.example/", {"x": "1"})
def test_what_may_be_published_leads_to_one_host_for_all(
    template: str, data: dict[str, Any]
) -> None:
    """Two chats with other values never go to two hosts."""
    try:
        check_template("push_url", template)
    except InvalidInput:
        return
    hosts = {
        urlsplit(got).netloc
        for values in (data, {}, dict.fromkeys("abxy", "z.example"))
        if (got := outcome("push_url", template, values)) is not None
    }
    assert len(hosts) <= 1
    for host in hosts:
        assert host in template


def far_down(action: Callable[[], object], calls: int) -> object:
    """As below a server, a framework and its middlewares."""
    return far_down(action, calls - 1) if calls else action()


def test_what_is_nested_too_deeply_to_be_looked_through() -> None:
    """How deeply that is depends on how far down it is read; nowhere it is a crash."""
    template = "https://shop.example/{{ " + "data[" * 600 + "1" + "]" * 600 + " }}"
    for calls in range(0, 800, 20):
        assert far_down(lambda: outcome("push_url", template, {}), calls) is None


@given(locale=locales, others=st.lists(locales, max_size=4, unique=True))
def test_any_locale_gets_one_of_the_texts(locale: str, others: list[str]) -> None:
    bodies = {"en": "Hello"} | {other: f"Hello in {other!r}" for other in others}
    version = NoticeVersion(default_locale="en", bodies=bodies)
    chosen, body = version.body_for(locale)
    assert bodies[chosen] == body


# --- Bounds --------------------------------------------------------------------------------------

EQUAL = "{% if 1==1 %}{% endif %}"
NAMED = "{% snippet 'a' %}"
WORST = {
    "comparing in a loop": f"{MANY}{{% for i in m %}}{EQUAL * 110}{{% endfor %}}",
    "loops one after the other": MANY + "{% for i in m %}a{% endfor %}" * 100,
    "filters": MANY + "{{ m | join: 'aa' | split: 'a' | join: 'aa' | size }}" * 50,
    "snippets in a loop": f"{MANY}{{% for i in m %}}{NAMED * 150}{{% endfor %}}",
    "snippets": '{% snippet "a" %}' * 230,
    "nested snippets": '{% snippet "tree" %}' * 200,
    "deep": "{% if 1 %}" * DEEP + "{% endif %}" * DEEP,
}  # fmt: skip
FULL_SNIPPET = Snippet("{% for i in m %}x{% endfor %}" + "x" * 4000)
TREE = Snippet(
    '{% snippet "b" %}' * 240, {"b": Snippet('{% snippet "c" %}' * 240, {"c": Snippet("x" * 4096)})}
)


@pytest.mark.parametrize("template", WORST.values(), ids=WORST)
def test_the_worst_that_can_be_written_has_an_end(template: str) -> None:
    snippets = {"a": FULL_SNIPPET, "tree": TREE}
    taken = steps(lambda: outcome("message", template, {"x": "y"}, "en", snippets))
    assert taken < STEPS, taken


def test_the_bounds_are_for_the_text_and_its_snippets_together() -> None:
    """Two that are just in bounds alone are not in bounds together."""
    piece = "{{ data.x | upcase | size }}" * 60
    data = {"x": "y" * 1500}
    assert outcome("message", piece, data)
    assert outcome("message", "{% snippet 'a' %}", data, "en", {"a": Snippet(piece)})
    twice = outcome("message", piece + "{% snippet 'a' %}", data, "en", {"a": Snippet(piece)})
    assert twice is None


# --- Snippets ------------------------------------------------------------------------------------


def with_snippets(template: str, snippets: dict[str, Snippet], **data: Any) -> str:
    render = renderer("message", template, sender_name="Sue", now=NOW, snippets=snippets)
    return render(Chat(data))


def test_a_snippet_stands_where_it_is_named() -> None:
    snippets = {
        "greeting": Snippet("Dear {{ data.Name }},"),
        "end": Snippet("Yours, {% snippet 'sign' %}", {"sign": Snippet("{{ interaction.queue }}")}),
    }
    text = "{% snippet 'greeting' %} hello. {% snippet \"end\" %}"
    assert with_snippets(text, snippets, Name="Zoë") == "Dear Zoë, hello. Yours, sales"


def test_a_snippet_has_its_own_variables() -> None:
    snippets = {"a": Snippet("{% assign n = 'inner' %}{{ n }}"), "b": Snippet("{{ n }}")}
    assert with_snippets("{% assign n = 'x' %}{% snippet 'a' %}{{ n }}", snippets) == "innerx"
    with pytest.raises(RenderingRefused, match="'n' is undefined"):
        with_snippets("{% assign n = 'x' %}{% snippet 'b' %}", snippets)


def test_a_snippet_knows_only_those_that_it_names_itself() -> None:
    snippets = {"a": Snippet("{% snippet 'b' %}"), "b": Snippet("B")}
    with pytest.raises(RenderingRefused, match="no snippet b"):
        with_snippets("{% snippet 'a' %}", snippets)


def test_a_missing_value_in_a_snippet_skips_the_chat() -> None:
    with pytest.raises(RenderingRefused) as refused:
        with_snippets("Hi {% snippet 'a' %}", {"a": Snippet("{{ data.Name }}")})
    assert refused.value.reason == "unresolved_variable"


@pytest.mark.parametrize("tag", ["snippet", "snippet a", "snippet data.x", "snippet 'a', 'b'"])
def test_a_snippet_is_named_by_its_key_alone(tag: str) -> None:
    with pytest.raises(InvalidInput):
        check_template("message", f"{{% {tag} %}}")


def test_no_snippet_in_a_url() -> None:
    with pytest.raises(InvalidInput):
        check_template("push_url", "https://shop.example/{% snippet 'a' %}")
