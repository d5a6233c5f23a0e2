"""The process of an import: `python -m console.catalogue.transfer.jobs.importer JOB`.

A process of its own keeps the largest file from slowing down the worker that sends: it shares
neither the interpreter, which runs one thread at a time, nor the memory, and it yields processor
time to all others.
"""

import os
import resource
import sys

import django
from django.conf import settings

from console.site.processes import end_with_parent

# Below pages (0) and workers (5).
NICENESS = 15
# Exit status for lack of memory; nothing else exits with it.
NO_MEMORY = 77


def main(job_id: int) -> None:
    end_with_parent()
    os.nice(max(0, NICENESS - os.nice(0)))
    django.setup()
    _bound_memory(settings.IMPORT_MEMORY)

    # Possible only after Django's setup.
    from console.catalogue.transfer.jobs.control import import_job_run

    try:
        import_job_run(job_id)
    except MemoryError:
        os._exit(NO_MEMORY)  # anything else would need memory


def _bound_memory(most: int) -> None:
    """Limit Python's memory: beyond the limit the import ends with a MemoryError."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


if __name__ == "__main__":
    main(int(sys.argv[1]))
