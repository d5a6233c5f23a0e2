"""Which URLs may be pushed to a customer's browser."""

from typing import Any

import pytest

from console.catalogue.templating.push_urls import check_push_url, shown_host
from console.errors import InvalidInput

REFUSED = {
    "nothing": "",
    "relative": "/orders/1",
    "without a scheme": "example.com/orders",
    "without a scheme's name": "//example.com/orders",
    "without slashes": "https:example.com",
    "one slash": "https:/example.com",
    "without a host": "https:///orders",
    "a port alone": "https://:443/",
    "script": "javascript:alert(1)",
    "script in disguise": "JaVaScRiPt://example.com/%0aalert(1)",
    "data": "data:text/html,hello",
    "file": "file:///etc/passwd",
    "ftp": "ftp://example.com/",
    "mail": "mailto:ann@example.com",
    "a user": "https://ann@example.com/",
    "a user and a password": "https://ann:secret@example.com/",
    "no user, but the sign": "https://@example.com/",
    "a password alone": "https://:secret@example.com/",
    "a host as a user": "https://example.com@evil.example/",
    "a space": "https://example.com/a b",
    "a space in front": " https://example.com/",
    "a line break": "https://example.com/\n",
    "a tab inside the scheme": "ht\ttps://example.com/",
    "a NUL": "https://example.com/\0",
    "a space that is not ASCII": "https://example.com/a\u00a0b",
    "an invisible character": "https://exam\u200bple.com/",
    "a change of direction": "https://example.com/\u202egpj",
    "a soft hyphen": "https://exam\u00adple.com/",
    "half a character": "https://example.com/\ud800",
    "a backslash": "https://example.com\\@evil.example/",
    "backslashes for slashes": "https:\\\\example.com/",
    "a port that is none": "https://example.com:port/",
    "a port too high": "https://example.com:65536/",
    "a negative port": "https://example.com:-1/",
    "port nought": "https://example.com:0/",
    "two ports": "https://example.com:80:80/",
    "half a bracket": "https://[::1/",
    "a word in brackets": "https://[example]/",
    "a slash in the host": "https://example.com%2f.example.org/",
    "a wide slash in the host": "https://evil.example\uff0fexample.com/",
    "two dots": "https://example..com/",
    "a dot alone": "https://./",
    "quotes": 'https://example.com/"onload="x',
    "angle brackets": "https://example.com/<script>",
    "braces": "https://example.com/{{ data.x }}",
    "one level up": "https://example.com/a/../b",
    "one level up, encoded": "https://example.com/a/%2E%2e/b",
    "this level": "https://example.com/a/./b",
    "up at the end": "https://example.com/a/..",
    "Latin and Cyrillic in one word": "https://pаypal.example/",
    "the same in punycode": "https://xn--pypal-4ve.example/",
    "Latin and Greek in one word": "https://gοogle.example/",
    "Cyrillic that looks like Latin": "https://сосо.example/",
    "the same below": "https://www.арріе.example/",
    "the same in its own punycode": "https://xn--80ak6aa92e.com/",
    "Cyrillic with an old letter": "https://ѵесо.example/",
    "the same with another end": "https://ѵесо.ру/",
    "Armenian that looks like Latin": "https://հոս.example/",
    "Lisu that looks like capitals": "https://ꓡꓲꓢꓴ.example/",
    "Greek that looks like Latin": "https://ρορ.example/",
    "a phonetic letter": "https://ɡoogle.example/",
    "Cyrillic before an end of its own, below Latin": "https://pаypal.рф/",
    "wide letters": "https://ｅxample.com/",
    "a wide dot": "https://example。com/",
    "letters in circles": "https://ⓔxample.com/",
    "a ligature": "https://ﬁne.example/",
    "punycode of nothing": "https://xn--a.example/",
    "punycode of ASCII": "https://xn--example-.com/",
    "an address in two numbers": "https://127.1/",
    "an address in one number": "https://2130706433/",
    "an address in base sixteen": "https://0x7f.1/",
    "an address in base eight": "https://0177.0.0.1/",
    "an address in digits of another script": "https://١٢٧.0.0.1/",
    "an address out of range": "https://256.1.1.1/",
    "a name that ends in a number": "https://example.1/",
    "an address with a zone": "https://[fe80::1%25eth0]/",
    "something behind the bracket": "https://[::1]example.com/",
    "two directions in one name": "https://-.א/",
    "a filler": "https://example.com/a\u3164",
    "a joiner of graphemes": "https://example.com/?a=\u034f",
    "a blank of Braille": "https://example.com/\u2800",
    "a variation": "https://example.com/a\ufe0f",
    "over-long": "https://example.com/" + "a" * 2029,
}


@pytest.mark.parametrize("url", REFUSED.values(), ids=REFUSED)
def test_a_url_that_may_not_be_pushed(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_push_url(url)
    assert refused.value.code == "invalid_url"
    assert refused.value.message.startswith("The URL ")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "http://example.com/",
        "HTTPS://Example.COM/",
        "https://example.com:8443/orders?id=1&x=%20#top",
        "https://127.0.0.1/",
        "https://[::1]:8443/",
        "https://[2001:db8::1]/",
        "https://bücher.example/straße?größe=ü",
        "https://例え.テスト/注文",
        "https://xn--bcher-kva.example/",
        "https://москва.рф/",
        "https://москва.example/",
        "https://банк.example/",
        "https://яндекс.рф/",
        "https://правительство.рф/",
        "https://қазақстан.example/",
        "https://ελλάδα.example/",
        "https://παράδειγμα.δοκιμή/",
        "https://موقع.وزارة-الأتصالات.مصر/",
        "https://דוגמה.example/",
        "https://उदाहरण.परीक्षा/",
        "https://ตัวอย่าง.example/",
        "https://中国.example/",
        "https://ハンバーグ.example/",
        "https://œuvre.example/",
        "https://ısı.example/",
        "https://þing.example/",
        "https://paypa1.example/",
        "https://日本語テスト.example/",
        "https://straße.example/",
        "https://한국abc.example/",
        "https://my_host-1.example.com./",
        "https://example.com/a..b/.well-known/...",
        "https://example.com?next=../x",
        "https://example.com:/",
        "https://example.com/" + "a" * 2028,
    ],
)
def test_a_url_that_may(url: str) -> None:
    check_push_url(url)


# --- The list of allowed hosts -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("example.com", True),
        ("EXAMPLE.com", True),
        ("www.example.com", False),
        ("evil-example.com", False),
        ("example.com.evil.org", False),
        ("example.org", True),
        ("shop.example.org", True),
        ("a.shop.Example.org", True),
        ("notexample.org", False),
        (".example.org", False),
        ("127.0.0.1", False),
        ("[::1]", False),
    ],
)
def test_only_listed_hosts(settings: Any, host: str, allowed: bool) -> None:
    settings.PUSH_URL_HOSTS = ["Example.com", ".example.org"]
    if allowed:
        check_push_url(f"https://{host}:8443/x")
        return
    with pytest.raises(InvalidInput) as refused:
        check_push_url(f"https://{host}/x?u=https://example.com/")
    assert refused.value.code == "invalid_url"


def test_a_listed_host_is_so_in_both_of_its_forms(settings: Any) -> None:
    for listed in ("bücher.example", "xn--bcher-kva.example", ".bücher.example"):
        settings.PUSH_URL_HOSTS = [listed]
        check_push_url("https://bücher.example/")
        check_push_url("https://xn--bcher-kva.example/")


@pytest.mark.parametrize(
    ("url", "shown", "looked_up"),
    [
        ("https://Bücher.example/x", "bücher.example", "xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example:8443", "bücher.example", "xn--bcher-kva.example"),
        ("https://example.com/{{ data.x }}", "example.com", "example.com"),
        ("https://[0:0::1]/", "::1", "::1"),
    ],
)
def test_both_forms_of_a_host_are_shown(url: str, shown: str, looked_up: str) -> None:
    host = shown_host(url)
    assert host is not None
    assert (host.shown, host.ascii) == (shown, looked_up)
    assert host.is_international == (shown != looked_up)


@pytest.mark.parametrize("url", ["https://{{ data.host }}/", "nothing", "https://pаypal.example/"])
def test_what_leads_nowhere_has_no_host_to_show(url: str) -> None:
    assert shown_host(url) is None


@pytest.mark.parametrize(
    ("url", "looks_like"),
    [
        ("https://rnybank.example/", "mybank.example"),
        ("https://www.rnybank.example/", "mybank.example"),
        ("https://MYBANK.exarnple/", "mybank.example"),
        ("https://paypa1.example/", "paypal.example"),
        ("https://paypaI.example/", "paypal.example"),
        ("https://g00gle.example/", "shop.google.example"),
        ("https://shop.goog1e.example/", "shop.google.example"),
        ("https://bücher.exarnple/", "bücher.example"),
        ("https://mybänk.example/", ""),
        ("https://yourbank.example/", ""),
    ],
)
def test_a_host_that_looks_like_one_of_the_list(settings: Any, url: str, looks_like: str) -> None:
    settings.PUSH_URL_HOSTS = [
        *("mybank.example", "paypal.example", ".shop.google.example", "bücher.example")
    ]
    with pytest.raises(InvalidInput) as refused:
        check_push_url(url)
    wanted = f"which looks like {looks_like} and is another host" if looks_like else "not on the"
    assert wanted in refused.value.message


def test_hosts_of_the_list_may_look_like_each_other(settings: Any) -> None:
    settings.PUSH_URL_HOSTS = ["mybank.example", "rnybank.example", ".example.org"]
    for host in ("mybank.example", "rnybank.example", "exarnple.example.org", "MyBank.example"):
        check_push_url(f"https://{host}/")


def test_the_refusal_names_the_host_and_the_list(settings: Any) -> None:
    settings.PUSH_URL_HOSTS = ["example.com"]
    with pytest.raises(InvalidInput, match=r"evil\.example.*example\.com"):
        check_push_url("https://evil.example/")
