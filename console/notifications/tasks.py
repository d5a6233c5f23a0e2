"""Background jobs of notifications. They take one job slot in one worker."""

from procrastinate import JobContext
from procrastinate.contrib.django import app

from console.database.job_sessions import in_own_thread
from console.notifications.courier import carry
from console.notifications.services import matters_forget, matters_gather, matters_press
from console.sends.engine.dispatcher import Dispatch


@app.periodic(cron="* * * * * */2")
@app.task(name="console.notifications.tasks.tell", queueing_lock="notifications", pass_context=True)
async def tell(context: JobContext, timestamp: int) -> None:
    """Find what waits for somebody, remind of it, and send what is due, every two seconds."""
    await in_own_thread(matters_gather)
    await in_own_thread(matters_press)
    dispatch: Dispatch = context.additional_context["dispatch"]
    await carry(dispatch.stopping)


@app.periodic(cron="37 3 * * *")
@app.task(name="console.notifications.tasks.forget", queueing_lock="notifications-forget")
async def forget(timestamp: int) -> None:
    """Delete what ended long ago, every night."""
    while await in_own_thread(matters_forget):
        pass
