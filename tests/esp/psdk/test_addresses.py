"""Addresses with `psdk://`: what they may say, and what is said of others."""

import re

import pytest

from console.esp import InvalidAddress, check_address, open_channel
from console.esp.psdk.address import Address, parse_address
from tests.esp.support import NEVER, run


@pytest.mark.parametrize(
    ("url", "address", "shown"),
    [
        ("psdk://chat1:4801", Address("chat1", 4801, False, "chat1", ()), "chat1:4801"),
        ("psdk://[::1]:1/", Address("::1", 1, False, "::1", ()), "[::1]:1"),
        ("psdk+tls://Chat1:2", Address("chat1", 2, True, "chat1", ()), "chat1:2"),
        (
            "psdk+tls://10.0.0.1:2?tls-host=chat1.example.com&addp-timeout=10",
            Address("10.0.0.1", 2, True, "chat1.example.com", (("addp-timeout", 10),)),
            "10.0.0.1:2",
        ),
        (
            "psdk://chat1:1?addp-remote-timeout=0&addp-trace=both&sdk.protocol=addp",
            Address(
                "chat1",
                1,
                False,
                "chat1",
                (("addp-remote-timeout", 0), ("addp-trace", "both"), ("protocol", "addp")),
            ),
            "chat1:1",
        ),
    ],
)
def test_good_addresses(url: str, address: Address, shown: str) -> None:
    check_address(url)
    assert parse_address(url) == address
    assert str(address) == shown


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("psdk://", "for example psdk://"),
        ("psdk://chat1", "for example psdk://"),
        ("psdk://chat1:0", "for example psdk://"),
        ("psdk://chat1:65536", "cannot be read"),
        ("psdk://chat1:1/path", "for example psdk://"),
        ("psdk://me@chat1:1", "for example psdk://"),
        ("psdk://chat1:1#a", "for example psdk://"),
        ("psdk://chat 1:1", "for example psdk://"),
        ("psdk://chat1:1\n", "for example psdk://"),
        ("psdk://chat..example:1", "cannot be read"),
        ("psdk://chat1:1?addp-timeout", "cannot be read"),
        ("psdk://chat1:1?addp-timeout=10&addp-timeout=11", "has an option twice"),
        ("psdk://chat1:1?addp-timeout=ten", "addp-timeout is a whole number of seconds"),
        ("psdk://chat1:1?addp-timeout=", "addp-timeout is a whole number of seconds"),
        ("psdk://chat1:1?addp-timeout=-1", "addp-timeout is a whole number of seconds"),
        ("psdk://chat1:1?addp-trace=", "addp-trace needs a value"),
        ("psdk://chat1:1?sdk.x=%D0%96", "sdk.x needs a value in ASCII"),
        ("psdk://chat1:1?sdk.=1", "unknown option 'sdk.'"),
        ("psdk://chat1:1?adp-timeout=1", "unknown option 'adp-timeout'. Known are addp-timeout"),
        ("psdk://chat1:1?tls-host=chat1", "belongs to psdk+tls:// alone"),
        ("psdk+tls://chat1:1?tls-host=", "is the name that a certificate must carry"),
    ],
)
def test_bad_addresses(url: str, said: str) -> None:
    with pytest.raises(InvalidAddress, match=re.escape(said)) as refused:
        check_address(url)
    assert repr(url) in str(refused.value)


def test_a_context_of_pythons_is_refused() -> None:
    import ssl

    with pytest.raises(InvalidAddress, match="Use the settings PSDK_"):
        run(
            open_channel(
                "psdk+tls://chat1:1",
                connect_timeout=NEVER,
                request_timeout=NEVER,
                ssl_context=ssl.create_default_context(),
            )
        )
