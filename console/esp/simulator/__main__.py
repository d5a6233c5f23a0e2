"""`python -m console.esp.simulator`: one Chat Server stand-in, until SIGINT or SIGTERM."""

import argparse
import asyncio
import signal
import ssl
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from console.esp.simulator.control import Control
from console.esp.simulator.faults import Faults
from console.esp.simulator.journal import Journal
from console.esp.simulator.server import Simulator


def main(arguments: list[str] | None = None) -> None:
    """Run until a signal ends it. Exits with a message if a port or a file is not available."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.tls_certificate is None) != (options.tls_key is None):
        parser.error("--tls-certificate and --tls-key belong together")
    try:
        faults = msgspec.convert(
            {name: getattr(options, name) for name in Faults.__struct_fields__}, Faults
        )
        asyncio.run(_serve(options, faults))
    except (msgspec.ValidationError, OSError) as error:
        sys.exit(f"The simulator cannot start: {error}")


async def _serve(options: argparse.Namespace, faults: Faults) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        journal = Journal(options.journal)
        stack.callback(journal.close)
        simulator = Simulator(
            options.name, journal, sessions_must_exist=options.sessions_must_exist, faults=faults
        )
        await simulator.start(options.host, options.port, _tls(options))
        stack.push_async_callback(simulator.stop)
        control = Control(simulator)
        await control.start(options.control_port)
        stack.push_async_callback(control.stop)
        sys.stdout.write(
            f"ready name={options.name} port={simulator.port} control_port={control.port}\n"
        )
        sys.stdout.flush()
        await stopped.wait()


def _tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    if options.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.tls_certificate, options.tls_key)
    return context


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m console.esp.simulator",
        description="A stand-in for a Chat Server that speaks the open framing (esp+json).",
    )
    add = parser.add_argument
    add("--name", required=True, help="application name that requests must be addressed to")
    add("--port", type=int, required=True, help="port for requests; 0 is any free one")
    add("--journal", type=Path, required=True, help="file to which every request is appended")
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--control-port", type=int, default=0, help="port for control; 0 is any free one")
    add("--sessions-must-exist", action="store_true", help="refuse interactions never opened")
    add("--tls-certificate", type=Path, help="PEM file; requests then come over TLS")
    add("--tls-key", type=Path, help="PEM file with the certificate's private key")
    faults = parser.add_argument_group("faults", "can be changed on the control port later")
    for name, default in msgspec.structs.asdict(Faults()).items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(default, bool):
            faults.add_argument(option, action="store_true")
        elif isinstance(default, float):
            faults.add_argument(option, type=float, default=default, metavar="SECONDS")
        else:
            faults.add_argument(option, type=int, default=default, metavar="N")
    return parser


if __name__ == "__main__":
    main()
