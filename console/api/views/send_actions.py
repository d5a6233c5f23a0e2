"""What is done with a send once it is decided on, and with all of them at once."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.actors import Permission
from console.api.base import ConsoleView, needs
from console.api.serializers import sends as serializers
from console.api.serializers.common import RejectInput
from console.api.things import ThingView, action
from console.sends import selectors
from console.sends.control import approval, pausing, retry, stop_switch
from console.sends.models import Send
from console.sends.plan.schedule import moment

SEND = {200: serializers.SendOutput}
RETRY = {201: serializers.SendOutput}
STOP = {200: serializers.StopOutput}


class SendAction(ThingView):
    """What the views of actions share."""

    def load(self, send_id: int) -> Send:
        return selectors.send_get(self.actor, send_id)

    def show(self, send: Send) -> Any:
        return serializers.SendOutput(selectors.send_with_counts(self.actor, send)).data


class CancelSend(SendAction):
    @action("Stop a send", Permission.SEND, Permission.ADMINISTER, responses=SEND)
    def post(self, send: Send) -> Send:
        """What waits is cancelled; what is on the wire gets its true outcome. For the sender and
        for administrators."""
        return pausing.send_cancel(self.actor, send)


class PauseSend(SendAction):
    @action("Pause a send", Permission.SEND, Permission.ADMINISTER, responses=SEND)
    def post(self, send: Send) -> Send:
        """Nothing more leaves; what is on the wire gets its true outcome."""
        return pausing.send_pause(self.actor, send)


class ResumeSend(SendAction):
    @action("Resume a paused send", Permission.SEND, Permission.ADMINISTER, responses=SEND)
    def post(self, send: Send) -> Send:
        """What waits has a whole time to live again."""
        return pausing.send_resume(self.actor, send)


class ApproveSend(SendAction):
    @action("Approve a send", Permission.APPROVE_SENDS, responses=SEND)
    def post(self, send: Send) -> Send:
        """Others' sends alone. It leaves at its time; where that has come, at once."""
        return approval.send_approve(self.actor, send, confirmation=self.confirmation)


class RejectSend(SendAction):
    @action("Reject a send", Permission.APPROVE_SENDS, takes=RejectInput, responses=SEND)
    def post(self, send: Send, *, reason: str) -> Send:
        """Others' sends alone: nothing of it leaves."""
        return approval.send_reject(self.actor, send, reason=reason)


class RescheduleSend(SendAction):
    @action(
        "Give a send another time",
        Permission.SEND,
        takes=serializers.RescheduleInput,
        responses=SEND,
    )
    def post(self, send: Send, *, scheduled_at: datetime, time_zone: str | None = None) -> Send:
        """One that is scheduled or awaits approval. What was approved awaits approval again."""
        at = moment(scheduled_at, time_zone or "")
        return approval.send_reschedule(self.actor, send, scheduled_at=at, time_zone=time_zone)


class RetryFailed(SendAction):
    @action("Try again what failed", Permission.SEND, responses=RETRY)
    def post(self, send: Send) -> Send:
        """201 with a new send to those chats. Each delivery is tried again once at most, so that
        repeating this is safe: 409 says that it was done."""
        return retry.send_retry_failed(self.actor, send)


class RetryUnknown(SendAction):
    @action(
        "Try again what is unknown",
        Permission.SEND,
        takes=serializers.RetryUnknownInput,
        responses=RETRY,
    )
    def post(self, send: Send, **given: Any) -> Send:
        """201 with a new send to those chats, whose customers may then see it twice."""
        return retry.send_retry_unknown(self.actor, send, **given)


class AllSending(ConsoleView):
    @extend_schema(summary="See whether all sending is stopped", responses=STOP)
    @needs(Permission.VIEW_CHAT_SERVERS, Permission.ADMINISTER)
    def get(self, request: Request) -> Response:
        self.actor.require(Permission.VIEW_CHAT_SERVERS, Permission.ADMINISTER)
        return Response(serializers.StopOutput(selectors.sending_stopped()).data)

    @extend_schema(summary="Stop all sending", request=serializers.StopInput, responses=STOP)
    @needs(Permission.ADMINISTER)
    def put(self, request: Request) -> Response:
        """Nothing more is taken to the wire, whoever sent it. Sends can still be made, and wait."""
        reason = self.read(serializers.StopInput)["reason"]
        stop = stop_switch.sending_stop(self.actor, reason=reason)
        return Response(serializers.StopOutput(stop).data)

    @extend_schema(summary="Let sending go on", responses={204: None})
    @needs(Permission.ADMINISTER)
    def delete(self, request: Request) -> Response:
        """What waited has a whole time to live again."""
        stop_switch.sending_restart(self.actor)
        return Response(status=204)
