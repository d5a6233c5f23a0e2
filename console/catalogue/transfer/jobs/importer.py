"""The process in which an import runs: `python -m console.catalogue.transfer.jobs.importer JOB`.

It is a process of its own, so that the largest file takes nothing from the worker that sends: not
its interpreter, which runs one thread at a time, not its memory, and of the machine's processors
what others leave.
"""

import os
import resource
import sys

import django
from django.conf import settings

from console.site.processes import end_with_parent

# After pages (0) and workers (5).
NICENESS = 15
# How it ends where the memory was too little; nothing else does so.
NO_MEMORY = 77


def main(job_id: int) -> None:
    end_with_parent()
    os.nice(max(0, NICENESS - os.nice(0)))
    django.setup()
    _bound_memory(settings.IMPORT_MEMORY)

    # Once Django is set up.
    from console.catalogue.transfer.jobs.control import import_job_run

    try:
        import_job_run(job_id)
    except MemoryError:
        os._exit(NO_MEMORY)  # whatever else would be done takes memory


def _bound_memory(most: int) -> None:
    """What Python asks for above that it does not get: the import ends with a MemoryError."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


if __name__ == "__main__":
    main(int(sys.argv[1]))
