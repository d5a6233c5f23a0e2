"""Java for Chat Servers with `psdk://` addresses: its settings, and which processes may start it.

Only processes that call `allow_java` may: workers, checks of Chat Servers, the poller. No web
process does.
"""

from django.conf import settings

from console.esp import jvm
from console.esp.psdk import sdk, tls


def jvm_settings() -> jvm.JvmSettings:
    """Return the operator's settings for Java."""
    return jvm.JvmSettings(
        classpath=tuple(settings.PSDK_CLASSPATH),
        java_home=settings.JAVA_HOME,
        options=tuple(settings.PSDK_JVM_OPTIONS),
    )


def allow_java() -> None:
    """Allow this process to start Java. Starts nothing yet."""
    jvm.allow(jvm_settings())
    tls.use(
        tls.TlsSettings(
            trust_store=settings.PSDK_TRUST_STORE,
            trust_store_password=settings.PSDK_TRUST_STORE_PASSWORD,
            key_store=settings.PSDK_KEY_STORE,
            key_store_password=settings.PSDK_KEY_STORE_PASSWORD,
        )
    )


def java_problems() -> list[str]:
    """Return what would prevent the use of `psdk://` addresses, each problem with its remedy."""
    return jvm.problems(jvm_settings(), classes=sdk.CLASSES, wanted_for=sdk.WANTED_FOR)
