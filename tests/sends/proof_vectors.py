"""Makes docs/examples/delivery-proof-vectors.json: python -m tests.sends.proof_vectors"""

import json
from dataclasses import replace
from pathlib import Path

from tests.sends import proof_maker as maker
from tests.sends import test_approvals_in_proofs as approvals
from tests.sends.approval_maker import APPROVERS
from tests.sends.proof_maker import CONSOLE, WITNESSES, Maker
from tests.sends.test_verify_page import BROKEN

FILE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "delivery-proof-vectors.json"
ERASED = Maker(more={})
# One for each part of step 10.
OF_APPROVALS = (
    *("a key that the approver did not name", "another challenge", "another site's number"),
    *("another origin", "a new key's answer", "nobody touched the key", "another's signature"),
    *("another content", "another approver", "asked for an hour before", "a key that counts back"),
    *("it leaves at another time", "other chats than were asked for", "a member more"),
    *("no key, where the rule required one", "a statement that was used before"),
    *("a request that was confirmed", "other rows than were signed"),
    *("other words than were approved",),
)
SMALL = replace(maker.small(), witnesses=WITNESSES)


def written() -> str:
    """Proofs that hold, and for each step of docs/proof-format.md some that break it."""
    vectors = [
        {"name": "a proof", "holds": True, "proof": Maker().file().decode()},
        {"name": "a small proof", "holds": True, "proof": SMALL.file().decode()},
        {"name": "the text was erased", "holds": True, "proof": ERASED.file().decode()},
    ]
    seen: dict[int, int] = {}
    for name, (step, make) in BROKEN.items():
        seen[step] = seen.get(step, 0) + 1
        try:
            text = make().decode()
        except UnicodeDecodeError:
            continue
        if seen[step] <= 2:
            vectors.append({"name": name, "holds": False, "step": step, "proof": text})
    for name, make in approvals.HOLD.items():
        vectors.append({"name": name, "holds": True, "proof": make().decode()})
    for name in OF_APPROVALS:
        text = approvals.BROKEN[name]().decode()
        vectors.append({"name": name, "holds": False, "step": 10, "proof": text})
    said = {
        "public_key": maker.b64(maker.public(CONSOLE)),
        "witnesses": [maker.vkey(name) for name in WITNESSES],
        "needed": len(WITNESSES),
        "approvers": APPROVERS,
        "vectors": vectors,
    }
    return json.dumps(said, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(written(), "utf-8")
