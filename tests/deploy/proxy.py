"""A real nginx with the example of deploy/nginx, in which only what a site changes is changed."""

import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from console.demo.children import end_with_parent
from tests.support.demos import ROOT, until

EXAMPLE = ROOT / "deploy" / "nginx" / "notice-console.conf"
HOST = "console.example.org"
INSTALLED = "/opt/notice-console/current"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
SECONDS = 60.0
# What a distribution's own nginx.conf has around it, kept within a folder.
AROUND = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log {folder}/access.log;
    types {{ text/css css; text/javascript js; image/svg+xml svg; }}
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    gzip on;
    include {folder}/notice-console.conf;
}}
"""


@dataclass
class Proxy:
    """`plain` and `tls` are its ports."""

    folder: Path
    plain: int
    tls: int

    def https(self) -> HTTPSConnection:
        trusting = ssl.create_default_context(cafile=str(self.folder / "fullchain.pem"))
        asking = HTTPSConnection("127.0.0.1", self.tls, timeout=SECONDS)
        # By the name that the certificate has, though it is asked by an address.
        asking.sock = trusting.wrap_socket(
            socket.create_connection(("127.0.0.1", self.tls), timeout=SECONDS), server_hostname=HOST
        )
        return asking

    def http(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.plain, timeout=SECONDS)


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return int(probe.getsockname()[1])


def site_conf(
    folder: Path, *, upstream: int, plain: int, tls: int, apart: Mapping[str, int] = {}
) -> str:
    """The example with this machine's ports and files. Each change must find its place. `apart` has
    the ports of upstreams that have processes of their own."""
    text = EXAMPLE.read_text("utf-8")
    for name, port in apart.items():
        before, found, after = text.partition(f"upstream {name} {{")
        assert found, name
        inside, end, rest = after.partition("}")
        text = before + found + inside.replace("127.0.0.1:8000", f"127.0.0.1:{port}") + end + rest
    for what, instead in {
        "server 127.0.0.1:8000": f"server 127.0.0.1:{upstream}",
        f"root {INSTALLED};": f"root {ROOT};",
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{tls} ssl http2;",
        "listen [::]:80;": "",
        "listen [::]:443 ssl http2;": "",
        "/etc/ssl/notice-console/": f"{folder}/",
    }.items():
        assert what in text, what
        text = text.replace(what, instead)
    return text


@contextmanager
def proxied(folder: Path, *, upstream: int, apart: Mapping[str, int] = {}) -> Iterator[Proxy]:
    """nginx before a console on the port `upstream`; `apart` as in site_conf."""
    assert NGINX is not None
    proxy = Proxy(folder, free_port(), free_port())
    make_certificate(folder)
    conf = site_conf(folder, upstream=upstream, plain=proxy.plain, tls=proxy.tls, apart=apart)
    (folder / "notice-console.conf").write_text(conf, "utf-8")
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder), "utf-8")
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    assert "[warn]" not in tested.stderr.replace('the "user" directive', ""), tested.stderr
    running = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        preexec_fn=end_with_parent if sys.platform == "linux" else None,
    )
    with running:
        try:
            until(lambda: running.poll() is None and _listens(proxy.tls), within=SECONDS)
            yield proxy
        finally:
            running.terminate()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(pem))
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
