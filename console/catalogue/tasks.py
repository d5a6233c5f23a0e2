"""What workers do for the catalogue."""

from procrastinate.contrib.django import app

from console.catalogue.services import versions_publish
from console.catalogue.services.import_jobs import TASK, import_job_run


@app.periodic(cron="* * * * *")
@app.task(name="console.catalogue.tasks.publish", queueing_lock="publish")
def publish(timestamp: int) -> None:
    """Every minute: scheduled versions whose time has come take their place."""
    versions_publish()


@app.task(name=TASK)
def run_import(job_id: int) -> None:
    """Check or import a file that a person has uploaded. It is one transaction: a worker that dies
    leaves nothing of it."""
    import_job_run(job_id)
