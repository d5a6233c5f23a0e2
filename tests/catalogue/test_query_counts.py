"""A catalogue's pages ask the database as often for 50 notices as for 10."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from console.accounts.models import User
from console.actors import system_actor
from console.catalogue.models import NoticeVersion
from console.catalogue.transfer.catalogue_export_record import catalogue_export
from console.catalogue.transfer.importing import catalogue_restore
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db

PATHS = (
    "/notices/",
    "/notices/?q=notice",
    "/api/v1/notices/",
    "/api/v1/notices/?q=notice",
    "/notices/first/edit/",
    "/notices/export/",
)


def queries(do: Callable[[], Any]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as made:
        do()
    return len(made)


def test_pages_do_not_ask_for_each_notice(
    editor: User, make_notice: Callable[..., NoticeVersion]
) -> None:
    client = sign_in(Client(), editor)
    bodies = {"en": "Hello.", "pt-BR": "Olá.", "de": "Hallo."}
    make_notice(key="first", bodies=bodies)
    found: dict[int, dict[str, int]] = {}
    for number in (10, 50):
        while NoticeVersion.objects.count() < number:
            make_notice(bodies=bodies)
        for path in PATHS:
            client.get(path)  # what is read once
        found[number] = {path: queries(lambda path=path: client.get(path)) for path in PATHS}  # type: ignore[misc]
    assert found[10] == found[50]


def test_neither_exports_nor_imports_do(make_notice: Callable[..., NoticeVersion]) -> None:
    root = system_actor("tests")
    found = []
    for number in (10, 50):
        while NoticeVersion.objects.count() < number:
            make_notice()
        content = catalogue_export(root, file_name="a.json")[0]
        others = content.replace(b'"key": "', b'"key": "other-%d-' % number)
        exporting = queries(lambda: catalogue_export(root, file_name="a.json"))
        importing = queries(
            lambda others=others: catalogue_restore(root, file_name="a.json", content=others)  # type: ignore[misc]
        )
        found.append((exporting, importing))
    assert found[0] == found[1]
