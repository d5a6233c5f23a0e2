"""The verifier and the witness stand alone: their files, Python and cryptography."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from console.audit import verify
from console.audit.checkpoints import new_key, public_key
from console.audit.services import audit_export, record
from tests.support.factories import ROOT


@pytest.mark.processes
@pytest.mark.django_db
def test_the_file_alone_verifies_an_export(settings, tmp_path: Path) -> None:
    settings.AUDIT_KEY = new_key()
    record(ROOT, "noted", target=("thing", 1, "Zoë"), data={"text": 'こんにちは \u2028 \\ " 👋'})
    export = tmp_path / "export.zip"
    audit_export(ROOT, export)
    alone = tmp_path / "elsewhere" / "verify.py"
    alone.parent.mkdir()
    shutil.copy(verify.__file__, alone)
    done = subprocess.run(
        [sys.executable, str(alone), str(export), "--key", public_key(settings.AUDIT_KEY)],
        cwd=alone.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("HOLDS\n")


@pytest.mark.processes
@pytest.mark.parametrize("name", ["verify", "witness"])
def test_it_imports_nothing_of_the_console_and_no_django(name: str) -> None:
    code = (
        f"import sys, console.audit.{name}\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('django', 'msgspec')\n"
        "       or (name.startswith('console.') and name not in "
        f"('console.audit', 'console.audit.{name}'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
