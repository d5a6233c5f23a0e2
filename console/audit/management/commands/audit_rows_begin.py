"""manage.py audit_rows_begin"""

from typing import Any

from console.actors import system_actor
from console.audit.state.running import rows_begin
from console.site import commands


class Command(commands.Command):
    help = (
        "Tell the ledger the present state of all things of which only older entries tell, which "
        "did not tell whole rows. From now on they are compared. You vouch for their present state."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        number = rows_begin(system_actor("command line"))
        self.stdout.write(f"{number:,} things are told.")
