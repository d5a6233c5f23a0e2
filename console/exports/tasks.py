"""Background jobs of exports."""

from procrastinate import JobContext
from procrastinate.contrib.django import app

from console.exports.processes import run_apart
from console.exports.running import export_let_go, export_lost, exports_sweep
from console.exports.services import TASK

SECONDS_TO_ROOM = 2


@app.task(name=TASK, pass_context=True)
def run_export(context: JobContext, export_id: int) -> None:
    """Write an export's file in a process of its own. If this worker stops, another begins anew."""
    stopping = context.additional_context["dispatch"].stopping
    status = run_apart(export_id, stopping=stopping.is_set)
    if status is None:
        again = app.configure_task(TASK, schedule_in={"seconds": SECONDS_TO_ROOM})
        again.defer(export_id=export_id)
    elif stopping.is_set():
        export_let_go(export_id)
    elif status:
        export_lost(export_id)


@app.periodic(cron="* * * * * */15")
@app.task(name="console.exports.tasks.sweep", queueing_lock="sweep_exports")
def sweep(timestamp: int) -> None:
    """Every 15 seconds, begin lost exports anew, and delete what is not needed any more."""
    exports_sweep()
