"""Writes the ledger's entries of sends and deliveries.

One entry holds the deliveries of one send that ended together at one Chat Server with one outcome.
So a broadcast needs few entries, and the hash still covers the outcome of each delivery. Texts are
included only as salted digests.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from console.actors import Actor
from console.audit.actions import Action
from console.audit.chain import canonical_data, text_digest
from console.audit.services import Record, Target, record_many
from console.catalogue.content import snippets
from console.catalogue.models import NoticeClass, NoticeVersion
from console.database.committing import add_to_commit
from console.sends.models import Send

# An entry should stay short enough for a person to read.
DELIVERIES_AN_ENTRY = 500


# What the deliveries of an entry share: send, outcome, Chat Server, method and visibility.
Together = tuple[int, str, str, str, str]


# The actions of ended deliveries, each with the status of its deliveries.
ENDED = {
    Action.DELIVERIES_DELIVERED: "delivered",
    Action.DELIVERIES_FAILED: "failed",
    Action.DELIVERIES_UNKNOWN: "unknown",
    Action.DELIVERIES_SKIPPED: "skipped",
    Action.DELIVERIES_CANCELLED: "cancelled",
}
ACTIONS = {status: action for action, status in ENDED.items()}
DELIVERED = ENDED[Action.DELIVERIES_DELIVERED]
# See migration 0027_counting.
COUNT = """
SELECT sends_count(%s::bigint[], %s::text[], %s::int[], %s::bigint[], %s::int[], %s::int[])
"""


def write_records(actor: Actor, records: Sequence[Record]) -> None:
    """Append entries to the ledger, and count the created sends and the ended deliveries in them,
    with the commit of the transaction.

    The counts are written under the chain's lock, for which all that end deliveries queue anyway.
    """
    record_many(actor, records)
    created = Counter[Any](
        record.target[1] for record in records if record.action == Action.SEND_CREATED
    )
    counts: Counter[tuple[Any, str]] = Counter()
    for record in records:
        if record.action in ENDED:
            counts[record.target[1], ENDED[record.action]] += len(record.data["deliveries"])
    used = sorted(created.keys() | {send for send, status in counts if status == DELIVERED})
    if counts or used:
        keys = sorted(counts)
        values = [
            *([send for send, _ in keys], [status for _, status in keys]),
            [counts[key] for key in keys],
            *(used, [created[send] for send in used], [counts[send, DELIVERED] for send in used]),
        ]
        add_to_commit(COUNT, values)


def send_target(send: Send) -> Target:
    return target_of(send.pk)


def target_of(send_id: int) -> Target:
    return ("send", send_id, f"send {send_id}")


def send_finished(send_id: int, counts: dict[str, int]) -> Record:
    """Return the entry of a finished send. `counts` are its deliveries by status."""
    return Record(Action.SEND_FINISHED, target_of(send_id), {"counts": counts})


def ended_delivery(
    pk: int,
    interaction_id: str,
    attempts: int,
    body: str,
    body_salt: str,
    reason: str = "",
    reference_id: int | None = None,
    fault_code: str = "",
) -> dict[str, Any]:
    """Return what an entry says about one delivery. Empty values are left out."""
    said: dict[str, Any] = {"id": pk, "interaction": interaction_id, "attempts": attempts}
    if body:
        said["text_sha256"] = text_digest(body, body_salt)
    if reason:
        said["reason"] = str(reason)
    if reference_id is not None:
        said["reference_id"] = reference_id
    if fault_code:
        said["fault_code"] = fault_code
    return said


def deliveries_ended(ended: Iterable[tuple[Together, dict[str, Any]]]) -> Iterator[Record]:
    """Yield the entries of ended deliveries, each given as `ended_delivery` returns it."""
    groups: defaultdict[Together, list[dict[str, Any]]] = defaultdict(list)
    for together, said in ended:
        groups[together].append(said)
    for (send_id, status, chat_server, method, visibility), deliveries in groups.items():
        shared = {"chat_server": chat_server, "method": method, "visibility": visibility}
        for start in range(0, len(deliveries), DELIVERIES_AN_ENTRY):
            part = deliveries[start : start + DELIVERIES_AN_ENTRY]
            said = {**shared, "deliveries": part}
            yield Record(ACTIONS[status], target_of(send_id), said)


def version_facts(version: NoticeVersion) -> dict[str, Any]:
    """Return what was sent: the texts, including those of the snippets in them, and the two people
    responsible for them. Never changes."""
    facts = {
        "notice": version.notice.key,
        "kind": version.notice.kind,
        "number": version.number,
        "default_locale": version.default_locale,
        "bodies": version.bodies,
        "message_type": version.message_type,
        "author_ref": version.author_ref,
        "author_name": version.author_name,
        "reviewer_ref": version.reviewer_ref,
        "reviewer_name": version.reviewer_name,
    }
    # Left out if empty or routine, so that older digests stay valid.
    if version.notice_class not in ("", NoticeClass.ROUTINE):
        facts["notice_class"] = version.notice_class
    if version.fields:
        facts["fields"] = version.fields
    if version.snippets:
        among = snippets.loaded([version.snippets])
        facts["snippets"] = [version_facts(among[pin]) for pin in sorted(version.snippets.items())]
    return facts


def version_digest(version: NoticeVersion) -> str:
    """Return the SHA-256 of `version_facts` in the ledger's form. A send's entry contains it."""
    return hashlib.sha256(canonical_data(version_facts(version))).hexdigest()
