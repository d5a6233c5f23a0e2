"""200 open boards in one process: each loads its list and follows the event stream, as browsers do.

A board that is told a topic loads its list anew, at most once a second; a board that is sent rows
takes them. Started by `tools.bench.board`, which writes what to do to standard input, and reads
what was seen from standard output.
"""

import asyncio
import json
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import quote, urlsplit

QUIET_SECONDS = 1.0
LIVE = re.compile(rb'data-live-rows="([^"]*)"')
TOPICS = re.compile(rb'id="board-rows"[^>]*?data-live-topic="([^"]*)"', re.DOTALL)
ROW = re.compile(rb"<tr\b")
ID = re.compile(rb'data-id="([^"]+)"')
MARK = re.compile(rb">\s*mark-(\d+)\s*<")
# So many boards open at once.
OPENING = 4


@dataclass
class Seen:
    """What all boards saw. `marks` has for each board and chat the marks, with the moments."""

    marks: dict[int, dict[str, list[tuple[float, int]]]] = field(default_factory=dict)
    stream_bytes: int = 0
    load_bytes: int = 0
    loads: int = 0
    events: Counter[str] = field(default_factory=Counter)
    parsed: dict[bytes, list[tuple[str, int]]] = field(default_factory=dict)

    def rows(self, board: int, html: bytes) -> None:
        at = time.monotonic()
        own = self.marks.setdefault(board, {})
        for chat, mark in self._read(html):
            shown = own.setdefault(chat, [])
            if not shown or shown[-1][1] < mark:
                shown.append((at, mark))

    def _read(self, html: bytes) -> list[tuple[str, int]]:
        """The marks of the rows. What goes to many boards is read once."""
        found = self.parsed.get(html)
        if found is None:
            if len(self.parsed) > 64:
                self.parsed.clear()
            found = self.parsed[html] = [
                (chat[1].decode(), int(mark[1]))
                for part in ROW.split(html.replace(b'\\"', b'"'))
                if (chat := ID.search(part)) and (mark := MARK.search(part))
            ]
        return found

    def begin(self) -> None:
        """Forget what the opening cost."""
        self.stream_bytes = self.load_bytes = self.loads = 0
        self.events.clear()


class Board:
    """One open page."""

    def __init__(self, number: int, address: str, cookie: str, seen: Seen) -> None:
        self.number, self.seen = number, seen
        self.host = urlsplit(address).netloc
        self.cookie = cookie
        self.loads: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.changed = asyncio.Event()
        self.query: str | None = None
        self.topics = ["sending"]  # what every page follows

    async def open(self) -> None:
        html = await self._load()
        if found := LIVE.search(html):
            self.query = unescape(found[1].decode())
        elif found := TOPICS.search(html):
            self.topics += found[1].decode().split()
        self.reader, writer = await self._connect()
        asked = "&".join(f"topic={topic}" for topic in self.topics)
        if self.query is not None:
            asked += f"&rows={quote(self.query, safe='')}"
        self._ask(writer, f"/events/?{asked}", "text/event-stream")
        status = await self.reader.readline()
        if b" 200 " not in status:
            raise RuntimeError(f"the stream was answered {status!r}")
        while (await self.reader.readline()).strip():
            pass
        self.writer = writer

    async def follow(self) -> None:
        loading = asyncio.create_task(self._keep_loading())
        rest = b""
        try:
            while True:
                part = await self._chunk(self.reader)
                if part is None:
                    return
                self.seen.stream_bytes += len(part)
                *events, rest = (rest + part).split(b"\n\n")
                for event in events:
                    self._take(event)
        finally:
            loading.cancel()

    def _take(self, event: bytes) -> None:
        kind, data = "message", b""
        for line in event.split(b"\n"):
            name, _colon, value = line.partition(b": ")
            if name == b"event":
                kind = value.decode()
            elif name == b"data":
                data = value
        self.seen.events[kind] += 1
        if kind == "rows":
            self.seen.rows(self.number, data)
            if b'"missed"' in data[:40]:
                self.changed.set()
        elif kind == "message" and data:
            self.changed.set()

    async def _keep_loading(self) -> None:
        while True:
            await self.changed.wait()
            self.changed.clear()
            begun = time.monotonic()
            html = await self._load()
            self.seen.load_bytes += len(html)
            self.seen.loads += 1
            self.seen.rows(self.number, html)
            await asyncio.sleep(max(0.0, begun + QUIET_SECONDS - time.monotonic()))

    async def _load(self) -> bytes:
        if self.loads is None:
            self.loads = await self._connect()
        reader, writer = self.loads
        self._ask(writer, "/board/rows/", "text/html")
        status = await reader.readline()
        length, is_chunked = 0, False
        while line := (await reader.readline()).strip():
            name, _colon, value = line.lower().partition(b": ")
            length = int(value) if name == b"content-length" else length
            is_chunked = is_chunked or (name, value) == (b"transfer-encoding", b"chunked")
        html = b""
        if is_chunked:
            while part := await self._chunk(reader):
                html += part
        else:
            html = await reader.readexactly(length)
        if b" 200 " not in status:
            raise RuntimeError(f"the list was answered {status!r}")
        return html

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, _colon, port = self.host.partition(":")
        return await asyncio.open_connection(host, int(port), limit=2**20)

    async def _chunk(self, reader: asyncio.StreamReader) -> bytes | None:
        """A part of a body that comes in parts; None at its end."""
        line = await reader.readline()
        size = int(line or b"0", 16)
        part = await reader.readexactly(size)
        await reader.readexactly(2 if line else 0)
        return part if size else None

    def _ask(self, writer: asyncio.StreamWriter, path: str, accept: str) -> None:
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\nAccept: {accept}\r\n"
            f"Cookie: {self.cookie}\r\nHX-Request: true\r\nConsole-Refresh: 1\r\n\r\n".encode()
        )


async def main() -> None:
    told = json.loads(await asyncio.to_thread(sys.stdin.readline))
    seen = Seen()
    boards = [
        Board(number, told["address"], cookie, seen)
        for number, cookie in enumerate(told["cookies"])
    ]
    room = asyncio.Semaphore(OPENING)

    async def opened(board: Board) -> None:
        async with room:
            await board.open()

    await asyncio.gather(*map(opened, boards))
    following = [asyncio.create_task(board.follow()) for board in boards]
    say({"open": len(boards), "rows": boards[0].query is not None})
    while order := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if order == "begin":
            seen.begin()
            say({})
        else:
            say(_said(seen, following))


def _said(seen: Seen, following: list[asyncio.Task[None]]) -> dict[str, Any]:
    failed = [task for task in following if task.done()]
    return {
        "marks": seen.marks,
        "stream_bytes": seen.stream_bytes,
        "load_bytes": seen.load_bytes,
        "loads": seen.loads,
        "events": dict(seen.events),
        "ended": len(failed),
        "why": [repr(task.exception()) for task in failed[:1]],
    }


def say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
