"""Makes docs/examples/delivery-proof-vectors.json: python -m tests.sends.proof_vectors"""

import json
from dataclasses import replace
from pathlib import Path

from tests.sends import proof_maker as maker
from tests.sends.proof_maker import CONSOLE, WITNESSES, Maker
from tests.sends.test_verify_page import BROKEN

FILE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "delivery-proof-vectors.json"
ERASED = Maker(more={})
SMALL = replace(maker.small(), witnesses=WITNESSES)


def written() -> str:
    """Three proofs that hold, and for each step of docs/proof-format.md two that break it."""
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
    said = {
        "public_key": maker.b64(maker.public(CONSOLE)),
        "witnesses": [maker.vkey(name) for name in WITNESSES],
        "needed": len(WITNESSES),
        "vectors": vectors,
    }
    return json.dumps(said, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(written(), "utf-8")
