"""The process of an export: `python -m console.exports.exporter EXPORT`."""

import os
import sys

import django

from console.site.processes import end_with_parent

# Below pages (0) and workers (5).
NICENESS = 15
# A statement that takes longer is ended, and reads less the next time (console.exports.reading). It
# is less than LOST_AFTER, so that a run that is alive gives its signs in time.
STATEMENT_SECONDS = 20.0
LOCK_SECONDS = 10.0
IDLE_SECONDS = 5.0


def main(export_id: int) -> None:
    end_with_parent()
    os.nice(max(0, NICENESS - os.nice(0)))
    django.setup()

    # Possible only after Django's setup.
    from console.database.sessions import Limits, use_limits
    from console.exports.running import export_run

    use_limits(
        Limits(statement=STATEMENT_SECONDS, lock=LOCK_SECONDS, idle_in_transaction=IDLE_SECONDS)
    )
    export_run(export_id)


if __name__ == "__main__":
    main(int(sys.argv[1]))
