"""Whose backups are: the one who takes old ones away must be able to."""

import os
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.support.demos import data_folder

pytestmark = pytest.mark.django_db(transaction=True)

SOMEBODY = 54_321
OF_ROOT = "console-20200101T000000Z"


@pytest.fixture
def folder() -> Iterator[Path]:
    with data_folder() as made:
        yield made


def whole_ones(folder: Path) -> set[str]:
    return {path.parent.name for path in folder.glob("console-*Z/manifest.json")}


def backup(folder: Path) -> str:
    said = StringIO()
    call_command("backup", str(folder), keep=1, stdout=said)
    return said.getvalue()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave what others can't take away")
def test_root_leaves_none_in_anothers_folder(folder: Path) -> None:
    os.chown(folder, SOMEBODY, SOMEBODY)
    with pytest.raises(CommandError, match=r"belongs to another user.*notice-console backup"):
        backup(folder)
    assert list(folder.iterdir()) == []


def test_one_that_is_anothers_is_said_and_not_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can't be looked into, and so was taken for none."""
    (folder / OF_ROOT).mkdir(mode=0o700)
    monkeypatch.setattr("os.geteuid", lambda: SOMEBODY)
    with pytest.raises(CommandError, match=f"was made, but 2 .*another user's.*{OF_ROOT}.*chown"):
        backup(folder)
    assert (folder / OF_ROOT).is_dir()
    assert len(whole_ones(folder)) == 1
