"""Static files: kept by browsers for long by the digest in their address, and compressed."""

import gzip
import re
from collections.abc import Callable

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from console.accounts.models import User
from console.site.static_version import static_version

pytestmark = pytest.mark.django_db

FOREVER = "max-age=31536000, public, immutable"


def content(client: Client, address: str, **headers: str) -> tuple[bytes, str]:
    response = client.get(address, headers={n.replace("_", "-"): v for n, v in headers.items()})
    assert response.status_code == 200, address
    return b"".join(response), response.headers["Cache-Control"]


def test_all_files_of_a_page_are_kept_for_long(
    auditor: User, browse: Callable[[User], Client]
) -> None:
    client = browse(auditor)
    page = client.get("/history/").content.decode()
    found = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page))
    assert len(found) > 20
    for address in found:
        assert address.startswith(f"/static/{static_version()}/")
        assert content(client, address)[1] == FOREVER, address


def test_what_another_version_names_is_there_for_a_minute(client: Client) -> None:
    asked = ("/static/v-000000000000/css/base.css", "/static/css/base.css")
    (old, kept), (plain, kept_plain) = (content(client, address) for address in asked)
    assert old == plain
    assert kept == kept_plain == "max-age=60, public"


@pytest.mark.parametrize(
    "address",
    ["/static/v-000000000000/nothing.css", "/static/v-1/css/base.css", "/static/v-000000000000/"],
)
def test_nothing_else_is_a_file(address: str, client: Client) -> None:
    response = client.get(address)
    assert response.status_code in (302, 404)
    assert "immutable" not in response.headers["Cache-Control"]


def test_they_are_compressed_for_who_takes_that(client: Client) -> None:
    address = f"/static/{static_version()}/css/base.css"
    plain, _kept = content(client, address)
    response = client.get(address, headers={"Accept-Encoding": "br, gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Cache-Control"] == FOREVER
    assert "Accept-Encoding" in response.headers["Vary"]
    assert gzip.decompress(response.content) == plain
    assert len(response.content) < len(plain) / 2
    path = finders.find("css/base.css")
    assert path
    with open(path, "rb") as file:
        assert file.read() == plain
    # A part of it, or whether it has changed, is asked of the file itself.
    part = client.get(address, headers={"Accept-Encoding": "gzip", "Range": "bytes=0-9"})
    assert (part.status_code, b"".join(part)) == (206, plain[:10])
    since = response.headers["Last-Modified"]
    unchanged = client.get(address, headers={"If-Modified-Since": since})
    assert (unchanged.status_code, unchanged.headers["Cache-Control"]) == (304, FOREVER)


def test_a_page_for_the_disk_is_not_shown_as_the_consoles(client: Client) -> None:
    """Compressed or not, and by each of its addresses."""
    for folder in ("", f"{static_version()}/"):
        for accepted in ("gzip", ""):
            response = client.get(
                f"/static/{folder}verify-delivery.html", headers={"Accept-Encoding": accepted}
            )
            response.close()
            assert response.status_code == 200
            assert response.headers["Content-Disposition"] == "attachment"
            assert response.headers["Content-Type"].startswith("text/html")
    other = client.get("/static/css/base.css")
    other.close()
    assert "Content-Disposition" not in other.headers


@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [("gzip", True), ("gzip;q=0.5, *;q=0", True), ("gzip; q=0", False), ("br", False), ("", False)],
)
def test_pages_are_compressed_for_who_takes_that(
    accepted: str, is_compressed: bool, auditor: User, browse: Callable[[User], Client]
) -> None:
    client = browse(auditor)
    for address in ("/help/", "/api/v1/schema/"):
        response = client.get(address, headers={"Accept-Encoding": accepted})
        assert ("Content-Encoding" in response.headers) == is_compressed, address
        assert "Accept-Encoding" in response.headers["Vary"]
        if is_compressed:
            assert len(gzip.decompress(response.content)) > len(response.content)
            lengths = {
                len(client.get(address, headers={"Accept-Encoding": "gzip"}).content)
                for _ in range(5)
            }
            assert len(lengths) > 1  # which would tell what is in it
