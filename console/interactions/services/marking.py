"""Writes which live chats are test chats, as an administrator says. The feed may say it too."""

from django.db import transaction

from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.database import notifications
from console.database.clock import database_now
from console.errors import Conflict, NotFound
from console.interactions.models import Interaction
from console.text.inputs import require_given


def interaction_mark_test(actor: Actor, *, interaction_id: str) -> Interaction:
    """Make a live chat a test chat. From now on it is in no list or count, and gets only tests.

    Raises NotFound; Conflict if it has ended, or is a test chat already.
    """
    return _mark(actor, interaction_id, is_test=True)


def interaction_unmark_test(actor: Actor, *, interaction_id: str) -> Interaction:
    """Make a live test chat an ordinary one. Tests that wait for it are skipped. Raises NotFound;
    Conflict if it has ended, or is no test chat."""
    return _mark(actor, interaction_id, is_test=False)


def _mark(actor: Actor, interaction_id: str, *, is_test: bool) -> Interaction:
    actor.require(Permission.ADMINISTER)
    require_given(interaction_id, field="interaction")
    with transaction.atomic():
        found = Interaction.objects.select_for_update(of=("self",), no_key=True)
        chat = found.filter(pk=interaction_id).first()
        if chat is None:
            raise NotFound(
                "interaction_not_found",
                "There is no chat {interaction}.",
                interaction=interaction_id,
            )
        _require_change(chat, is_test=is_test)
        chat.is_test = is_test
        # An event of before this moment changes nothing any more.
        chat.test_told_at, chat.test_told_sequence = database_now(), -1
        chat.save(update_fields=["is_test", "test_told_at", "test_told_sequence"])
        action = Action.INTERACTION_TEST_NAMED if is_test else Action.INTERACTION_TEST_ENDED
        audit.record(actor, action, target=("interaction", chat.pk, chat.pk), data={})
        notifications.publish_chats([chat.pk])
    return chat


def _require_change(chat: Interaction, *, is_test: bool) -> None:
    if not chat.is_live:
        raise Conflict(
            "chat_has_ended",
            "The chat {interaction} has ended. Name one that is live.",
            {"field": "interaction"},
            interaction=chat.pk,
        )
    if chat.is_test and is_test:
        raise Conflict(
            "is_test_chat",
            "The chat {interaction} is a test chat already.",
            {"field": "interaction"},
            interaction=chat.pk,
        )
    if not chat.is_test and not is_test:
        raise Conflict(
            "is_no_test_chat",
            "The chat {interaction} is no test chat.",
            {"field": "interaction"},
            interaction=chat.pk,
        )
