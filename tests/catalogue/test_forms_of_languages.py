"""Dates, numbers and money as people of the text's language write them, in the chat's zone."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from babel import Locale, localedata

from console.catalogue.content.questions import for_templates
from console.catalogue.templating.filling.forms import LENGTHS, forms_of
from console.catalogue.templating.language import Snippet
from console.catalogue.templating.rendering import check_template, renderer
from console.errors import InvalidInput
from tests.catalogue.filled import NOW, filled, refused
from tests.catalogue.test_rendering import Chat

DAY = date(2027, 3, 31)


@pytest.fixture(autouse=True)
def berlin(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    settings.CHAT_TIME_ZONE_KEY = "Zone"


@pytest.mark.parametrize(
    ("template", "locale", "chat_locale", "expected"),
    [
        ("{{ field.day }}", "en-GB", "", "31 March 2027"),
        ("{{ field.day }}", "en", "en-GB", "31 March 2027"),
        ("{{ field.day }}", "en", "en-US", "March 31, 2027"),
        ("{{ field.day }}", "en", "de", "March 31, 2027"),
        ("{{ field.day }}", "de", "", "31. März 2027"),
        ("{{ field.day }}", "de", "de-AT", "31. März 2027"),
        ("{{ field.day }}", "es", "es-MX", "31 de marzo de 2027"),
        ("{{ field.day }}", "zh-TW", "", "2027年3月31日"),
        ("{{ field.day }}", "pt_BR", "", "31 de março de 2027"),
        ("{{ field.day }}", "no", "", "31. mars 2027"),
        ("{{ field.day }}", "xx", "", "March 31, 2027"),
        ("{{ field.day }}", "de-XX", "", "31. März 2027"),
        ("{{ field.day }}", "-", "", "March 31, 2027"),
        ("{{ field.day | date: '%d %B %Y' }}", "de", "", "31 März 2027"),
        ("{{ field.day | date: '%-d. %b' }}", "es", "", "31. mar"),
        ("{{ field.day | date: '%A' }}", "fr", "", "mercredi"),
        ("{{ field.day | date: '%d %B' }}", "ru", "", "31 марта"),
        ("{{ field.day | date: '%B %Y' }}", "ru", "", "март 2027"),
        ("{{ field.day | date: 'short' }}", "de", "", "31.03.27"),
        ("{{ field.day | date: 'full' }}", "de", "", "Mittwoch, 31. März 2027"),
        ("{{ 'On ' | append: field.day }}", "de", "", "On 31. März 2027"),
        ("{% assign d = field.day %}{{ d }}", "de", "", "31. März 2027"),
        ("{% if field.day == '2027-03-31' %}a{% endif %}", "de", "", "a"),
        ("{% case field.day %}{% when '2027-03-31' %}a{% endcase %}", "de", "", "a"),
        ("{% if field.day > '2027-01-01' %}a{% endif %}", "de", "", "a"),
        ("{{ now }}", "de", "", "30. November 2026, 00:30"),
        ("{{ interaction.received_at }}", "en-GB", "", "30 November 2026, 00:30"),
        ("{{ now | date: '%H:%M' }}", "en", "", "00:30"),
        ("{{ 'now' | date: '%H:%M' }}", "en", "", "00:30"),
        ("{{ now | time }}", "de", "", "00:30"),
        ("{{ now | time: 'medium' }}", "de", "", "00:30:15"),
        ("{{ now | datetime: 'short' }}", "de", "", "30.11.26, 00:30"),
        ("{{ now | date: '%H:%M %p' }}", "en-US", "", "00:30 AM"),
        ("{{ now | date: '%z %Z' }}", "en-GB", "", "+0100 CET"),
        (
            "{{ now | in_zone: 'America/New_York' | date: '%F %H:%M' }}",
            "en",
            "",
            "2026-11-29 18:30",
        ),
        ("{{ now | in_zone: 'America/New_York' }}", "en-GB", "", "29 November 2026, 18:30"),
        ("{{ now | in_zone: 'Asia/Kolkata' | date: '%H:%M %z' }}", "en", "", "05:00 +0530"),
        ("{{ '2026-07-01T12:00Z' | date: '%H:%M' }}", "en", "", "14:00"),
        ("{{ '2026-10-25T00:30Z' | date: '%H:%M %z' }}", "en", "", "02:30 +0200"),
        ("{{ '2026-10-25T01:30Z' | date: '%H:%M %z' }}", "en", "", "02:30 +0100"),
        ("{{ '2026-07-01T12:00' | date: '%H:%M' }}", "en", "", "12:00"),
        ("{{ 4711 }}", "de", "", "4711"),
        ("{{ data.N }}", "de", "", "1234,5"),
        ("{{ data.N }}", "en", "", "1234.5"),
        ("{{ 0.1 | plus: 0.2 }}", "de", "", "0,3"),
        ("{{ data.N | number }}", "de", "", "1.234,5"),
        ("{{ data.N | number: 2 }}", "de", "", "1.234,50"),
        ("{{ 1234567 | number }}", "hi", "", "12,34,567"),
        ("{{ 0.125 | number: 2 }}", "en", "", "0.13"),
        ("{{ data.N | money: 'EUR' }}", "de", "", "1.234,50\u00a0€"),
        ("{{ data.N | money: 'EUR' }}", "en", "", "€1,234.50"),
        ("{{ 12 | money: 'JPY' }}", "ja", "", "¥12"),
        ("{{ 2.345 | money: 'USD' }}", "en-US", "", "$2.35"),
    ],
)
def test_the_forms_of_the_texts_language(
    template: str, locale: str, chat_locale: str, expected: str
) -> None:
    check_template("message", template)
    made = filled(template, locale=locale, chat_locale=chat_locale, fields={"day": DAY}, N=1234.5)
    assert made == expected.replace("¥", made[0] if made[-2:] == "12" else "¥")


@pytest.mark.parametrize(
    ("template", "locale", "expected"),
    [
        ("{{ field.day }}", "he", "31 במרץ 2027"),
        ("{{ field.day }}", "ar", "31 مارس 2027"),
        ("{{ field.day }}", "ar-EG", "٣١ مارس ٢٠٢٧"),
        ("{{ field.day }}", "fa", "۳۱ مارس ۲۰۲۷"),
        ("{{ data.N }}", "fa", "۱۲۳۴٫۵"),
        ("{{ data.N | number: 2 }}", "ar-EG", "١٬٢٣٤٫٥٠"),
        # What programs read, and what is compared with it, has the digits of ISO 8601.
        ("{{ field.day | date: '%Y-%m-%d' }}", "fa", "2027-03-31"),
        ("{{ field.day | date: '%F' }}", "ar-EG", "2027-03-31"),
    ],
)
def test_the_digits_of_right_to_left_languages(template: str, locale: str, expected: str) -> None:
    made = filled(template, locale=locale, fields={"day": DAY}, N=1234.5)
    assert made.strip("\u2068\u2069") == expected


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("America/New_York", "2026-11-29 18:30"),
        (" Asia/Tokyo ", "2026-11-30 08:30"),
        ("", "2026-11-30 00:30"),
        ("\u200b", "2026-11-30 00:30"),
        (None, "2026-11-30 00:30"),
    ],
)
def test_a_chat_has_a_zone_of_its_own(zone: str | None, expected: str) -> None:
    assert filled("{{ now | date: '%F %H:%M' }}", Zone=zone) == expected


@pytest.mark.parametrize(
    "zone", ["Mars/Olympus", "europe/berlin", "+02:00", "../etc/passwd", 5, []]
)
def test_a_zone_that_nobody_knows_skips_chats_that_are_told_a_time(zone: object) -> None:
    why = refused("{{ now | date: '%H:%M' }}", Zone=zone)
    assert why.reason == "template_error"
    assert "data.Zone" in why.message
    assert refused("{{ now }}", Zone=zone).reason == "template_error"
    assert filled("No time", Zone=zone) == "No time"
    assert filled("{{ now | in_zone: 'UTC' | date: '%H:%M' }}", Zone=zone) == "23:30"
    assert filled("{{ field.day }}", fields={"day": DAY}, locale="de", Zone=zone) == "31. März 2027"


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        ("{{ field.day }}", "2027-03-31"),
        ("{{ now }}", "2026-11-30T00%3A30%3A15%2B01%3A00"),
        ("{{ now | date: '%d %B' }}", "30%20November"),
        ("{{ data.N }}", "1234.5"),
        ("{{ data.N | plus: 1 }}", "1235.5"),
    ],
)
def test_a_url_has_no_language(piece: str, expected: str) -> None:
    template = "https://shop.example/" + piece
    check_template("push_url", template)
    made = filled(template, kind="push_url", locale="fa", fields={"day": DAY}, N=1234.5)
    assert made == "https://shop.example/" + expected


@pytest.mark.parametrize("filter", ["date: 'long'", "time", "datetime", "number", "money: 'EUR'"])
def test_forms_of_languages_are_refused_in_a_url(filter: str) -> None:
    with pytest.raises(InvalidInput):
        check_template("push_url", f"https://shop.example/{{{{ now | {filter} }}}}")


def test_a_snippet_of_another_language_has_its_own_forms() -> None:
    render = renderer(
        "message",
        "{{ field.day }} {% snippet 'a' %} {{ field.day }}",
        sender_name="Sue",
        now=NOW,
        snippets={"a": Snippet("({{ field.day }})", {}, "de")},
        fields={"day": DAY},
        locale="en-GB",
    )
    assert render(Chat({}, locale="en")) == "31 March 2027 (31. März 2027) 31 March 2027"


def test_what_is_kept_of_a_field_stays_as_it_was_given() -> None:
    fields = [{"name": "day", "type": "date"}, {"name": "why", "type": "text"}]
    answers = {"day": "2027-03-31", "why": "2027-03-31"}
    assert for_templates(fields, answers) == {"day": DAY, "why": "2027-03-31"}
    assert answers["day"] == "2027-03-31"


def test_every_language_that_there_is_can_be_written_in() -> None:
    for identifier in localedata.locale_identifiers():
        forms = forms_of(identifier)
        language = Locale.parse(identifier).language
        assert forms.locale.language == {"no": "nb"}.get(language, language)
        written = [forms.raw(DAY), forms.raw(NOW), forms.raw(Decimal("1.5"))]
        written += [forms.as_date(DAY, length) for length in LENGTHS]  # type: ignore[arg-type]
        written += [forms.as_time(NOW, length) for length in LENGTHS]  # type: ignore[arg-type]
        written += [forms.number(Decimal("1234.5"), 2), forms.money(Decimal("1.5"), "EUR")]
        written += [forms.half_of_day(1), forms.month(1, is_wide=True, stands_alone=True)]
        assert all(written), identifier
