"""A directory that speaks OpenID Connect, over real HTTP: it signs in whoever it is told to.

It is as honest as it can be; tests.support.lying_proxy, which stands before it, is not.
"""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT_ID, CLIENT_SECRET = "console", "between the two of us"
CONSOLE = "http://testserver"


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_keys(key: rsa.RSAPrivateKey, name: str) -> dict[str, Any]:
    """As a directory publishes them."""
    entry = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    return {"keys": [{**entry, "kid": name, "use": "sig", "alg": "RS256"}]}


@dataclass
class Directory:
    """`claims` are those of who comes next; `address` is what it calls itself."""

    address: str
    claims: dict[str, Any] = field(default_factory=dict)
    key: rsa.RSAPrivateKey = field(default_factory=new_key)
    port: int = 0
    asked: dict[str, str] = field(default_factory=dict)

    def prepare(self, claims: dict[str, Any]) -> None:
        self.claims = claims

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "userinfo_endpoint": f"{self.address}/userinfo",
            "end_session_endpoint": f"{self.address}/sign-out",
            "jwks_uri": f"{self.address}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        self.asked = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': 'once', 'state': asked['state']})}"

    def token(self, given: dict[str, str]) -> tuple[int, dict[str, Any]]:
        proof = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(proof).decode().rstrip("=")
        right = (
            given.get("client_secret") == CLIENT_SECRET
            and given.get("code") == "once"
            and challenge == self.asked["code_challenge"]
        )
        if not right:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        standard = {
            "iss": self.address,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 60,
            "nonce": self.asked["nonce"],
            "auth_time": now,
        }
        signed = jwt.encode({**standard, **self.claims}, self.key, "RS256", {"kid": "one"})
        return 200, {"access_token": "a", "token_type": "Bearer", "id_token": signed}


@contextmanager
def running_directory(issuer: str) -> Iterator[Directory]:
    directory = Directory(issuer)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path == "/.well-known/openid-configuration":
                self._say(200, directory.configuration())
            elif url.path == "/keys":
                self._say(200, public_keys(directory.key, "one"))
            elif url.path == "/userinfo":
                self._say(200, directory.claims)
            elif url.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", directory.authorize(_plain(url.query)))
                self.end_headers()
            else:
                self._say(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._say(*directory.token(_plain(body)))

        def _say(self, status: int, what: Any) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(what).encode())

        def log_message(self, *_arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        directory.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield directory
        finally:
            server.shutdown()
            thread.join()


def _plain(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}
