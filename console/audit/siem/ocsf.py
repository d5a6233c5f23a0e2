"""Makes an event of OCSF (Open Cybersecurity Schema Framework) of a message. Pure."""

from typing import Any

from console.audit.chain import canonical_time, sorted_json
from console.audit.siem.events import ACCOUNT, AUTHENTICATION, CATEGORY_NAME, CATEGORY_UID, ENTITY
from console.audit.siem.message import PRODUCT, VENDOR, Message

VERSION = "1.8.0"
SEVERITIES = {1: "Informational", 2: "Low", 3: "Medium", 4: "High"}
STATUSES = {0: "Unknown", 1: "Success", 2: "Failure"}
USER, SYSTEM, SERVICE = 1, 3, 4
USER_TYPES = {"user": USER, "system": SYSTEM, "client": SERVICE}
USER_TYPE_NAMES = {USER: "User", SYSTEM: "System", SERVICE: "Service"}
# How the ledger refers to who is a target, as to who is an actor.
ACCOUNTS = {"user": "user", "api_client": "client"}
OTHER_TYPE = 99


def ocsf(message: Message, version: str) -> bytes:
    """Return the event as JSON. `version` is the console's."""
    meaning = message.meaning
    event_class, activity = meaning.event_class, meaning.activity
    event: dict[str, Any] = {
        "activity_id": activity,
        "activity_name": meaning.activity_name,
        "category_name": CATEGORY_NAME,
        "category_uid": CATEGORY_UID,
        "class_name": event_class.name,
        "class_uid": event_class.uid,
        "message": message.words,
        "metadata": _metadata(message, version),
        "severity": SEVERITIES[meaning.severity],
        "severity_id": int(meaning.severity),
        "status": STATUSES[meaning.outcome],
        "status_id": int(meaning.outcome),
        "time": message.milliseconds,
        "type_name": f"{event_class.name}: {meaning.activity_name}",
        "type_uid": event_class.uid * 100 + activity,
        "actor": {"user": _user(message.actor_ref, message.actor_name)},
        "unmapped": _unmapped(message),
    }
    if event_class == ENTITY:
        event["entity"] = _entity(message)
    elif event_class in (ACCOUNT, AUTHENTICATION):
        event["user"] = _target_user(message)
    if event_class == AUTHENTICATION:
        event["service"] = {"name": PRODUCT, "version": version}
    if message.address is not None:
        event["src_endpoint"] = {"ip": str(message.address)}
    return sorted_json(event)


def _metadata(message: Message, version: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "event_code": message.action,
        "log_name": "ledger",
        "original_time": canonical_time(message.at),
        "product": {"name": PRODUCT, "vendor_name": VENDOR, "version": version},
        "sequence": message.seq,
        "version": VERSION,
    }
    if message.hash:
        said |= {"original_event_uid": str(message.seq), "uid": message.hash}
    if message.left_out:
        said["is_truncated"] = True
    return said


def _user(ref: str, name: str) -> dict[str, Any]:
    kind = USER_TYPES.get(ref.partition(":")[0], OTHER_TYPE)
    said = {"type": USER_TYPE_NAMES.get(kind, "Other"), "type_id": kind, "uid": ref, "name": name}
    return {field: value for field, value in said.items() if value != ""}


def _target_user(message: Message) -> dict[str, Any]:
    """The account that is acted upon. It may be a name that nobody has, without an id."""
    prefix = ACCOUNTS.get(message.target_kind, message.target_kind)
    ref = f"{prefix}:{message.target_ref}" if message.target_ref else ""
    said = _user(ref, message.target_name)
    kind = USER_TYPES.get(prefix, OTHER_TYPE)
    return {**said, "type": USER_TYPE_NAMES.get(kind, "Other"), "type_id": kind}


def _entity(message: Message) -> dict[str, Any]:
    said = {"type": message.target_kind or "ledger", "type_id": OTHER_TYPE}
    said |= {"uid": message.target_ref, "name": message.target_name or message.target_kind}
    return {field: value for field, value in said.items() if value != ""}


def _unmapped(message: Message) -> dict[str, Any]:
    said: dict[str, Any] = {"follows": message.follows}
    if message.hash:
        said |= {"hash": message.hash, "prev_hash": message.prev_hash}
    if message.data:
        said["data"] = message.data
    if message.left_out:
        said["left_out"] = message.left_out
    return said
