"""Writes that nothing more of an incident leaves: nobody has confirmed its emergency in time."""

from contextlib import suppress

from console.actors import Actor
from console.audit.actions import Action
from console.errors import Conflict
from console.sends.control.pausing import announce, lock_send, record_control, send_resume
from console.sends.models import Send, SendStatus
from console.sends.reasons import EMERGENCY_UNCONFIRMED

WITHHELD = (SendStatus.HOLDING, SendStatus.RUNNING, SendStatus.PAUSED)


def incident_sends_withhold(actor: Actor, incident_id: int) -> list[int]:
    """Pause what would leave of an incident, and let nobody resume anything of it, nor a canary by
    itself, before `incident_sends_let_go`. Return the ids of the sends that this paused. Call it in
    a transaction."""
    paused = []
    live = Send.objects.filter(incident_id=incident_id, status__in=WITHHELD).order_by("pk")
    for send in live:
        locked = lock_send(send)
        if locked.status not in WITHHELD:
            continue
        locked.is_unconfirmed = True
        if locked.status != SendStatus.PAUSED:
            locked.status, locked.pause_reason = SendStatus.PAUSED, EMERGENCY_UNCONFIRMED()
            record_control(actor, locked, Action.SEND_PAUSED)
            paused.append(locked.pk)
        locked.save(update_fields=["status", "pause_reason", "is_unconfirmed"])
        announce(locked)
    return paused


def incident_sends_let_go(actor: Actor, incident_id: int) -> None:
    """Let go on what `incident_sends_withhold` paused. What was paused before stays so, and can be
    resumed again. Call it in a transaction."""
    withheld = Send.objects.filter(incident_id=incident_id, is_unconfirmed=True).order_by("pk")
    sends = list(withheld.select_for_update(no_key=True))
    Send.objects.filter(pk__in=[send.pk for send in sends]).update(is_unconfirmed=False)
    for send in sends:
        announce(send)
        if send.pause_reason == EMERGENCY_UNCONFIRMED():
            with suppress(Conflict):  # somebody was faster
                send_resume(actor, send)
