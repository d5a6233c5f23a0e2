"""Pages as tests read them: without the lines and blanks that only give templates their form.

So a test can name a piece of a page as one string, and one that is not there is really not there.
"""

import re
from typing import Any

from django.test import Client

AS_IT_IS = r"<(?P<name>pre|textarea|script)\b.*?</(?P=name)>"
A_TAG = r'<[a-zA-Z/!][^<>"]*(?:"[^"]*"[^<>"]*)*>'
PARTS = re.compile(rf"(?P<as_it_is>{AS_IT_IS})|(?P<tag>{A_TAG})|(?P<blanks>\s*\n\s*)", re.DOTALL)
TAG = re.compile(A_TAG)
IN_TAG = re.compile(r'("[^"]*")|\s+(>)|\s+')
HAS_FORM = re.compile(r"\s(?:\s|>)|\n")


class PageClient(Client):
    def request(self, **given: Any) -> Any:
        answer = super().request(**given)
        is_html = answer.headers.get("Content-Type", "").startswith("text/html")
        if is_html and not answer.streaming and not answer.has_header("Content-Encoding"):
            answer.content = compact(answer.content.decode()).encode()
        return answer


def compact(html: str) -> str:
    parts: list[str] = []
    at = text_from = 0
    for found in PARTS.finditer(html):
        start, end = found.span()
        parts.append(html[at:start])
        at = end
        if found.lastgroup == "blanks":
            # Between a text and a tag, or two tags, they give no more than the form.
            is_inside = text_from < start and end < len(html) and not TAG.match(html, end)
            parts.append(" " if is_inside else "")
            continue
        parts.append(_tag(found[0]) if found.lastgroup == "tag" else found[0])
        text_from = end
    parts.append(html[at:])
    return "".join(parts)


def _tag(tag: str) -> str:
    return IN_TAG.sub(_in_tag, tag) if HAS_FORM.search(tag) else tag


def _in_tag(found: re.Match[str]) -> str:
    return found[1] or found[2] or " "
