"""Java, for Chat Servers with `psdk://` addresses: by the settings, and where it may start.

Those processes may that call `allow_java`: workers, checks of Chat Servers, the poller. No web
process does.
"""

from django.conf import settings

from console.esp import jvm
from console.esp.psdk import sdk, tls


def jvm_settings() -> jvm.JvmSettings:
    """What the operator has set for Java."""
    return jvm.JvmSettings(
        classpath=tuple(settings.PSDK_CLASSPATH),
        java_home=settings.JAVA_HOME,
        options=tuple(settings.PSDK_JVM_OPTIONS),
    )


def allow_java() -> None:
    """This process may start Java. Nothing is started yet."""
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
    """What would keep `psdk://` addresses from being reached, each with what to do."""
    return jvm.problems(jvm_settings(), classes=sdk.CLASSES, wanted_for=sdk.WANTED_FOR)
