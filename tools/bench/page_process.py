"""The process that `pages_cpu` measures: pages and the bare view, asked through ASGI alone.

It reads what to visit from the JSON file that it is given, and prints one line with the figures.
"""

import asyncio
import gc
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

# Small enough that a round of one page takes about a second.
REQUESTS = 10
BARE = "/bare/"
Scope = dict[str, Any]


def main() -> int:
    plan = json.loads(Path(sys.argv[1]).read_text())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    from console.asgi import application
    from console.database.sessions import WEB, use_limits

    use_limits(WEB)
    gc.freeze()  # as manage.py does when all is loaded
    figures = asyncio.run(_measure(plan, application, _bare_application()))
    print(f"CPU {json.dumps(figures)}", flush=True)
    return 0


def _bare_application() -> Any:
    from django.core.asgi import get_asgi_application
    from django.test import override_settings

    with override_settings(MIDDLEWARE=["tools.bench.bare.urls.BareMiddleware"]):
        return get_asgi_application()


async def _measure(plan: dict[str, Any], console: Any, bare: Any) -> dict[str, Any]:
    """Milliseconds of CPU a request, a round of a page beside one of the bare view."""
    figures: dict[str, Any] = {}
    bare_scope = _scope(BARE, {})
    await _milliseconds(bare, bare_scope)
    for name, visit in plan["visits"].items():
        scope = _scope(visit["path"], visit["headers"])
        length = len(await _ask(console, scope))
        await _milliseconds(console, scope)
        rounds = [
            (await _milliseconds(console, scope), await _milliseconds(bare, bare_scope))
            for _ in range(plan["rounds"])
        ]
        figures[name] = {"rounds": rounds, "bytes": length}
    figures["bare"] = {"rounds": [], "bytes": len(await _ask(bare, bare_scope))}
    return figures


async def _milliseconds(application: Any, scope: Scope) -> float:
    """Of this process's CPU, all its threads, a request."""
    gc.collect()
    before = time.process_time()
    for _ in range(REQUESTS):
        await _ask(application, scope)
    return 1e3 * (time.process_time() - before) / REQUESTS


def _scope(path: str, headers: dict[str, str]) -> Scope:
    path, _mark, query = path.partition("?")
    sent = {"Host": "127.0.0.1", **headers}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
    }


async def _ask(application: Any, scope: Scope) -> bytes:
    """The body of the answer. Raises RuntimeError unless it is 200."""
    messages: list[dict[str, Any]] = []
    is_read = False

    async def receive() -> dict[str, Any]:
        nonlocal is_read
        if is_read:
            await asyncio.Event().wait()  # nobody disconnects
        is_read = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    await application({**scope, "headers": list(scope["headers"])}, receive, send)
    body = b"".join(message.get("body", b"") for message in messages)
    if messages[0]["status"] != 200:
        raise RuntimeError(f"{scope['path']} answered {messages[0]['status']}: {body[:300]!r}")
    return body


if __name__ == "__main__":
    sys.exit(main())
