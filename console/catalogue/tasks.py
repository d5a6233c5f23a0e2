"""Background jobs of the catalogue."""

from procrastinate.contrib.django import app

from console.catalogue.content.versions import versions_publish
from console.catalogue.transfer.jobs.control import TASK, import_job_failed
from console.catalogue.transfer.jobs.importer import NO_MEMORY
from console.catalogue.transfer.jobs.processes import run_apart

SECONDS_TO_ROOM = 2


@app.periodic(cron="* * * * *")
@app.task(name="console.catalogue.tasks.publish", queueing_lock="publish")
def publish(timestamp: int) -> None:
    """Publish the scheduled versions that are due, every minute."""
    versions_publish()


@app.task(name=TASK)
def run_import(job_id: int) -> None:
    """Check or import an uploaded file in a process of its own.

    The import is one transaction: if the worker dies, nothing of it is written.
    """
    status = run_apart(job_id)
    if status is None:
        again = app.configure_task(TASK, schedule_in={"seconds": SECONDS_TO_ROOM})
        again.defer(job_id=job_id)
    elif status:
        import_job_failed(job_id, for_memory=status == NO_MEMORY)
