"""Which language a tag means, and which text a customer gets: languages times aliases."""

import string

import pytest
from django.utils import translation
from hypothesis import example, given, settings
from hypothesis import strategies as st

from console.catalogue.models import NoticeVersion
from console.text import language_tags

# What the customer's chat says, what the notice has (the first is the default), what they get, and
# whether that is their own language.
OWN, OTHER = True, False
# fmt: off
TABLE = [
    # As it is written.
    ("en", "en es", "en", OWN), ("es", "en es", "es", OWN), ("ES", "en es", "es", OWN),
    ("pt_BR", "en pt-BR", "pt-BR", OWN), (" pt-br ", "en pt_BR", "pt_BR", OWN),
    ("zh-hant-tw", "en zh-Hant-TW", "zh-Hant-TW", OWN), ("es\n", "en es", "es", OWN),
    # The language is not there, or only one that is related to it.
    ("es", "en de", "en", OTHER), ("da", "en nb", "en", OTHER), ("no", "en da", "en", OTHER),
    ("nn", "en nb", "en", OTHER), ("nb", "en nn", "en", OTHER), ("no", "en nn", "en", OTHER),
    ("gl", "en pt", "en", OTHER), ("ca", "en es", "en", OTHER), ("hr", "en sr-Latn", "en", OTHER),
    ("bs", "en sh", "en", OTHER), ("yue", "en zh-Hant", "en", OTHER), ("ms", "en id", "en", OTHER),
    ("arz", "en ar", "en", OTHER), ("gsw", "en de", "en", OTHER), ("af", "en nl", "en", OTHER),
    # Tags that have been replaced.
    ("no", "en nb", "nb", OWN), ("nb", "en no", "no", OWN), ("no-NO", "en nb", "nb", OWN),
    ("nb-NO", "en no", "no", OWN), ("nob", "en nb", "nb", OWN), ("no-bok", "en nb", "nb", OWN),
    ("no-nyn", "en nn", "nn", OWN), ("iw", "en he", "he", OWN), ("he", "en iw", "iw", OWN),
    ("iw-IL", "en he", "he", OWN), ("in", "en id", "id", OWN), ("id-ID", "en in", "in", OWN),
    ("ji", "en yi", "yi", OWN), ("jw", "en jv", "jv", OWN), ("mo", "en ro", "ro", OWN),
    ("tl", "en fil", "fil", OWN), ("fil-PH", "en tl", "tl", OWN), ("tgl", "en fil", "fil", OWN),
    ("sh", "en sr-Latn", "sr-Latn", OWN), ("sr-Latn-RS", "en sh", "sh", OWN),
    ("sh", "en sr", "en", OTHER), ("prs", "en fa", "fa", OWN), ("en-UK", "de en-GB", "en-GB", OWN),
    # By three letters, by a macrolanguage's part, by a tag of before all rules.
    ("spa", "en es", "es", OWN), ("deu", "en de", "de", OWN), ("ger", "en de", "de", OWN),
    ("cmn", "en zh", "zh", OWN), ("zh-cmn", "en zh", "zh", OWN), ("zho-CN", "en zh", "zh", OWN),
    ("zh-cmn-Hant", "en zh-TW", "zh-TW", OWN), ("arb", "en ar", "ar", OWN),
    ("swh", "en sw", "sw", OWN), ("zsm", "en ms", "ms", OWN), ("pes", "en fa", "fa", OWN),
    ("zh-yue", "en yue", "yue", OWN), ("zh-min-nan", "en nan", "nan", OWN),
    ("i-klingon", "en tlh", "tlh", OWN), ("art-lojban", "en jbo", "jbo", OWN),
    ("sgn-US", "en ase", "ase", OWN), ("zh-guoyu", "en zh", "zh", OWN),
    # The script that a region writes.
    ("zh-TW", "en zh-Hans zh-Hant", "zh-Hant", OWN), ("zh-HK", "en zh-Hant", "zh-Hant", OWN),
    ("zh-MO", "en zh-Hant", "zh-Hant", OWN), ("zh-CN", "en zh-Hant zh-Hans", "zh-Hans", OWN),
    ("zh-SG", "en zh-Hant zh-Hans", "zh-Hans", OWN), ("zh", "en zh-Hans", "zh-Hans", OWN),
    ("zh-Hant", "en zh-TW", "zh-TW", OWN), ("zh-Hant-HK", "en zh-TW", "zh-TW", OWN),
    ("zh-TW", "en zh", "en", OTHER), ("zh-Hant", "en zh-Hans", "en", OTHER),
    ("zh", "en zh-TW", "en", OTHER), ("zh-CN", "zh-Hant en", "zh-Hant", OTHER),
    ("sr-ME", "en sr-Latn", "sr-Latn", OWN), ("sr-ME", "en sr", "en", OTHER),
    ("sr", "en sr-Cyrl", "sr-Cyrl", OWN), ("sr-RS", "en sr-Latn sr", "sr", OWN),
    ("pa-PK", "en pa", "en", OTHER), ("pa-PK", "en pa-Arab", "pa-Arab", OWN),
    ("az-IR", "en az", "en", OTHER), ("az-AZ", "en az-Latn", "az-Latn", OWN),
    ("uz-AF", "en uz", "en", OTHER), ("mn-CN", "en mn", "en", OTHER),
    ("hi-Latn", "en hi", "en", OTHER), ("ja-Latn", "en ja", "en", OTHER),
    ("en-Latn", "de en", "en", OWN), ("sr@latin", "en sr sr-Latn", "sr-Latn", OWN),
    # What a region's language comes from, and what is near it.
    ("es-MX", "en es es-419", "es-419", OWN), ("es-MX", "en es es-AR", "es", OWN),
    ("es-MX", "en es-ES es-AR", "es-AR", OWN), ("es-ES", "en es-419 es", "es", OWN),
    ("es", "en es-MX es-ES", "es-ES", OWN), ("es", "en es-MX", "es-MX", OWN),
    ("en-AU", "de en en-001", "en-001", OWN), ("en-AU", "de en-US en-GB", "en-GB", OWN),
    ("en-GB", "de en", "en", OWN), ("en-GB", "en-US de", "en-US", OWN),
    ("en", "de en-GB en-US", "en-US", OWN), ("pt-AO", "en pt pt-PT", "pt-PT", OWN),
    ("pt-AO", "en pt-BR pt-PT", "pt-PT", OWN), ("pt", "en pt-PT pt-BR", "pt-BR", OWN),
    ("pt-BR", "en pt-PT", "pt-PT", OWN), ("pt-PT", "en pt", "pt", OWN),
    ("zh-MO", "en zh-TW zh-HK", "zh-HK", OWN), ("de-AT", "en de-CH de", "de", OWN),
    ("de-DE-1996", "en de", "de", OWN), ("ca-valencia", "en ca", "ca", OWN),
    ("en-US-POSIX", "de en", "en", OWN), ("en_US.UTF-8", "de en", "en", OWN),
    ("de-DE-u-co-phonebk", "en de", "de", OWN), ("es-x-informal", "en es", "es", OWN),
    # Both ways to write one language stand there, as versions once could: exactly that, first.
    ("no", "en nb no", "no", OWN), ("nb", "en no nb", "nb", OWN), ("iw", "en he iw", "iw", OWN),
    ("nb-NO", "en no nb", "nb", OWN), ("no-NO", "en nb no", "no", OWN),
    # What is no language, or says none.
    ("", "en es", "en", OTHER), ("  ", "en es", "en", OTHER), ("xx-yyyy-zz", "en es", "en", OTHER),
    ("Englisch", "en es", "en", OTHER), ("jp", "en ja", "en", OTHER), ("sp", "en es", "en", OTHER),
    ("e\u200bs", "en es", "en", OTHER), ("es\0", "en es", "en", OTHER), ("-", "en es", "en", OTHER),
    ("es--MX", "en es", "en", OTHER), ("und", "en es", "en", OTHER), ("mul", "en es", "en", OTHER),
    ("und-Latn", "en es", "en", OTHER), ("C", "en es", "en", OTHER),
    ("es" * 250, "en es", "en", OTHER), ("es-" + "abcde-" * 80 + "abcde", "en es", "en", OTHER),
]
# fmt: on


@pytest.mark.parametrize(("wanted", "texts", "expected", "is_own"), TABLE)
def test_each_customer_gets_their_own_language_or_is_known_not_to(
    wanted: str, texts: str, expected: str, is_own: bool
) -> None:
    bodies = {tag: f"The text in {tag}" for tag in texts.split()}
    version = NoticeVersion(default_locale=next(iter(bodies)), bodies=bodies)
    assert version.match_for(wanted) == (expected, is_own)
    assert version.body_for(wanted) == (expected, bodies[expected])


TAGS = st.text(string.ascii_letters + string.digits + "-_@.", max_size=40)
REAL = st.sampled_from(sorted({row[0] for row in TABLE} | {"zh-Hant-x-a-b", "sr-Cyrl-ME", "qaa"}))


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=600), TAGS, REAL), st.sets(REAL | TAGS, min_size=1, max_size=6))
@example("en-" + "x-" * 40, {"en"})
@example("ſr", {"sr"})
@example(LONG := "es-" + "abcde-" * 80 + "abcde", {LONG})
def test_any_tag_gets_a_text_and_never_another_language_or_script_as_its_own(
    wanted: str, texts: set[str]
) -> None:
    default, *_ = chosen = tuple(sorted(texts))
    match = language_tags.best(wanted, chosen, default)
    assert match.locale in texts
    meant, got = language_tags.read(wanted), language_tags.read(match.locale)
    if match.is_own and meant and got:
        assert (meant.language, meant.script) == (got.language, got.script)
    if match.is_own and not (meant and got):
        assert language_tags.written(wanted) == language_tags.written(match.locale)
    if not match.is_own:
        assert not any(language_tags.is_own(wanted, text) for text in texts)
    language_tags.name(wanted)
    language_tags.html_tag(wanted)


@settings(max_examples=200, deadline=None)
@given(REAL)
def test_the_canonical_form_means_what_the_tag_means(tag: str) -> None:
    found = language_tags.read(tag)
    if found is not None:
        assert language_tags.read(str(found)) == found
        assert language_tags.is_same(tag, str(found))


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        (" pt_BR ", "pt-BR"),
        ("no", "nb"),
        ("iw_IL", "he-IL"),
        ("zh-TW", "zh-Hant-TW"),
        ("sh", "sr-Latn"),
        ("?", ""),
    ],
)
def test_html_takes_the_canonical_form(tag: str, expected: str) -> None:
    assert language_tags.html_tag(tag) == expected


@pytest.mark.parametrize(
    ("tag", "reader", "expected"),
    [
        ("es", "en", "Spanish"),
        ("es-MX", "en", "Spanish"),
        ("es", "de", "Spanisch"),
        ("zh-TW", "en", "Traditional Chinese"),
        ("sr-ME", "en", "Serbian (Latin)"),
        ("no", "en", "Norwegian Bokmål"),
        ("tlh", "en", "Klingon"),
        ("qaa", "en", "qaa"),
        ("Englisch", "en", "Englisch"),
    ],
)
def test_a_language_is_named_in_the_readers_own(tag: str, reader: str, expected: str) -> None:
    with translation.override(reader):
        assert language_tags.name(tag) == expected


def test_a_region_is_named_where_it_matters() -> None:
    assert language_tags.name("pt-PT", with_region=True) == "Portuguese (Portugal)"
    assert language_tags.name("sr-ME", with_region=True) == "Serbian (Latin, Montenegro)"


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["en", "no", "nb"], ("no", "nb")),
        (["iw", "en", "he"], ("iw", "he")),
        (["zh-TW", "zh-Hant-TW"], ("zh-TW", "zh-Hant-TW")),
        (["sh", "sr-Latn"], ("sh", "sr-Latn")),
        (["pt_BR", "pt-br"], ("pt_BR", "pt-br")),
        (["xx", "XX"], ("xx", "XX")),
        (["en", "en-US", "en-GB", "zh-Hant", "zh-TW", "nb", "nn"], None),
    ],
)
def test_one_language_under_two_tags_is_twice(
    tags: list[str], expected: tuple[str, str] | None
) -> None:
    assert language_tags.twice(tags) == expected
