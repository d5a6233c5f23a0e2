"""Writes tests: an unpublished version, sent through the whole engine to test chats."""

from collections.abc import Mapping, Sequence

from django.db import IntegrityError, transaction

from console.accounts.own_work import is_own
from console.actors import Actor, Permission
from console.catalogue.content import snippets
from console.catalogue.content.notices import require_not_retired
from console.catalogue.kinds import traits
from console.catalogue.models import NoticeVersion, VersionStatus
from console.database.clock import database_now
from console.errors import Conflict, InvalidInput, PermissionRefused, Unprocessable
from console.interactions.models import Interaction
from console.interactions.selectors import chats_for_tests
from console.sends.models import Send
from console.sends.plan.planner import plan_test
from console.sends.plan.sending import new_send, require_key, send_write
from console.sends.plan.testable import TESTABLE
from console.sends.plan.values import digest

CHATS_MOST = 20


def send_test_create(
    actor: Actor,
    version: NoticeVersion,
    *,
    interactions: Sequence[str],
    answers: Mapping[str, object] | None = None,
    idempotency_key: str | None = None,
) -> Send:
    """Send the actor's own unpublished version to test chats. It is an ordinary send otherwise: it
    obeys the pace and the stop switch, and the ledger says that it was a test.

    Raises PermissionRefused for somebody else's version; Conflict for one that is published, for a
    retired notice and for a key that was used for another order; InvalidInput for no chats or too
    many; Unprocessable if one of them is no live test chat that the actor sees, or if answers are
    missing.
    """
    actor.require(Permission.EDIT_CATALOGUE)
    _require_testable(actor, version)
    order = digest("test", version.pk, sorted(set(interactions)), dict(answers or {}))
    if (known := _known(actor, idempotency_key, order)) is not None:
        return known
    chats = _chats(actor, interactions)
    now = database_now()
    plan = plan_test(actor, _with_snippets(version), chats, answers or {}, now)
    try:
        with transaction.atomic():
            send = new_send(
                actor,
                plan,
                now=now,
                target={"interactions": [chat.pk for chat in chats]},
                idempotency_key=idempotency_key or "",
                request_digest=order,
            )
            send_write(actor, send, plan, now=now, facts={})
    except IntegrityError:  # the same request committed first
        if (known := _known(actor, idempotency_key, order)) is None:
            raise
        return known
    return send


def _with_snippets(version: NoticeVersion) -> NoticeVersion:
    """Return the version. A draft has the snippets that it would be submitted with now."""
    if version.status == VersionStatus.DRAFT:
        version.snippets = snippets.usable(snippets.named(version), version.notice)
    return version


def _require_testable(actor: Actor, version: NoticeVersion) -> None:
    if not is_own(actor, version.author_ref):
        raise PermissionRefused(
            "not_author",
            "Only {author}, who wrote this version, may send it to a test chat.",
            author=version.author_name,
        )
    require_not_retired(version.notice)
    if not traits(version.notice.kind).is_sent:
        raise Unprocessable(
            "notice_is_snippet",
            "{notice} is a snippet, which stands in other notices. Send one of these.",
            notice=version.notice.key,
        )
    if version.status not in TESTABLE:
        raise Conflict(
            "version_not_testable",
            "This version is published, or was. Only one that is still to be published is tried "
            "out in test chats.",
        )


def _chats(actor: Actor, ids: Sequence[str]) -> list[Interaction]:
    unique = list(dict.fromkeys(ids))
    if not unique:
        raise InvalidInput(
            "no_targets", "Choose at least one test chat.", {"field": "interactions"}
        )
    if len(unique) > CHATS_MOST:
        raise InvalidInput(
            "too_many_targets",
            "A test goes to at most {limit:,} chats.",
            {"field": "interactions"},
            limit=CHATS_MOST,
        )
    found = chats_for_tests(actor).in_bulk(unique)
    others = [each for each in unique if each not in found]
    if others:
        raise Unprocessable(
            "no_test_chat",
            "{interaction} is no live test chat that you see, and a test goes nowhere else. "
            "Nothing was sent.",
            {"field": "interactions"},
            interaction=others[0][:64],
        )
    return [found[each] for each in unique]


def _known(actor: Actor, key: str | None, order: str) -> Send | None:
    if key is None:
        return None
    require_key(key)
    send = Send.objects.select_related("version__notice").filter(
        actor_ref=actor.ref, idempotency_key=key
    )
    known = send.first()
    if known is not None and known.request_digest != order:
        raise Conflict(
            "idempotency_key_reused",
            "This Idempotency-Key was used for another send. Use a new key for a new send.",
            {"send": known.pk},
        )
    if known is not None:
        known.is_replayed = True
    return known
