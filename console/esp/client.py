"""A client of one Chat Server, which connects when needed, and again after a loss."""

import asyncio
import ssl
from types import TracebackType
from typing import Self

from console.esp.errors import NotConnected
from console.esp.outcomes import Outcome, not_sent
from console.esp.requests import EspRequest
from console.esp.transports import Channel, check_address, open_channel
from console.text.sentences import sentence_of, term


class Client:
    """Sends requests to the Chat Server at `url`; timeouts are in seconds.

    Raises InvalidAddress at once if no transport could use the URL. Requests themselves never
    raise: what went wrong is in their Outcome.
    """

    def __init__(
        self,
        url: str,
        *,
        connect_timeout: float = 5.0,
        request_timeout: float = 10.0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        check_address(url)
        self._url = url
        self._connect_timeout = connect_timeout
        self._request_timeout = request_timeout
        self._ssl_context = ssl_context
        self._channel: Channel | None = None
        self._connecting = asyncio.Lock()
        self._goodbyes: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Open a connection if there is none. Raises NotConnected."""
        await self._open_channel()

    async def request(self, request: EspRequest) -> Outcome:
        """Send one request and wait for its outcome.

        One deadline, `request_timeout` from now, holds over connecting, writing and reading.
        """
        if self._channel is not None and self._channel.is_open:
            return await self._channel.submit(request)
        since = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(since + self._request_timeout):
                channel = await self._open_channel()
        except NotConnected as error:
            return not_sent(sentence_of(error))
        except TimeoutError:
            return not_sent(
                term("No connection within {seconds:g} seconds.", seconds=self._request_timeout)
            )
        return await channel.submit(request, since=since)

    def submit(self, request: EspRequest) -> "asyncio.Future[Outcome]":
        """Send on the open connection without waiting; NOT_SENT if there is none."""
        if self._channel is not None:
            return self._channel.submit(request)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        future.set_result(not_sent(term("There is no connection. Connect first.")))
        return future

    async def close(self) -> None:
        """Wait for requests in flight (up to their deadlines) and close for good."""
        self._is_closed = True
        async with self._connecting:
            self._retire()
        while self._goodbyes:
            await asyncio.wait(self._goodbyes)

    async def _open_channel(self) -> Channel:
        async with self._connecting:
            if self._is_closed:
                raise NotConnected(term("The client was closed."))
            if self._channel is None or not self._channel.is_open:
                self._retire()
                self._channel = await open_channel(
                    self._url,
                    connect_timeout=self._connect_timeout,
                    request_timeout=self._request_timeout,
                    ssl_context=self._ssl_context,
                )
            return self._channel

    def _retire(self) -> None:
        """Close the channel in the background, after requests in flight have ended."""
        if self._channel is not None:
            task = asyncio.ensure_future(self._channel.close())
            self._goodbyes.add(task)
            task.add_done_callback(self._goodbyes.discard)
            self._channel = None
