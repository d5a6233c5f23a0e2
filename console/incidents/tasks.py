"""Background jobs of incidents. They take one job slot in one worker."""

import time

from procrastinate import JobContext
from procrastinate.contrib.django import app

from console.incidents.services.following import incidents_follow
from console.incidents.services.keeping import answers_expire
from console.sends.engine.dispatcher import Dispatch

# A standing stage looks for new chats so often.
LOOK_SECONDS = 0.5
# A job looks for so long; the next one goes on.
JOB_SECONDS = 1.8


@app.periodic(cron="* * * * * */2")
@app.task(name="console.incidents.tasks.follow", queueing_lock="incidents", pass_context=True)
def follow(context: JobContext, timestamp: int) -> None:
    """Every two seconds; while a stage stands, look for new chats all the time.

    It does not wait for the job before, whose worker may be lost. Two at the same time take
    different incidents.
    """
    dispatch: Dispatch = context.additional_context["dispatch"]
    until = time.monotonic() + JOB_SECONDS
    while incidents_follow():
        if dispatch.stopping.is_set() or time.monotonic() > until:
            return
        time.sleep(LOOK_SECONDS)


@app.periodic(cron="7 5 * * *")
@app.task(name="console.incidents.tasks.forget_answers", queueing_lock="forget_answers")
def forget_answers(timestamp: int) -> None:
    """Every night, after texts were erased, erase the answers that stood in them."""
    answers_expire()
