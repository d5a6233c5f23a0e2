"""Writes that the file of an incident was made, and returns the file."""

import hashlib
import json
from typing import IO

from django.db import transaction

from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.incidents.incident_file import incident_lines
from console.incidents.models import Incident
from console.incidents.services.stages import target_of

# Who may have the file: it names customers' chats and what was said to them.
EXPORTERS = (Permission.VIEW_HISTORY, Permission.SEND)


def incident_export(actor: Actor, incident: Incident, file: IO[bytes]) -> None:
    """Write the file of an incident into `file`, and into the ledger that it was made, with its
    digest. It has what the actor may know of the chats. Raises PermissionRefused."""
    actor.require(*EXPORTERS)
    digest, rows = hashlib.sha256(), 0
    for line in incident_lines(actor, incident):
        part = (json.dumps(line, ensure_ascii=False) + "\n").encode()
        file.write(part)
        digest.update(part)
        rows += 1
    with transaction.atomic():
        audit.record(
            actor,
            Action.INCIDENT_EXPORTED,
            target=target_of(incident),
            data={"sha256": digest.hexdigest(), "rows": rows},
        )
    file.seek(0)
