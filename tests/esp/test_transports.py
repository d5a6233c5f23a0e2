import re

import pytest

from console.esp import InvalidAddress, check_address, open_channel
from console.esp.transports import SCHEMES
from console.esp.transports.esp_json import Address, parse_address
from tests.esp.support import NEVER, run


@pytest.mark.parametrize(
    ("url", "address", "shown"),
    [
        ("esp+json://127.0.0.1:4801", Address("127.0.0.1", 4801, tls=False), "127.0.0.1:4801"),
        ("esp+json://chat1.example:1/", Address("chat1.example", 1, tls=False), "chat1.example:1"),
        ("esp+json+tls://[::1]:65535", Address("::1", 65535, tls=True), "[::1]:65535"),
        ("ESP+JSON://Chat1:4801", Address("chat1", 4801, tls=False), "chat1:4801"),
        ("esp+json://bücher.example:4801", Address("bücher.example", 4801, False), None),
    ],
)
def test_good_addresses(url: str, address: Address, shown: str | None) -> None:
    check_address(url)
    assert parse_address(url) == address
    assert shown in (None, str(address))


@pytest.mark.parametrize(
    "url",
    [
        "esp+json://",
        "esp+json://:4801",
        "esp+json://chat1",
        "esp+json://chat1:",
        "esp+json://chat1:0",
        "esp+json://chat1:65536",
        "esp+json://chat1:port",
        "esp+json://[::1:4801",
        "esp+json:chat1:4801",
        "esp+json://chat1:4801/path",
        "esp+json://chat1:4801?a=b",
        "esp+json://chat1:4801#a",
        "esp+json://me@chat1:4801",
        "esp+json://me:secret@chat1:4801",
        "esp+json://@chat1:4801",
        "esp+json://chat 1:4801",
        "esp+json://chat1:4801\n",
        "esp+json://chat..example:4801",
        f"esp+json://{'x' * 64}.example:4801",
    ],
)
def test_bad_addresses(url: str) -> None:
    with pytest.raises(InvalidAddress, match=re.escape(repr(url))):
        check_address(url)


@pytest.mark.parametrize("url", ["", "chat1:4801", "http://chat1:4801", "esp://chat1:4801"])
def test_an_unknown_scheme_names_the_known_ones(url: str) -> None:
    with pytest.raises(InvalidAddress, match="esp\\+json://, esp\\+json\\+tls://") as caught:
        check_address(url)
    assert all(f"{scheme}://" in str(caught.value) for scheme in SCHEMES)


def test_an_address_that_is_not_even_a_url() -> None:
    with pytest.raises(InvalidAddress, match="cannot be read"):
        check_address("psdk://[")


def test_opening_checks_the_address_too() -> None:
    with pytest.raises(InvalidAddress, match="must begin with"):
        run(open_channel("http://chat1:1", connect_timeout=NEVER, request_timeout=NEVER))
