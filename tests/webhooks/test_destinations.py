"""Where webhooks may lead, and where not."""

import socket
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest

from console.errors import InvalidInput
from console.webhooks import destinations
from console.webhooks.destinations import Refused, is_allowed, read_url, resolve


@pytest.mark.parametrize(
    "url",
    [
        *("https://", "https:///x", "hooks.example.org", "ftp://hooks.example.org/", "", "https:x"),
        *("https://ann@hooks.example.org/", "https://ann:pw@hooks.example.org/", "https://@a/"),
        *("https://hooks.example.org/#part", "https://hooks.example.org\\@evil.example/"),
        *("https://hooks.example.org:0/", "https://hooks.example.org:65536/", "https://a:b/"),
        *("https://hooks.example.org/a b", "https://hooks.example.org/\n", " https://a.example/"),
        *(
            "https://hööks.example/",
            "https://hooks.example%2eorg/",
            "https://[::1/",
            "https://[x]/",
        ),
        f"https://hooks.example.org/{'x' * 2000}",
    ],
)
def test_what_is_no_address_of_a_web_server_is_refused(url: str) -> None:
    with pytest.raises(Refused) as refused:
        read_url(url)
    assert refused.value.code == "invalid_webhook_url"


def test_https_is_demanded_unless_the_setting_says_otherwise(settings: Any) -> None:
    with pytest.raises(Refused) as refused:
        read_url("http://hooks.example.org/")
    assert refused.value.code == "https_required"
    settings.WEBHOOK_HTTP = True
    assert read_url("http://hooks.example.org:8080/a?b=c").authority == "hooks.example.org:8080"


def test_an_address_is_read_in_its_parts() -> None:
    read = read_url("https://Hooks.example.org/a%20b?c=d&e")
    assert (read.host, read.port, read.target) == ("hooks.example.org", 443, "/a%20b?c=d&e")
    assert read.origin == "https://hooks.example.org"
    assert read_url("https://[2606:4700::1]:8443").origin == "https://[2606:4700::1]:8443"
    assert read_url("https://hooks.example.org?x").target == "/?x"


# Each as a host, and as what it is to the system.
INWARDS = [
    *("127.0.0.1", "127.9.9.9", "localhost", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1"),
    # Other ways to write 127.0.0.1.
    *("2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.1"),
    *("[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[fd12::1]", "[ff02::1]", "[2001:db8::1]"),
    # The same by way of IPv6: mapped, compatible, translated.
    *("[::ffff:127.0.0.1]", "[::ffff:a00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]"),
    *("[2002:7f00:1::]", "[2001:0:7f00:1::]"),
    # What one Python or another calls public: the registry does not.
    *("192.0.0.8", "192.0.0.170", "192.88.99.1", "198.18.0.1", "[3fff::1]", "[5f00::1]"),
    *("[2001:2::1]", "[2001:10::1]", "[64:ff9b:1::1]", "[100::1]", "[100:0:0:1::1]"),
]


@pytest.mark.parametrize("host", INWARDS)
def test_addresses_inside_are_refused(host: str) -> None:
    with pytest.raises(Refused) as refused:
        resolve(read_url(f"https://{host}/"))
    assert refused.value.code == "webhook_address_refused", refused.value.message


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "192.0.1.1", "2606:4700:4700::1111", "2a00::1", "2001:4860::1"],
)
def test_public_addresses_are_taken(address: str) -> None:
    assert is_allowed(address)


def test_a_setting_allows_ranges(settings: Any) -> None:
    settings.WEBHOOK_PRIVATE_ADDRESSES = [ip_network("127.0.0.0/8"), ip_network("fd00::/8")]
    assert resolve(read_url("https://2130706433/")) == "127.0.0.1"
    assert is_allowed("::ffff:127.0.0.1")
    assert is_allowed("fd12::1")
    assert not is_allowed("10.0.0.1")
    assert not is_allowed("::1")


def test_a_name_without_an_address_is_said_to_have_none() -> None:
    with pytest.raises(InvalidInput) as refused:
        destinations.check("https://name.invalid/")
    assert refused.value.code == "webhook_host_not_found"
    assert refused.value.details == {"field": "url"}


def answering(*addresses: str) -> Callable[..., Any]:
    def look_up(_host: str, port: int, **_wanted: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    return look_up


def test_a_name_with_an_address_inside_among_others_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering("1.1.1.1", "127.0.0.1"))
    with pytest.raises(Refused):
        resolve(read_url("https://hooks.example.org/"))
    monkeypatch.setattr(socket, "getaddrinfo", answering("1.1.1.1", "8.8.8.8"))
    assert resolve(read_url("https://hooks.example.org/")) == "1.1.1.1"


def test_a_look_up_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from threading import Event

    over = Event()

    def hang(*_arguments: Any, flags: int = 0, **_named: Any) -> Any:
        if not flags:
            over.wait(30)
        raise OSError

    monkeypatch.setattr(destinations, "LOOKUP_SECONDS", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with pytest.raises(Refused) as refused:
        resolve(read_url("https://hooks.example.org/"))
    over.set()
    assert refused.value.code == "webhook_host_not_found"
