"""The policy in static/verify-delivery.html: it allows that file's own script and style by their
digests, and nothing else. After a change of the file: python -m tests.support.page_policy"""

import base64
import hashlib
import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "static" / "verify-delivery.html"
POLICY = re.compile(r'(<meta http-equiv="Content-Security-Policy" content=")([^"]*)')


def inside(text: str, element: str) -> str:
    """Return what is in the only element of this name."""
    (found,) = re.findall(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
    return str(found)


def policy_of(text: str) -> str:
    """Return the policy that a page must have which consists of this text."""
    script, style = (_digest(inside(text, element)) for element in ("script", "style"))
    return (
        f"default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'none'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def with_policy(text: str) -> str:
    return POLICY.sub(lambda found: found[1] + policy_of(text), text, count=1)


if __name__ == "__main__":
    PAGE.write_text(with_policy(PAGE.read_text("utf-8")), "utf-8")
