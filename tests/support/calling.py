"""Callers of the API: programs with their tokens, and what the API answers."""

import json
from dataclasses import dataclass
from typing import Any

from django.test import Client

API = "/api/v1/"


@dataclass
class Caller:
    """Calls the API and reads what it answers. CSRF is enforced, as for anybody."""

    client: Client
    headers: dict[str, str]

    def __call__(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> "tuple[int, Any]":
        response = self.raw(method, path, body, **headers)
        return response.status_code, response.json() if response.content else None

    def raw(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        given: dict[str, Any] = {"headers": {**self.headers, **named}}
        if body is not None:
            given["data"] = body if isinstance(body, (str, bytes)) else json.dumps(body)
            given["content_type"] = named.get("Content-Type", "application/json")
        return self.client.generic(method, path_of(path), **given)

    def get(self, path: str) -> Any:
        """The body of a 200."""
        status, answer = self("GET", path)
        assert status == 200, answer
        return answer

    def post(self, path: str, body: object = None, *, status: int = 201, **headers: str) -> Any:
        got, answer = self("POST", path, body, **headers)
        assert got == status, answer
        return answer


def path_of(path: str) -> str:
    return path if path.startswith("/") else f"{API}{path}"


def by_token(token: str) -> Caller:
    return Caller(Client(enforce_csrf_checks=True), {"Authorization": f"Bearer {token}"})


def error(response: Any, status: int, code: str) -> Any:
    """The one shape, or a failure that says what came instead."""
    assert response.status_code == status, response.content[:500]
    assert response.headers["Content-Type"] == "application/json"
    answer = json.loads(response.content)
    assert set(answer) == {"code", "message", "params", "details"}
    assert answer["code"] == code, answer
    assert isinstance(answer["message"], str)
    assert answer["message"].strip()
    assert "Traceback" not in answer["message"]
    return answer
