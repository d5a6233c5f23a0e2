"""Imports beside others who write: nobody's words are lost, and sending does not wait."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from console.accounts.models import User
from console.actors import system_actor
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_approve, version_create, version_submit
from console.catalogue.models import NoticeVersion
from console.catalogue.transfer import importing
from console.interactions.models import ChatServer
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = system_actor("tests")
TEXT = b"key,body:en\nlate,Newer.\n"


@pytest.fixture
def beside() -> Any:
    """Runs something in another thread, with a connection of its own, and answers its outcome."""

    def run(act: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
        found: list[Any] = []

        def work() -> None:
            try:
                found.append(act())
            except Exception as error:
                found.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=work)
        thread.start()
        return thread, found

    return run


def test_two_imports_of_the_same_file_make_one_draft(
    editor: User, make_notice: Callable[..., NoticeVersion], beside: Any
) -> None:
    make_notice("Old.", key="late")

    def act() -> Any:
        plan = importing.catalogue_import(editor.to_actor(), file_name="a.csv", content=TEXT)
        return [row.outcome.name for row in plan.rows]

    started = [beside(act) for _ in range(3)]
    for thread, _found in started:
        thread.join(60)

    assert sorted(str(found) for _thread, found in started) == [
        "[['CHANGED']]",
        "[['UNCHANGED']]",
        "[['UNCHANGED']]",
    ]
    assert NoticeVersion.objects.filter(notice__key="late").count() == 2


def test_editors_wait_for_an_import_and_senders_do_not(
    editor: User,
    approver: User,
    chat_server: ChatServer,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., NoticeVersion],
    beside: Any,
    settings: Any,
) -> None:
    settings.RESEND_GUARD_MINUTES = 10  # as on most sites: the guard takes turns by notice
    version = make_notice("Old.", key="late")
    waiting = make_notice("Other.", key="other")
    chat = make_interaction()
    draft = version_create(
        editor.to_actor(),
        waiting.notice,
        VersionContent(default_locale="en", bodies={"en": "Next."}),
    )
    version_submit(editor.to_actor(), draft)
    with transaction.atomic():
        importing._lock()
        sender, sent = beside(
            lambda: send_create(ROOT, SendOrder(notice_key="late", interactions=[chat.pk])).pk
        )
        sender.join(60)
        assert [type(answer) for answer in sent] == [int]
        writer, written = beside(
            lambda: version_create(
                ROOT, version.notice, VersionContent(default_locale="en", bodies={"en": "Mine."})
            )
        )
        decider, decided = beside(lambda: version_approve(approver.to_actor(), draft))
        writer.join(0.3)
        decider.join(0.3)
        assert (written, decided) == ([], [])
        plan = importing.catalogue_import(editor.to_actor(), file_name="a.csv", content=TEXT)
        assert not plan.is_refused
    for thread in (writer, decider):
        thread.join(60)
    assert getattr(written[0], "code", "") == "version_open"
    assert decided[0].status == "published"
