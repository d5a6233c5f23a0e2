"""A browser that goes to the directory and comes back, without scripts."""

import re
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.test import Client
from django.urls import reverse

from tests.support.directory_server import CONSOLE
from tests.support.lying_proxy import LyingProxy

HERE = urlsplit(CONSOLE).netloc


class Visitor:
    """One browser: what the console's client keeps, and the cookies of the directory."""

    def __init__(self, client: Client | None = None) -> None:
        self.client = client or Client()
        self.there = httpx.Client(trust_env=False)

    def goes(self, path: str = "") -> Any:
        """Follow a link of the console's to the directory, and come back; the console's answer."""
        leaves: Any = self.client.get(path or reverse("directory-login"))
        assert leaves.status_code == 302, leaves.content.decode()
        return self.comes(self.follows(leaves.headers["Location"]))

    def comes(self, address: str) -> Any:
        back = urlsplit(address)
        answer: Any = self.client.get(f"{back.path}?{back.query}")
        return answer

    def follows(self, address: str) -> str:
        """Where the directory sends the browser in the end. It presses the one button that a page
        on the way has."""
        while urlsplit(address).netloc != HERE:
            answer = self.there.get(address)
            if not answer.is_redirect:
                answer = self.presses(answer.text)
            address = str(httpx.URL(address).join(answer.headers["Location"]))
        return address

    def presses(self, page: str, **more: str) -> httpx.Response:
        """Send the form of a page of the directory's, with `more` in it."""
        action = re.search(r'<form[^>]* action="([^"]+)"', page)
        assert action, page
        fields = dict(re.findall(r'name="(\w+)" value="([^"]+)"', page))
        return self.there.post(action[1], data={**fields, **more})

    def close(self) -> None:
        self.there.close()


def come_in(directory: LyingProxy, **claims: Any) -> Any:
    """In a browser of its own."""
    directory.claims |= claims
    visitor = Visitor()
    try:
        return visitor.goes()
    finally:
        visitor.close()
