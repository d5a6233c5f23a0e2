"""All writes of sends and deliveries.

`sending` is what people and programs ask for; `deliveries` is what the dispatcher does with it.
"""

from console.sends.services.sending import send_cancel, send_create, send_preview

__all__ = ["send_cancel", "send_create", "send_preview"]
