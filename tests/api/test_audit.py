"""The audit trail by API: entries, checkpoints, and the export."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from console.accounts.models import User
from console.audit.checkpoints import new_key, public_key
from console.audit.services import checkpoint_make, record
from console.audit.verify import Keys, verify_export
from tests.support.calling import Caller
from tests.support.factories import ROOT
from tests.support.signing_in import sign_in


@pytest.fixture(autouse=True)
def _keys(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_KEY = new_key()
    settings.CHECKPOINTS_TO = str(tmp_path)


@pytest.fixture
def reader(auditor: User) -> Caller:
    record(ROOT, "noted", target=("thing", 1, "T"))
    client = Client()
    sign_in(client, auditor)
    return Caller(client, {})


def test_checkpoints_are_listed_as_they_were_signed(reader: Caller) -> None:
    assert reader.get("audit/checkpoints/")["results"] == []
    made = checkpoint_make()
    assert made is not None
    (shown,) = reader.get("audit/checkpoints/")["results"]
    assert shown.pop("outside_at")
    assert {name: value for name, value in shown.items() if value is not None} == made.said


def test_the_export_verifies(reader: Caller, settings: Any, tmp_path: Path) -> None:
    checkpoint_make()
    answer = reader.raw("GET", "audit/export/")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/zip"
    content = b"".join(answer)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(tmp_path / "export")
    keys = Keys([public_key(settings.AUDIT_KEY)])
    assert verify_export(tmp_path / "export", keys).holds


def test_without_a_key_the_export_says_what_is_missing(reader: Caller, settings: Any) -> None:
    settings.AUDIT_KEY = ""
    status, answer = reader("GET", "audit/export/")
    assert (status, answer["code"]) == (503, "no_audit_key")


@pytest.mark.parametrize("path", ["audit/export/?since=1", "audit/checkpoints/?seq=1"])
def test_a_filter_that_is_not_there_is_refused(path: str, reader: Callable[..., Any]) -> None:
    status, answer = reader("GET", path)
    assert (status, answer["code"]) == (400, "unknown_filter")
