"""Decides for each chosen chat what it would get, or why it gets nothing. Writes nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.conf import settings

from console.actors import Actor, Permission
from console.catalogue.content import snippets
from console.catalogue.content.questions import answered, for_templates
from console.catalogue.kinds import traits
from console.catalogue.models import (
    VISIBILITY_ORDER,
    CannedNotice,
    NoticeVersion,
    VersionStatus,
    Visibility,
)
from console.catalogue.selectors import notice_get, versions
from console.catalogue.templating.filling.state import REQUEST_WORK, Budget
from console.catalogue.templating.rendering import BudgetSpent, RenderingRefused, renderer
from console.database.clock import database_now
from console.errors import InvalidInput, Unprocessable
from console.interactions.feed.events import says_offline
from console.interactions.models import Interaction
from console.interactions.selectors import chat_servers_enabled, interactions_visible
from console.sends.models import Delivery, Reason, Send
from console.sends.plan.contact_budget import within_budget
from console.sends.plan.limits import exceeded, guarded, quota_of, sent_alone
from console.sends.plan.nicknames import Nickname, chosen_nickname
from console.sends.plan.values import LeaveOut, SendOrder
from console.sends.plan.values import SendPlan as SendPlan
from console.sends.plan.values import Target as Target
from console.sends.reasons import (
    CHAT_SERVER_OFF,
    CHAT_SERVER_UNNAMED,
    CHAT_SERVER_UNREGISTERED,
    LANGUAGE_UNSAID,
    TEXT_ERASED,
    TEXT_MISSING,
    said,
)
from console.text.inputs import require_given
from console.text.language_tags import is_known
from console.text.sentences import term
from console.text.visible import is_blank
from console.text.wording import term_of


def plan_send(actor: Actor, order: SendOrder) -> SendPlan:
    """Return what a send would do. Chats that get the same notice within the guarded minutes are
    skipped, unless `ignore_recent`. Raises what `plan_order` raises."""
    now = database_now()
    return _with_quota(actor, with_others(actor, plan_order(actor, order, now), now), now)


def plan_order(actor: Actor, order: SendOrder, now: datetime) -> SendPlan:
    """Resolve the targets that the actor may see, check the notice, render each text. Other sends
    to these chats are not considered.

    Raises PermissionRefused for a notice that the actor may not send; NotFound for an unknown
    notice; Unprocessable if it can't be sent then, would reach a wider audience than it was
    approved for, lacks answers, takes too long to fill in, or has a nickname that nobody approved;
    InvalidInput for no targets, too many, or both ways at once, and for an empty option.
    """
    actor.require(Permission.SEND)
    actor.require_notice(order.notice_key)
    release_at = order.scheduled_at or now
    require_given(order.notice_key, field="notice")
    version = _version_of(actor, order, release_at)
    require_valid(version, at=release_at, now=now)
    chosen = _visibility(version, order.visibility)
    named = Nickname(version.nickname)
    if order.nickname is not None:
        named = chosen_nickname(actor, version, chosen, order.nickname)
    found = _targets(actor, order)
    answers = answered(version.fields, order.answers)
    planner = _Planner(actor, version, now, answers, order.leave_out)
    return SendPlan(
        version=version,
        visibility=chosen,
        nickname=named.text,
        nickname_from=named.source,
        nickname_preset=named.preset,
        targets=planner.targets(found),
        fields=answers,
        scheduled_at=order.scheduled_at,
        allows_repeat=order.ignore_recent,
        cover=order.of_stage.cover if order.of_stage else None,
    )


def plan_test(
    actor: Actor,
    version: NoticeVersion,
    chats: Sequence[Interaction],
    answers: Mapping[str, object],
    now: datetime,
) -> SendPlan:
    """Return what a test of this version would do in these test chats: as a send of it would, with
    the version's own visibility and nickname. Raises Unprocessable as `plan_order` does."""
    filled = answered(version.fields, answers)
    planner = _Planner(actor, version, now, filled, (), is_test=True)
    return SendPlan(
        version=version,
        visibility=version.visibility,
        nickname=version.nickname,
        targets=planner.targets([(chat.pk, chat) for chat in chats]),
        fields=filled,
        allows_repeat=True,
        is_test=True,
    )


def with_others(actor: Actor, plan: SendPlan, now: datetime) -> SendPlan:
    """Return the plan beside other sends: with the resend guard and the contact budget applied, and
    `sent_before` set."""
    release_at = plan.scheduled_at or now
    if not plan.allows_repeat:
        plan = guarded(plan, release_at=release_at, now=now)
    if settings.CONTACT_BUDGET:
        plan = within_budget(plan, release_at=release_at, now=now)
    return replace(plan, sent_before=sent_alone(actor, plan.version.notice, release_at))


def plan_retry(actor: Actor, send: Send, deliveries: Sequence[Delivery]) -> SendPlan:
    """Plan the same texts again for chats that can be reached now, where they are now."""
    servers = chat_servers_enabled()
    chats = interactions_visible(actor, live_only=False).in_bulk(
        [delivery.interaction_id for delivery in deliveries]
    )
    return SendPlan(
        version=send.version,
        visibility=send.visibility,
        nickname=send.nickname,
        nickname_from=send.nickname_from,
        targets=[
            _again(delivery, chats.get(delivery.interaction_id), servers) for delivery in deliveries
        ],
        fields=send.answers,
    )


def _again(delivery: Delivery, chat: Interaction | None, servers: dict[str, bool]) -> Target:
    """Return the target of a retry. A skipped target does not count as a retry: the delivery can
    still be retried later."""
    if chat is None:
        return _skipped(delivery.interaction_id, None, Reason.NOT_ALLOWED)
    obstacle = _obstacle(chat, servers)
    if obstacle:
        return _skipped(chat.pk, chat, *obstacle)
    if not delivery.body:
        return _skipped(chat.pk, chat, Reason.EMPTY_TEXT, TEXT_ERASED())
    return Target(
        interaction_id=chat.pk,
        customer_name=delivery.customer_name,
        locale=delivery.locale,
        body=delivery.body,
        chat_server_name=chat.chat_server_name,
        retry_of=delivery.pk,
        chat_locale=delivery.chat_locale,
    )


def _with_quota(actor: Actor, plan: SendPlan, now: datetime) -> SendPlan:
    quota = None if plan.cover else quota_of(actor, now)
    if quota is None:
        return plan
    refusal = exceeded(quota, len(plan.ready), now)
    return replace(plan, quota_left=quota.left, quota_refusal=refusal)


def _version_of(actor: Actor, order: SendOrder, at: datetime) -> NoticeVersion:
    if order.of_stage is None:
        return _version_at(actor, order.notice_key, at)
    return pinned_version(actor, order.notice_key, order.of_stage.version)


def pinned_version(actor: Actor, notice_key: str, number: int) -> NoticeVersion:
    """Return the version that was reviewed with a playbook. It is sent even if another is published
    later. Raises Unprocessable if it was never approved, or its notice is retired."""
    notice = notice_get(actor, notice_key)
    if notice.retired_at is not None:
        raise _retired(notice)
    version = versions(actor, notice).filter(number=number).first()
    if version is None or version.status not in WERE_APPROVED:
        raise Unprocessable(
            "version_not_approved",
            "Version {number} of the notice {notice} is not published. Choose another in the "
            "playbook.",
            number=number,
            notice=notice.key,
        )
    return version


WERE_APPROVED = (VersionStatus.PUBLISHED, VersionStatus.SCHEDULED, VersionStatus.SUPERSEDED)


def _version_at(actor: Actor, notice_key: str, at: datetime) -> NoticeVersion:
    """Return the version that is in effect when the send is to leave. A scheduled version counts
    from its time on, whether or not a worker has published it by then."""
    notice = notice_get(actor, notice_key)
    if not traits(notice.kind).is_sent:
        raise Unprocessable(
            "notice_is_snippet",
            "{notice} is a snippet, which stands in other notices. Send one of these.",
            notice=notice.key,
        )
    its_own = versions(actor, notice)
    version = its_own.in_effect(at).first()
    if version is None:  # require_valid refuses one that is still to come
        version = its_own.filter(status=VersionStatus.SCHEDULED).first()
    if version is None and notice.retired_at is None:
        raise Unprocessable(
            "notice_not_published",
            "The notice {notice} has no published version. An approver has to publish one.",
            notice=notice.key,
        )
    if version is None:
        raise _retired(notice)
    return version


def require_valid(version: NoticeVersion, *, at: datetime, now: datetime) -> None:
    """Raise Unprocessable if the notice is retired or the version is not valid `at` that time."""
    if version.notice.retired_at is not None:
        raise _retired(version.notice)
    if not is_valid_at(version.valid_from, version.valid_until, at):
        when = term("now") if at <= now else term("at that time")
        raise Unprocessable(
            "notice_expired",
            "The notice {notice} is not valid {when}; see its validity.",
            notice=version.notice.key,
            when=when,
        )


def _retired(notice: CannedNotice) -> Unprocessable:
    return Unprocessable("notice_retired", "The notice {notice} is retired.", notice=notice.key)


def is_valid_at(start: datetime | None, end: datetime | None, now: datetime) -> bool:
    return (start is None or start <= now) and (end is None or now < end)


def _visibility(version: NoticeVersion, wanted: str | None) -> str:
    """Return the sender's choice. It may narrow a notice's audience, never widen it."""
    if wanted is None:
        return version.visibility
    require_given(wanted, field="visibility")
    if wanted not in Visibility.values:
        raise InvalidInput(
            "unknown_visibility",
            "{wanted!r} is no visibility: choose {known}.",
            wanted=wanted,
            known=Visibility.values,
        )
    order = [str(visibility) for visibility in VISIBILITY_ORDER]
    if order.index(wanted) < order.index(version.visibility):
        raise Unprocessable(
            "visibility_widened",
            "This notice was approved for {approved} ({text_visibility}); it can't be sent to "
            "{label} ({wanted}).",
            approved=term_of(Visibility(version.visibility).label),
            text_visibility=version.visibility,
            label=term_of(Visibility(wanted).label),
            wanted=wanted,
        )
    return wanted


def _targets(actor: Actor, order: SendOrder) -> list[tuple[str, Interaction | None]]:
    if sum(each is not None for each in (order.interactions, order.filter, order.audience)) != 1:
        raise InvalidInput(
            "no_targets", "Say which chats: either by their ids, by a filter or by an audience."
        )
    if order.filter is not None:
        order.filter.require_said()
    if order.matching is not None:
        found = list(interactions_visible(actor, order.matching)[: settings.TARGET_LIMIT + 1])
        chosen: list[tuple[str, Interaction | None]] = [(chat.pk, chat) for chat in found]
    else:
        unique = list(dict.fromkeys(order.interactions or ()))
        _require_within_limit(unique)  # before they are checked and looked up
        _check_ids(unique)
        visible = interactions_visible(actor, live_only=False).in_bulk(unique)
        chosen = [(interaction_id, visible.get(interaction_id)) for interaction_id in unique]
    if not chosen:
        raise InvalidInput("no_targets", "No chat was chosen. Choose at least one.")
    _require_within_limit(chosen)
    return chosen


def _require_within_limit(chosen: Sequence[object]) -> None:
    if len(chosen) > settings.TARGET_LIMIT:
        raise InvalidInput(
            "too_many_targets",
            "More than {limit:,} chats were chosen. Narrow the choice.",
            limit=settings.TARGET_LIMIT,
        )


def _check_ids(ids: Sequence[object]) -> None:
    for interaction_id in ids:
        if (
            not isinstance(interaction_id, str)
            or not 0 < len(interaction_id) <= 64
            or not interaction_id.isprintable()
            or is_blank(interaction_id)
        ):
            raise InvalidInput(
                "invalid_interaction_id",
                "{interaction!r} is no interaction id: a text of 1 to 64 characters.",
                interaction=str(interaction_id)[:64],
            )


class _Planner:
    """Plans the targets of a send; does only once what is the same for all."""

    def __init__(
        self,
        actor: Actor,
        version: NoticeVersion,
        now: datetime,
        fields: Mapping[str, Any],
        leave_out: Collection[str],
        *,
        is_test: bool = False,
    ) -> None:
        self.version = version
        self.is_test = is_test
        self.leave_out = leave_out
        self.kind = version.notice.kind
        self.servers = chat_servers_enabled()
        among = snippets.loaded([version.snippets])
        budget = Budget(REQUEST_WORK)
        self.renderers = {
            locale: renderer(
                self.kind,
                body,
                sender_name=actor.name,
                now=now,
                snippets=snippets.words(version.snippets, locale, among),
                fields=for_templates(version.fields, fields),
                locale=locale,
                budget=budget,
            )
            for locale, body in version.bodies.items()
        }

    def targets(self, chats: Sequence[tuple[str, Interaction | None]]) -> list[Target]:
        """Plan all targets. Raises Unprocessable if filling in the text for all takes too long."""
        planned: list[Target] = []
        try:
            for interaction_id, chat in chats:
                planned.append(self.plan(interaction_id, chat))
        except BudgetSpent as error:
            raise Unprocessable(
                "too_much_to_fill_in",
                "Filling in this text takes too long for {count:,} chats: it was done for "
                "{done:,}. Choose fewer chats, or have the text made simpler.",
                count=len(chats),
                done=len(planned),
            ) from error
        return planned

    def plan(self, interaction_id: str, chat: Interaction | None) -> Target:
        if chat is None:
            return _skipped(interaction_id, None, Reason.NOT_ALLOWED)
        obstacle = _obstacle(chat, self.servers, is_test=self.is_test)
        if obstacle:
            return _skipped(interaction_id, chat, *obstacle)
        locale, is_own = self.version.match_for(chat.locale)
        left_out = None if is_own else _left_out(chat.locale, self.leave_out)
        if left_out:
            return _skipped(interaction_id, chat, *left_out)
        try:
            body = self.renderers[locale](chat)
        except RenderingRefused as refusal:
            return _skipped(interaction_id, chat, refusal.reason, refusal.said)
        return Target(
            interaction_id=interaction_id,
            customer_name=chat.customer_name,
            locale=locale,
            body=body,
            chat_server_name=chat.chat_server_name,
            chat_locale=chat.locale,
        )


def _left_out(chat_locale: str, leave_out: Collection[str]) -> tuple[str, str] | None:
    """Return why a chat without a text in its own language is left out, if the sender chose so."""
    if not is_known(chat_locale):
        is_left = LeaveOut.UNKNOWN_LANGUAGE in leave_out
        return (Reason.UNKNOWN_LANGUAGE, LANGUAGE_UNSAID()) if is_left else None
    if LeaveOut.OTHER_LANGUAGE not in leave_out:
        return None
    return Reason.NO_TEXT_IN_LANGUAGE, TEXT_MISSING(locale=chat_locale)


def _obstacle(
    chat: Interaction, servers: dict[str, bool], *, is_test: bool = False
) -> tuple[str, str] | None:
    return (
        mixing_obstacle(is_test_chat=chat.is_test, is_test=is_test)
        or chat_obstacle(
            ended=chat.ended_at is not None, is_online=chat.is_online, user_data=chat.user_data
        )
        or server_obstacle(chat.chat_server_name, servers)
    )


def mixing_obstacle(*, is_test_chat: bool, is_test: bool) -> tuple[str, str] | None:
    """Return why nothing of this send may go to this chat: a test goes to test chats alone, and
    they get nothing else."""
    if is_test_chat == is_test:
        return None
    reason = Reason.TEST_CHAT if is_test_chat else Reason.NO_TEST_CHAT
    return reason, said(reason)


def chat_obstacle(
    *, ended: bool, is_online: bool, user_data: dict[str, object]
) -> tuple[str, str] | None:
    """Return why nothing may go to this chat: docs/domain.md section 2, step 1."""
    if ended or not is_online or says_offline(user_data):
        return Reason.OFFLINE, said(Reason.OFFLINE)
    return None


def server_obstacle(name: str, servers: dict[str, bool]) -> tuple[str, str] | None:
    """Return why the chat's Chat Server can't be used. `servers` maps names to enabled."""
    if not name:
        return Reason.UNKNOWN_CHAT_SERVER, CHAT_SERVER_UNNAMED()
    if name not in servers:
        return Reason.UNKNOWN_CHAT_SERVER, CHAT_SERVER_UNREGISTERED(name=name)
    if not servers[name]:
        return Reason.CHAT_SERVER_DISABLED, CHAT_SERVER_OFF(name=name)
    return None


def _skipped(
    interaction_id: str, chat: Interaction | None, reason: str, detail: str = ""
) -> Target:
    return Target(
        interaction_id=interaction_id,
        customer_name=chat.customer_name if chat else "",
        chat_server_name=chat.chat_server_name if chat else "",
        reason=str(reason),
        detail=detail or said(Reason(reason)),
        chat_locale=chat.locale if chat else None,
    )
