"""Sends requests to the directory over HTTP. Every answer is readable JSON, or a refusal."""

import json
import ssl
import time
from typing import Any

import httpx

from console.accounts.signing_in.oidc.refusals import DirectoryRefusal
from console.security.hosts import is_protected

STEP_SECONDS = 5
ANSWER_SECONDS = 10  # for one whole answer, however slow
ANSWER_BYTES = 1_000_000


class Fetcher:
    """Sends the requests of one sign-in to the directory.

    It follows no redirects: a directory has no reason to redirect the console, and the target might
    be anybody.
    """

    def __init__(self, ca: str) -> None:
        self._ca = ca
        self._clients: dict[str, httpx.Client] = {}

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _client(self, url: str) -> httpx.Client:
        """Return the client for the URL's scheme.

        Reading the authorities takes a while, so it is reused. It uses the environment's proxies,
        since a directory may be behind one.
        """
        scheme = url.partition(":")[0]
        if scheme not in self._clients:
            is_tls = scheme == "https"
            trusted = ssl.create_default_context(cafile=self._ca or None) if is_tls else False
            self._clients[scheme] = httpx.Client(
                verify=trusted, timeout=STEP_SECONDS, follow_redirects=False
            )
        return self._clients[scheme]

    def get(self, url: str, unreadable: str, **options: Any) -> dict[str, Any]:
        """Return the JSON object at `url`.

        Raises DirectoryRefusal, with the reason `unreadable` if it is none.
        """
        status, answer = self.ask("GET", url, unreadable, **options)
        if status != 200:
            raise DirectoryRefusal(unreadable, f"status {status}")
        return answer

    def ask(
        self, method: str, url: str, unreadable: str, **options: Any
    ) -> tuple[int, dict[str, Any]]:
        """Return an answer's status and JSON object, which may be empty for an error status."""
        if not is_protected(url):
            raise DirectoryRefusal("unprotected", url)
        try:
            status, body = self._read(method, url, options)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise DirectoryRefusal("unreachable", f"{type(error).__name__}: {error}") from error
        if status >= 500:
            raise DirectoryRefusal("directory_failed", f"status {status}")
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError) as error:
            if status != 200:
                return status, {}
            raise DirectoryRefusal(unreadable, "no JSON") from error
        if not isinstance(answer, dict):
            raise DirectoryRefusal(unreadable, "no JSON object")
        return status, answer

    def _read(self, method: str, url: str, options: dict[str, Any]) -> tuple[int, bytes]:
        ends = time.monotonic() + ANSWER_SECONDS
        body = b""
        with self._client(url).stream(method, url, **options) as response:
            for part in response.iter_bytes():
                body += part
                if len(body) > ANSWER_BYTES:
                    raise httpx.DecodingError("the answer is too long")
                if time.monotonic() > ends:
                    raise httpx.ReadTimeout("the answer does not end")
            return response.status_code, body
