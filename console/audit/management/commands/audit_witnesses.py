"""manage.py audit_witnesses"""

from typing import Any

from django.core.management.base import CommandError

from console.audit.tlog.tree import current_log, verifiers
from console.audit.witnessing.collecting import cosignatures_collect
from console.audit.witnessing.quorum import Witnessing, witnessing
from console.audit.witnessing.timestamps import timestamp_make
from console.site import commands


class Command(commands.Command):
    help = (
        "Ask the witnesses now for their cosignatures over the newest head of the tree, as workers "
        "do every five minutes, and tell what each has said. Exits with 1 if the policy's quorum "
        "is not met."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        log = current_log()
        if log is None:
            raise CommandError("There is no tree yet: a worker begins it, or manage.py audit_tree.")
        for key in verifiers(log.origin):
            self.stdout.write(f"Key of the log: {key.vkey()}")
        timestamp_make()
        cosignatures_collect()
        found = witnessing()
        if found is None:
            raise CommandError("CONSOLE_WITNESS_POLICY is not set, so there are no witnesses.")
        self._tell(found)
        if not found.policy.is_met(()) and found.quorum is None:
            raise CommandError("No quorum has cosigned any of the newest heads.")

    def _tell(self, found: Witnessing) -> None:
        for standing in found.standings:
            said = standing.trouble or "cosigned"
            since = ""
            if standing.cosigned is not None:
                since = f" (newest: {standing.cosigned.size:,} entries, {standing.cosigned.at})"
            self.stdout.write(f"{standing.witness.shown}: {said}{since}")
        if found.quorum is not None:
            self.stdout.write(f"A quorum has cosigned {found.quorum.size:,} entries.")
