"""The protocol with a service manager (systemd): the socket that it passes (sd_listen_fds(3)), and
the message that the server is ready (sd_notify(3))."""

import os
import socket

FIRST_DESCRIPTOR = 3


class WrongSocket(Exception):
    """The passed socket can't be used; the text states what to do."""


def handed_socket() -> socket.socket | None:
    """Return the listening socket that the service manager opened for this process, if it did.

    The manager keeps it open while processes start and stop, and may pass it to several: a client
    that connects meanwhile waits in its queue and is not refused. Raises WrongSocket.
    """
    process, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if process != str(os.getpid()):  # none, or passed to a parent that did not take it
        return None
    if count != "1":
        raise WrongSocket(f"One socket is served on, and {count or 'none'} came with LISTEN_FDS.")
    try:
        listener = socket.socket(fileno=FIRST_DESCRIPTOR)
    except OSError as error:
        raise WrongSocket(f"What LISTEN_FDS tells of is no socket: {error.strerror}.") from error
    if not _listens(listener):
        listener.detach()
        raise WrongSocket("The socket of LISTEN_FDS does not listen. Write ListenStream= for it.")
    listener.set_inheritable(False)
    return listener


def _listens(listener: socket.socket) -> bool:
    is_internet = listener.family in (socket.AF_INET, socket.AF_INET6)
    return is_internet and bool(listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def tell(state: str) -> None:
    """Send the manager this process's state, such as `READY=1`, if there is one."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        # A name with an @ is in the kernel's abstract namespace, without a file.
        line.sendto(state.encode(), address.replace("@", "\0", 1))
