"""No answer of a directory is a failure of the console's: each is refused with a sentence that
fits, a line of the log and an entry of the trail."""

import json
import ssl
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.accounts.models import User
from console.accounts.signing_in.oidc import DirectoryRefusal
from console.accounts.signing_in.oidc.refusals import SENTENCES
from console.accounts.signing_in.oidc.tokens import verify
from console.audit.models import AuditEntry
from tests.accounts.visiting import Visitor, come_in
from tests.support.directory_server import new_key, public_keys, running_directory
from tests.support.lying_proxy import (
    DISCOVERY,
    KEYS,
    TOKEN,
    USERINFO,
    LyingProxy,
    Raw,
    running_proxy,
)
from tests.support.network import make_certificate

pytestmark = pytest.mark.django_db

Lie = Callable[[LyingProxy], None]
ADMINISTRATOR = {"groups": ["cc-admins"]}


def claims(**values: Any) -> Lie:
    """A well signed token with other claims; None leaves one out."""

    def change(true: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in {**true, **values}.items() if value is not None}

    return lambda directory: directory.signs(change)


def token(make: Callable[[dict[str, Any]], str]) -> Lie:
    return lambda directory: directory.forges(make)


def says(path: str, **values: Any) -> Lie:
    return lambda directory: directory.says(path, **values)


def raw(path: str, body: bytes = b"", status: int = 200, **headers: str) -> Lie:
    def lie(directory: LyingProxy) -> None:
        directory.lies[path] = lambda _true: Raw(status, body, headers)

    return lie


def unsigned(true: dict[str, Any]) -> str:
    return jwt.encode({**true, **ADMINISTRATOR}, "", "none", {"kid": "one"})


def with_a_strangers_key(true: dict[str, Any]) -> str:
    return jwt.encode({**true, **ADMINISTRATOR}, new_key(), "RS256", {"kid": "one"})


def with_the_secret(true: dict[str, Any]) -> str:
    return jwt.encode(true, "between the two of us, and longer", "HS256", {"kid": "one"})


def with_an_unknown_name(true: dict[str, Any]) -> str:
    return jwt.encode(true, new_key(), "RS256", {"kid": "another"})


def of_another_kind(true: dict[str, Any]) -> str:
    return jwt.encode(true, ec.generate_private_key(ec.SECP256R1()), "ES256", {"kid": "one"})


NOW = int(time.time())
METHODS = "token_endpoint_auth_methods_supported"
DEEP = b"[" * 100_000
LIES: list[tuple[str, Lie, str]] = [
    # --- The token
    ("unsigned", token(unsigned), "unsigned"),
    ("signed by a stranger", token(with_a_strangers_key), "signature"),
    ("signed with the secret", token(with_the_secret), "algorithm"),
    ("signed with an unknown key", token(with_an_unknown_name), "unknown_key"),
    ("signed by another kind of key", token(of_another_kind), "unknown_key"),
    ("no token", says(TOKEN, id_token=None), "token_answer"),
    ("a token that is none", says(TOKEN, id_token="a.b.c"), "token_answer"),
    ("a token that is a number", says(TOKEN, id_token=5), "token_answer"),
    ("a token of half a letter", says(TOKEN, id_token="\ud800"), "token_answer"),
    ("another issuer", claims(iss="https://login.example.org"), "wrong_issuer"),
    ("no issuer", claims(iss=None), "wrong_issuer"),
    ("an issuer that is a list", claims(iss=["a"]), "wrong_issuer"),
    ("another audience", claims(aud="payroll"), "audience"),
    ("no audience", claims(aud=None), "audience"),
    ("an audience that is a number", claims(aud=5), "audience"),
    ("given to another", claims(aud=["console", "payroll"], azp="payroll"), "audience"),
    ("expired", claims(exp=NOW - 3600), "expired"),
    ("never expires", claims(exp=None), "token_answer"),
    ("expires at no time", claims(exp="soon"), "token_answer"),
    ("expires in infinity", claims(exp=float("inf")), "token_answer"),
    ("from tomorrow", claims(iat=NOW + 86_400), "not_yet"),
    ("good from tomorrow", claims(nbf=NOW + 86_400), "not_yet"),
    ("another nonce", claims(nonce="another"), "nonce"),
    ("no nonce", claims(nonce=None), "nonce"),
    ("a nonce that is a list", claims(nonce=[]), "nonce"),
    # --- Who it is
    ("no sub", claims(sub=None), "subject"),
    ("an empty sub", claims(sub=""), "subject"),
    ("a sub that is a number", claims(sub=5), "subject"),
    ("a sub that is too long", claims(sub="a" * 256), "subject"),
    ("a sub with NUL", claims(sub="a\0b"), "subject"),
    ("a sub of half a letter", claims(sub="\ud800"), "subject"),
    ("another sub in userinfo", says(USERINFO, sub="4712", **ADMINISTRATOR), "other_subject"),
    ("no sub in userinfo", says(USERINFO, sub=None), "other_subject"),
    ("amr: 5", claims(amr=5), "claims"),
    ("amr: [5]", claims(amr=[5]), "claims"),
    ("amr: {}", claims(amr={}), "claims"),
    ("acr: []", claims(acr=[]), "claims"),
    ("auth_time: yesterday", claims(auth_time="yesterday"), "claims"),
    ("auth_time: infinity", claims(auth_time=float("inf")), "claims"),
    ("groups: 5", claims(groups=5), "claims"),
    ("groups: {}", claims(groups={"cc-admins": True}), "claims"),
    ("groups: [{}]", claims(groups=[{"name": "cc-admins"}]), "claims"),
    ("a given name of half a letter", claims(given_name="\udfff"), "claims"),
    ("a given name that is a list", claims(given_name=["Ann"]), "claims"),
    ("a name without end", claims(family_name="a" * 100_000), "claims"),
    ("a user name that can't be one", claims(preferred_username="a|b"), "no_user_name"),
    ("a user name with NUL", claims(preferred_username="a\0b"), "no_user_name"),
    ("a user name that is too long", claims(preferred_username="a" * 151), "no_user_name"),
    # --- What it says of itself
    ("another issuer of all", says(DISCOVERY, issuer="https://login.example.org"), "issuer"),
    ("no issuer of all", says(DISCOVERY, issuer=None), "issuer"),
    ("no token endpoint", says(DISCOVERY, token_endpoint=None), "configuration"),
    ("no keys", says(DISCOVERY, jwks_uri=None), "configuration"),
    ("keys that are a number", says(DISCOVERY, jwks_uri=5), "configuration"),
    ("methods that are a number", says(DISCOVERY, **{METHODS: 5}), "configuration"),
    ("keys on the way", says(DISCOVERY, jwks_uri="http://localhost.example.org/"), "unprotected"),
    ("userinfo elsewhere", says(DISCOVERY, userinfo_endpoint="http://example.org/"), "unprotected"),
    ("discovery is no JSON", raw(DISCOVERY, b"<html>"), "configuration"),
    ("discovery is a list", raw(DISCOVERY, b"[]"), "configuration"),
    ("discovery is deep", raw(DISCOVERY, DEEP), "configuration"),
    ("discovery leads elsewhere", raw(DISCOVERY, b"{}", 302, Location="/"), "configuration"),
    ("discovery is not found", raw(DISCOVERY, b"{}", 404), "configuration"),
    ("discovery fails", raw(DISCOVERY, b"oops", 500), "directory_failed"),
    ("discovery is long", raw(DISCOVERY, b"x" * 1_100_000), "unreachable"),
    (
        "discovery is not gzip",
        raw(DISCOVERY, b"{}", 200, **{"Content-Encoding": "gzip"}),
        "unreachable",
    ),
    # --- Its other answers
    ("the code is refused", raw(TOKEN, b'{"error": "invalid_client"}', 401), "code_refused"),
    ("the code is refused in HTML", raw(TOKEN, b"<html>", 400), "code_refused"),
    ("the token endpoint fails", raw(TOKEN, b"", 503), "directory_failed"),
    ("the token answer is no JSON", raw(TOKEN, b"access_token=a"), "token_answer"),
    ("the token answer is a text", raw(TOKEN, b'"a"'), "token_answer"),
    ("no access token", says(TOKEN, access_token=None), "token_answer"),
    ("an access token of two lines", says(TOKEN, access_token="a\r\nb"), "token_answer"),
    ("userinfo is refused", raw(USERINFO, b"{}", 401), "userinfo"),
    ("userinfo is signed", raw(USERINFO, b"a.b.c"), "userinfo"),
    ("userinfo is a list", raw(USERINFO, b"[]"), "userinfo"),
    ("the keys are no JSON", raw(KEYS, b""), "keys"),
    ("the keys are no list", raw(KEYS, b'{"keys": {}}'), "keys"),
    ("the keys are texts", raw(KEYS, b'{"keys": ["one"]}'), "unknown_key"),
    ("the keys are empty", raw(KEYS, b'{"keys": []}'), "unknown_key"),
    ("a key without its number", raw(KEYS, b'{"keys": [{"kty": "RSA", "kid": "one"}]}'), "keys"),
]  # fmt: skip


# What the proxy says in its place is the same for any directory behind it.
@pytest.mark.parametrize("directory", ["oidc_provider"], indirect=True)
@pytest.mark.parametrize(("lie", "reason"), [lie[1:] for lie in LIES], ids=[lie[0] for lie in LIES])
def test_each_wrong_answer_has_its_sentence_its_line_and_its_entry(
    directory: LyingProxy,
    visitor: Visitor,
    lie: Lie,
    reason: str,
    caplog: pytest.LogCaptureFixture,
    settings: Any,
) -> None:
    settings.DIRECTORY = replace(
        settings.DIRECTORY,
        roles={"cc-admins": ("administrator",), "cc-supervisors": ("supervisor",)},
    )
    leaves = visitor.client.get(reverse("directory-login"))
    back = visitor.follows(leaves.headers["Location"])
    lie(directory)
    refused = visitor.comes(back)

    assert refused.status_code in (403, 503)
    page = refused.content.decode()
    assert str(SENTENCES[reason]).replace("'", "&#x27;") in page
    assert not User.objects.exists()
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.data["reason"]) == ("user.directory_refused", reason)
    assert caplog.text.count("directory signed nobody in") == 1
    assert f"'reason': '{reason}'" in caplog.text
    assert visitor.client.get(reverse("board")).status_code == 302


def test_all_reasons_are_different_and_say_what_to_do() -> None:
    sentences = [DirectoryRefusal(reason).sentence for reason in SENTENCES]
    assert len(set(sentences)) == len(sentences)
    todo = ("administrator", "again", "tart", "ask ", "Sign out")
    assert [text for text in sentences if not any(word in text for word in todo)] == [
        DirectoryRefusal("linked_elsewhere").sentence
    ]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"error": "access_denied"}, "cancelled"),
        ({"error": "server_error"}, "authorization_refused"),
        ({"error": "<b>\u2028"}, "authorization_refused"),
        ({}, "authorization_refused"),
        ({"code": "once", "iss": "https://login.example.org"}, "wrong_issuer"),
        ({"code": "made up"}, "code_refused"),
    ],
)
def test_what_the_browser_brings_back(
    directory: LyingProxy, visitor: Visitor, answer: dict[str, str], reason: str
) -> None:
    visitor.client.get(reverse("directory-login"))
    leaves = visitor.client.get(reverse("directory-login"))
    visitor.follows(leaves.headers["Location"])
    query = urlencode({"state": directory.asked[-1]["state"], **answer})
    refused = visitor.client.get(f"{reverse('directory-callback')}?{query}")

    assert refused.status_code == 403
    entry = AuditEntry.objects.get()
    assert entry.data["reason"] == reason
    again = visitor.client.get(f"{reverse('directory-callback')}?{query}")
    assert again.status_code == 403
    assert AuditEntry.objects.first().data["reason"] == "unknown_state"


def test_a_made_up_answer_signs_nobody_in(directory: LyingProxy) -> None:
    client = Client()
    client.get(reverse("directory-login"))
    refused = client.get(f"{reverse('directory-callback')}?code=once&state=made-up")

    assert refused.status_code == 403
    assert "Start again" in refused.content.decode()
    assert not User.objects.exists()


def test_strangers_do_not_fill_the_trail(
    directory: LyingProxy, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(40):
        Client().get(f"{reverse('directory-callback')}?code=once&state=made-up")
    assert AuditEntry.objects.count() == 30
    assert caplog.text.count("directory signed nobody in") == 40


def test_a_directory_that_is_down_says_so(directory: LyingProxy, settings: Any) -> None:
    settings.DIRECTORY = replace(settings.DIRECTORY, url="http://127.0.0.1:9")
    refused = Client().get(reverse("directory-login"))
    assert refused.status_code == 503
    assert "does not answer" in refused.content.decode()
    assert AuditEntry.objects.get().data["reason"] == "unreachable"


def test_the_link_of_the_sign_in_page_steers_nothing(
    directory: LyingProxy, visitor: Visitor
) -> None:
    query = "process=connect&scope=admin&auth_params=prompt%3Dnone&next=https://example.org/"
    assert visitor.goes(f"{reverse('directory-login')}?{query}").headers["Location"] == "/"
    assert directory.asked[0]["scope"] == "openid profile"
    assert "prompt" not in directory.asked[0]


def test_a_changed_key_is_taken_once_it_is_published(directory: LyingProxy) -> None:
    directory.signs(dict)
    assert come_in(directory).headers["Location"] == reverse("home")


def test_a_private_authority_is_trusted_by_a_setting_alone(
    directory: LyingProxy, settings: Any, tmp_path: Any
) -> None:
    certificate, key = make_certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with ExitStack() as stack:
        proxy = stack.enter_context(running_proxy(tls))
        proxy.behind = stack.enter_context(running_directory(proxy.address))
        settings.DIRECTORY = replace(settings.DIRECTORY, url=proxy.address)
        refused = Client().get(reverse("directory-login"))
        assert refused.status_code == 503
        assert "CERTIFICATE_VERIFY_FAILED" in AuditEntry.objects.get().data["detail"]

        settings.DIRECTORY = replace(settings.DIRECTORY, ca=str(certificate))
        leaves = Client().get(reverse("directory-login"))
        assert leaves.headers["Location"].startswith(f"{proxy.address}/authorize?")


KEY = new_key()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
CLAIM = st.sampled_from(["iss", "aud", "exp", "iat", "nbf", "sub", "nonce", "azp", "jti"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(changed=st.dictionaries(CLAIM, JSON, min_size=1))
def test_whatever_stands_in_a_signed_token_is_taken_or_refused(
    changed: dict[str, Any],
) -> None:
    now = int(time.time())
    right = {"iss": "i", "aud": "console", "exp": now + 60, "iat": now, "sub": "1", "nonce": "n"}
    body = json.dumps({**right, **changed}).encode()
    given_token = jwt.api_jws.encode(body, KEY, "RS256", {"kid": "one"})
    try:
        said = verify(
            given_token, public_keys(KEY, "one"), issuer="i", client_id="console", nonce="n"
        )
    except DirectoryRefusal:
        return
    assert {name: said[name] for name in ("iss", "sub", "nonce")} == {
        name: right[name] for name in ("iss", "sub", "nonce")
    } | ({"sub": changed["sub"]} if "sub" in changed else {})
