"""Background jobs of webhooks. They take one job slot in one worker."""

from procrastinate import JobContext
from procrastinate.contrib.django import app

from console.database.job_sessions import in_own_thread
from console.sends.engine.dispatcher import Dispatch
from console.webhooks.courier import carry
from console.webhooks.services import facts_gather, messages_forget


@app.periodic(cron="* * * * * */2")
@app.task(name="console.webhooks.tasks.tell", queueing_lock="webhooks", pass_context=True)
async def tell(context: JobContext, timestamp: int) -> None:
    """Turn new events into messages, and deliver what is due, every two seconds."""
    await in_own_thread(facts_gather)
    dispatch: Dispatch = context.additional_context["dispatch"]
    await carry(dispatch.stopping)


@app.periodic(cron="27 3 * * *")
@app.task(name="console.webhooks.tasks.forget", queueing_lock="webhooks-forget")
async def forget(timestamp: int) -> None:
    """Delete messages that ended before the retention period, every night."""
    while await in_own_thread(messages_forget):
        pass
