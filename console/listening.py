"""How a server on an event loop stops to listen, without losing who has just connected.

asyncio breaks off a connection that the loop has accepted and not made yet when its server closes.
"""

import asyncio

_TURNS = 5  # of the event loop. An accepted connection without TLS is made in the second one.


async def stop_listening(server: asyncio.Server) -> None:
    """Accept nothing more, let those in that were accepted, then close the server's sockets.

    Connections stay open, and each one without TLS is known to its protocol. One whose TLS
    handshake is not over is known to nobody but the event loop.
    """
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener)
    await settled()
    server.close()


async def settled() -> None:
    """Return after the event loop has done what is due by now, with what follows at once."""
    for _turn in range(_TURNS):
        await asyncio.sleep(0)
