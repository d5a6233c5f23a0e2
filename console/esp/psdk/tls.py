"""TLS of `psdk+tls://` addresses, with Java's own classes: trust, and the client's certificate.

The SDK takes an SSLContext and promises nothing about names. So the context made here has a trust
manager that also requires the expected name in the certificate.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from console.esp import jvm
from console.text.sentences import term

_DNS, _IP = 2, 7  # the numbers that X509Certificate gives to kinds of alternative names
_PEM = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Paths and passwords. Empty ones mean Java's own authorities and no client certificate."""

    trust_store: str = ""
    trust_store_password: str = ""
    key_store: str = ""
    key_store_password: str = ""


_settings = TlsSettings()


def use(settings: TlsSettings) -> None:
    """Use these settings for all connections from now on."""
    global _settings
    _settings = settings


def ssl_context(host: str) -> Any:
    """Return an SSLContext that requires this name in the certificate. Raises Java's errors."""
    context = jvm.java_class("javax.net.ssl.SSLContext").getInstance("TLS")
    managers = _array("javax.net.ssl.TrustManager", [_checking()(_trust_manager(), host)])
    context.init(_key_managers(), managers, None)
    return context


def name_fits(host: str, names: Iterable[tuple[int, str]]) -> bool:
    """Return whether one of a certificate's alternative names is the host's (RFC 6125: a star
    stands for the whole first label, and for no address)."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        wanted = _ascii(host)
        return any(kind == _DNS and _matches(wanted, _ascii(name)) for kind, name in names)
    return any(kind == _IP and _same_address(address, name) for kind, name in names)


def _matches(host: str, pattern: str) -> bool:
    first, _dot, rest = pattern.partition(".")
    if first == "*" and "." in rest:
        return host.partition(".")[2] == rest
    return host == pattern


def _same_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address, name: str) -> bool:
    try:
        return ipaddress.ip_address(name) == address
    except ValueError:
        return False


def _ascii(name: str) -> str:
    try:
        return name.rstrip(".").encode("idna").decode().lower()
    except UnicodeError:
        return name.lower()


def _trust_manager() -> Any:
    factory_class = jvm.java_class("javax.net.ssl.TrustManagerFactory")
    factory = factory_class.getInstance(factory_class.getDefaultAlgorithm())
    trusted = _settings.trust_store
    if not trusted:
        store = jvm.null_of("java.security.KeyStore")
    elif _PEM in Path(trusted).read_bytes():
        store = _store_of_certificates(trusted)
    else:
        store = _store(trusted, _settings.trust_store_password)
    factory.init(store)
    wanted = jvm.java_class("javax.net.ssl.X509TrustManager")
    return next(manager for manager in factory.getTrustManagers() if isinstance(manager, wanted))


def _key_managers() -> Any:
    if not _settings.key_store:
        return None
    factory_class = jvm.java_class("javax.net.ssl.KeyManagerFactory")
    factory = factory_class.getInstance(factory_class.getDefaultAlgorithm())
    password = _settings.key_store_password
    factory.init(_store(_settings.key_store, password), _characters(password))
    return factory.getKeyManagers()


def _store(path: str, password: str) -> Any:
    """Load a key store of any format."""
    file = jvm.java_class("java.io.File")(path)
    return jvm.java_class("java.security.KeyStore").getInstance(file, _characters(password))


def _store_of_certificates(path: str) -> Any:
    store = jvm.java_class("java.security.KeyStore").getInstance("PKCS12")
    store.load(None, None)
    factory = jvm.java_class("java.security.cert.CertificateFactory").getInstance("X.509")
    with_certificates = jvm.java_class("java.io.FileInputStream")(path)
    try:
        for number, certificate in enumerate(factory.generateCertificates(with_certificates)):
            store.setCertificateEntry(f"trusted-{number}", certificate)
    finally:
        with_certificates.close()
    return store


def _characters(password: str) -> Any:
    return jvm.java_class("java.lang.String")(password).toCharArray()


def _array(class_name: str, elements: list[Any]) -> Any:
    array = jvm.java_class("java.lang.reflect.Array").newInstance(
        jvm.java_class(class_name).class_, len(elements)
    )
    for place, element in enumerate(elements):
        array[place] = element
    return array


@cache
def _checking() -> type[Any]:
    """Return the trust manager's class, which can be made only when Java runs."""
    refused = jvm.java_class("java.security.cert.CertificateException")

    @jvm.implementing("javax.net.ssl.X509TrustManager")
    class CheckingTrustManager:
        """Checks as Java's own trust manager does, and then the name."""

        def __init__(self, usual: Any, host: str) -> None:
            self._usual = usual
            self._host = host

        @jvm.overriding
        def checkClientTrusted(self, chain: Any, kind: Any) -> None:
            self._usual.checkClientTrusted(chain, kind)

        @jvm.overriding
        def checkServerTrusted(self, chain: Any, kind: Any) -> None:
            self._usual.checkServerTrusted(chain, kind)
            names = [(int(pair[0]), str(pair[1])) for pair in _alternatives(chain[0])]
            if not name_fits(self._host, names):
                carried = ", ".join(name for _kind, name in names) or "no name"
                raise refused(
                    term(
                        "it is for {carried}, and not for {host}", carried=carried, host=self._host
                    )
                )

        @jvm.overriding
        def getAcceptedIssuers(self) -> Any:
            return self._usual.getAcceptedIssuers()

    return CheckingTrustManager


def _alternatives(certificate: Any) -> Any:
    return certificate.getSubjectAlternativeNames() or []
