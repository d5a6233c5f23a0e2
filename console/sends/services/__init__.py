"""All writes of sends and deliveries.

`sending` is what people and programs ask for; `control`, `approval` and `retrying` what they do
with it afterwards, `switch` with all sends; `deliveries` is what the dispatcher does;
`erasing` ends the keeping of texts, and `proving` gives a proof out.
"""

from console.sends.services.approval import send_approve, send_reject, send_reschedule
from console.sends.services.control import send_cancel, send_pause, send_resume
from console.sends.services.erasing import interaction_erase
from console.sends.services.proving import send_prove
from console.sends.services.retrying import retry_seen, send_retry_failed, send_retry_unknown
from console.sends.services.sending import require_key, send_create, send_preview
from console.sends.services.switch import sending_restart, sending_stop

__all__ = [
    "interaction_erase",
    "require_key",
    "retry_seen",
    "send_approve",
    "send_cancel",
    "send_create",
    "send_pause",
    "send_preview",
    "send_prove",
    "send_reject",
    "send_reschedule",
    "send_resume",
    "send_retry_failed",
    "send_retry_unknown",
    "sending_restart",
    "sending_stop",
]
