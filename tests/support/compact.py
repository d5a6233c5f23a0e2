"""Pages as tests read them: without the lines and blanks that only give templates their form.

So a test can name a piece of a page as one string, and one that is not there is really not there.
"""

import re
from typing import Any

from django.test import Client

TAG = re.compile(r'(<[a-zA-Z/!][^<>"]*(?:"[^"]*"[^<>"]*)*>)')
QUOTED = re.compile(r'("[^"]*")')
AS_IT_IS = re.compile(r"(<(pre|textarea|script)\b.*?</\2>)", re.DOTALL)
LINES = re.compile(r"\s*\n\s*")


class PageClient(Client):
    def request(self, **given: Any) -> Any:
        answer = super().request(**given)
        if not answer.streaming and answer.headers.get("Content-Type", "").startswith("text/html"):
            answer.content = compact(answer.content.decode()).encode()
        return answer


def compact(html: str) -> str:
    parts = AS_IT_IS.split(html)
    # Of each three: what stands between, an element that is as it is, and the name of its tag.
    return "".join(
        _compact(part) if at % 3 == 0 else part for at, part in enumerate(parts) if at % 3 != 2
    )


def _compact(html: str) -> str:
    return "".join(_tag(part) if at % 2 else _text(part) for at, part in enumerate(TAG.split(html)))


def _tag(tag: str) -> str:
    parts = QUOTED.split(tag)
    inside = "".join(part if at % 2 else re.sub(r"\s+", " ", part) for at, part in enumerate(parts))
    return re.sub(r"\s+>$", ">", inside)


def _text(text: str) -> str:
    text = re.sub(r"^\s*\n\s*|\s*\n\s*$", "", text)
    return LINES.sub(" ", text)
