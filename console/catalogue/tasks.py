"""The jobs of the catalogue."""

from procrastinate.contrib.django import app

from console.catalogue.services import versions_publish


@app.periodic(cron="* * * * *")
@app.task(name="console.catalogue.tasks.publish", queueing_lock="publish")
def publish(timestamp: int) -> None:
    """Every minute: scheduled versions whose time has come take their place."""
    versions_publish()
