"""The settings of a stream, and entries that may be streamed."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from console.audit.actions import Action
from console.audit.services import Record, record_many
from console.audit.siem.positions import streams_begin
from console.audit.siem.settings import chosen_actions, destinations
from tests.support.authority import Authority, make_authority
from tests.support.factories import ROOT


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def streamed(settings: Any, authority: Authority) -> Callable[..., str]:
    """Set receivers up, let their streams begin, and return the first one's name."""

    def set_up(*addresses: str, actions: str = "*") -> str:
        settings.SIEM_TO = destinations(" ".join(addresses))
        settings.SIEM_ACTIONS = chosen_actions(actions)
        settings.SIEM_CA = str(authority.ca)
        streams_begin()
        return settings.SIEM_TO[0].name

    return set_up


@pytest.fixture
def enter(db: None) -> Callable[..., None]:
    """Enter so many entries, each a saved view with a name of its own and some data."""

    def make(number: int, action: Action = Action.VIEW_CREATED, **data: Any) -> None:
        made = {"audience_sha256": "0" * 64, **data}
        with transaction.atomic():
            record_many(
                ROOT, [Record(action, ("view", n, f"View {n}"), made) for n in range(number)]
            )

    return make
