"""Reads pages as an attacker does: their links, forms and fields, and what became of a marker."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

MARKER = "m4rk3r"
# What a template that runs would make of 7777*7777.
PRODUCT = "60481729"
# Django writes its SQL with quotation marks.
LEAKS = ("Traceback (most", "psycopg", 'SELECT "', "site-packages", "django.core", "console/web/")
BOOLEAN = ("checkbox", "radio")


@dataclass
class Form:
    """One form, as it would be sent untouched."""

    action: str
    method: str
    fields: dict[str, list[str]] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[str, str, tuple[str, ...]]:
        return self.method, self.action, tuple(sorted(self.fields))


class Page(HTMLParser):
    """The links and forms of an HTML text; `injected` is what of the marker became code."""

    def __init__(self, address: str, html: str) -> None:
        super().__init__()
        self.address = address
        self.links: list[str] = []
        self.forms: list[Form] = []
        self.injected: list[str] = []
        self._form: Form | None = None
        self._select = ""
        self._in_script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._look_for_marker(tag, given)
        self._in_script = tag in ("script", "style")
        for name in ("href", "hx-get"):
            if name in given:
                self.links.append(urljoin(self.address, given[name]))
        if tag == "form" or "hx-post" in given:
            action = given.get("hx-post") or given.get("action") or self.address
            method = "post" if "hx-post" in given else given.get("method", "get").lower()
            form = Form(urljoin(self.address, action), method)
            self.forms.append(form)
            self._form = form if tag == "form" else self._form
        elif self._form is not None and given.get("name"):
            self._add_field(self._form, tag, given)
        elif tag == "option" and self._form is not None and self._select:
            values = self._form.fields[self._select]
            if not values or "selected" in given:
                values[:] = [given.get("value", "")]

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        if self._in_script and MARKER in data:
            self.injected.append(data[:80])

    def _add_field(self, form: Form, tag: str, given: dict[str, str]) -> None:
        values = form.fields.setdefault(given["name"], [])
        if tag == "select":
            self._select = given["name"]
        elif given.get("type") not in BOOLEAN or "checked" in given:
            values[:] = [given.get("value", "")]

    def _look_for_marker(self, tag: str, given: dict[str, str]) -> None:
        if MARKER in tag:
            self.injected.append(f"<{tag}>")
        for name, value in given.items():
            scripted = name.startswith(("on", "hx-on", "style")) and MARKER in value
            leads = name in ("href", "src", "action") and value.strip().lower().startswith(
                ("javascript:", "data:text", "vbscript:")
            )
            if MARKER in name or scripted or leads:
                self.injected.append(f'<{tag} {name}="{value[:80]}">')


def inside(address: str, links: Iterable[str]) -> Iterator[str]:
    """Links to pages of this site, without their fragments; files and exports are no pages."""
    for link in links:
        parts = urlsplit(link)
        if parts.netloc == urlsplit(address).netloc and parts.path.startswith("/"):
            if parts.path.startswith(
                ("/static/", "/api/", "/accounts/logout/", "/account/sessions/")
            ):
                continue
            yield parts.path + (f"?{parts.query}" if parts.query else "")


def names_in(query: str) -> list[str]:
    return [name for name, _value in parse_qsl(query, keep_blank_values=True)]
