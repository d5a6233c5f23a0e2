"""How sends and deliveries stand in the ledger."""

from console.audit.chain import text_digest
from console.audit.services import Record, Target
from console.sends.models import Delivery, Send


def send_target(send: Send) -> Target:
    return ("send", send.pk, f"send {send.pk}")


def delivery_ended(
    *,
    status: str,
    pk: int,
    send_id: int,
    interaction_id: str,
    method: str,
    visibility: str,
    chat_server_name: str,
    reason: str,
    reference_id: int | None,
    fault_code: str,
    attempts: int,
    body: str,
    body_salt: str,
) -> Record:
    """The entry of a delivery that has ended. Its text is there as a salted digest alone."""
    return Record(
        f"delivery.{status}",
        ("delivery", pk, f"send {send_id} to {interaction_id}"),
        {
            "send": send_id,
            "interaction": interaction_id,
            "method": method,
            "visibility": visibility,
            "chat_server": chat_server_name,
            "reason": str(reason),
            "reference_id": reference_id,
            "fault_code": fault_code,
            "attempts": attempts,
            "text_sha256": text_digest(body, body_salt) if body else "",
        },
    )


def delivery_record(delivery: Delivery, *, visibility: str) -> Record:
    """`delivery_ended` from a row."""
    return delivery_ended(
        status=delivery.status,
        pk=delivery.pk,
        send_id=delivery.send_id,
        interaction_id=delivery.interaction_id,
        method=delivery.method,
        visibility=visibility,
        chat_server_name=delivery.chat_server_name,
        reason=delivery.reason,
        reference_id=delivery.reference_id,
        fault_code=delivery.fault_code,
        attempts=delivery.attempts,
        body=delivery.body,
        body_salt=delivery.body_salt,
    )
