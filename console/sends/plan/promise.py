"""The promise of a preview: how a send is made, and which chats it reaches at most.

It travels with the page (or a program) to the send. The send may do less, since chats end while
somebody reads a preview, but never more. A send that differs from the promise is refused.
"""

import base64
import binascii
import hashlib
import json
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from console.errors import Conflict
from console.sends.models import Reason
from console.sends.plan.values import SendPlan, Target
from console.sends.reasons import said
from console.text.sentences import counted, term

# Enough for 10,000 chats, the most that a send may have, with the longest ids and a margin.
WRITTEN_LIMIT = 1_000_000
READ_LIMIT = 2_000_000
TERM_LENGTH = 16
# How the message names each changed term.
CHANGES = {
    "notice": term("another notice was chosen"),
    "version": term("the notice has another version"),
    "visibility": term("who would see it has changed"),
    "nickname": term("the nickname has changed"),
    "fields": term("what is filled in has changed"),
    "scheduled_at": term("the time has changed"),
    "allows_repeat": term("whether it goes again to who just got it has changed"),
}


@dataclass(frozen=True, slots=True)
class Promise:
    """`terms` are digests of how the send is made, by the names of CHANGES. `ready` maps each chat
    that was ready to the language of the notice in which it gets it."""

    terms: Mapping[str, str]
    needs_approval: bool
    ready: Mapping[str, str]
    skipped: frozenset[str]

    @classmethod
    def of(cls, plan: SendPlan) -> Self:
        return cls(
            terms=_terms(plan),
            needs_approval=plan.needs_approval,
            ready={target.interaction_id: target.locale for target in plan.ready},
            skipped=frozenset(target.interaction_id for target in plan.skipped),
        )

    @classmethod
    def read(cls, written: str) -> Self:
        """Read a promise. Raises Conflict if it can't be read, as after an upgrade."""
        try:
            packed = base64.urlsafe_b64decode(written)
            whole = json.loads(zlib.decompressobj().decompress(packed, READ_LIMIT))
            return cls(
                terms={str(name): str(digest) for name, digest in whole["terms"].items()},
                needs_approval=bool(whole["needs_approval"]),
                ready={str(chat): locale for locale, ids in whole["ready"].items() for chat in ids},
                skipped=frozenset(str(chat) for chat in whole["skipped"]),
            )
        except (
            *(binascii.Error, zlib.error, ValueError, KeyError, TypeError, AttributeError),
            RecursionError,
        ) as error:
            raise Conflict(
                "plan_unreadable",
                "Nothing was sent: the preview before you can't be read any more. Look at the new "
                "preview, then send again.",
            ) from error

    def written(self) -> str:
        """Return the promise for `read`: compressed, in URL-safe characters."""
        by_locale: dict[str, list[str]] = {}
        for chat, locale in self.ready.items():
            by_locale.setdefault(locale, []).append(chat)
        whole = {
            "terms": dict(self.terms),
            "needs_approval": self.needs_approval,
            "ready": by_locale,
            "skipped": sorted(self.skipped),
        }
        packed = zlib.compress(json.dumps(whole, separators=(",", ":")).encode())
        return base64.urlsafe_b64encode(packed).decode()

    @property
    def chats(self) -> list[str]:
        """All chats of the preview in its order, the skipped ones last."""
        return [*self.ready, *sorted(self.skipped)]

    def bound(self, plan: SendPlan, *, matching: Collection[str] | None = None) -> SendPlan:
        """Return the plan without the chats that the promise does not cover, each with its reason.
        `matching` are the chats that match the sender's filter now; None without a filter."""
        targets = [self._bound(target, matching) for target in plan.targets]
        return replace(plan, targets=targets, awaits_approval=self.needs_approval)

    def _bound(self, target: Target, matching: Collection[str] | None) -> Target:
        chat = target.interaction_id
        if target.reason:
            return target
        if matching is not None and chat not in matching:
            return _left_out(target, Reason.NO_LONGER_MATCHES)
        if chat in self.skipped:
            return _left_out(target, Reason.NOT_PREVIEWED)
        if chat in self.ready and self.ready[chat] != target.locale:
            return _left_out(target, Reason.OTHER_LANGUAGE)
        return target

    def require_kept(self, plan: SendPlan) -> None:
        """Raise Conflict, naming the changes, if the plan differs from the promise or reaches
        more."""
        terms = _terms(plan)
        changed = [name for name in CHANGES if terms[name] != self.terms.get(name)]
        if "notice" in changed:
            changed = ["notice"]
        news = [CHANGES[name] for name in changed]
        more = len({target.interaction_id for target in plan.targets} - set(self.chats))
        if more:
            news.append(counted("{n} more chat was chosen", "{n:,} more chats were chosen", n=more))
        if plan.needs_approval and not self.needs_approval:
            news.append(term("it has come to need a second person's approval"))
        if news:
            raise Conflict(
                "plan_changed",
                "Nothing was sent: since the preview {news:and_also}. Look at the new "
                "preview, then send again.",
                {"changed": changed, "ready": len(plan.ready)},
                news=news,
            )


def _terms(plan: SendPlan) -> dict[str, str]:
    values: dict[str, Any] = {
        "notice": plan.version.notice_id,
        "version": plan.version.pk,
        "visibility": plan.visibility,
        "nickname": plan.nickname,
        "fields": plan.fields,
        "scheduled_at": plan.scheduled_at and plan.scheduled_at.timestamp(),
        "allows_repeat": plan.allows_repeat,
    }
    return {name: _digest(value) for name, value in values.items()}


def _digest(value: object) -> str:
    whole = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(whole.encode()).hexdigest()[:TERM_LENGTH]


def _left_out(target: Target, reason: Reason) -> Target:
    return Target(
        interaction_id=target.interaction_id,
        customer_name=target.customer_name,
        chat_server_name=target.chat_server_name,
        reason=reason.value,
        detail=said(reason),
    )
