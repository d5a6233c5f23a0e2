"""What is done with a send once it is decided on, and with all of them at once."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.actors import Permission
from console.api.base import ConsoleView, needs
from console.api.serializers import sends as serializers
from console.api.serializers.common import RejectInput
from console.sends import selectors
from console.sends.control import approval, pausing, retry, stop_switch
from console.sends.models import Send
from console.sends.plan.schedule import moment

SEND = {200: serializers.SendOutput}
RETRY = {201: serializers.SendOutput}
STOP = {200: serializers.StopOutput}


class SendAction(ConsoleView):
    """What the views of actions share."""

    def send(self, send_id: int) -> Send:
        return selectors.send_get(self.actor, send_id)

    def answer(self, send: Send, status: int = 200) -> Response:
        """The send as it is afterwards."""
        output: Any = serializers.SendOutput(selectors.send_with_counts(self.actor, send)).data
        return Response(output, status=status)


class CancelSend(SendAction):
    @extend_schema(summary="Stop a send", request=None, responses=SEND)
    @needs(Permission.SEND, Permission.ADMINISTER)
    def post(self, request: Request, send_id: int) -> Response:
        """What waits is cancelled; what is on the wire gets its true outcome. For the sender and
        for administrators."""
        return self.answer(pausing.send_cancel(self.actor, self.send(send_id)))


class PauseSend(SendAction):
    @extend_schema(summary="Pause a send", request=None, responses=SEND)
    @needs(Permission.SEND, Permission.ADMINISTER)
    def post(self, request: Request, send_id: int) -> Response:
        """Nothing more leaves; what is on the wire gets its true outcome."""
        return self.answer(pausing.send_pause(self.actor, self.send(send_id)))


class ResumeSend(SendAction):
    @extend_schema(summary="Resume a paused send", request=None, responses=SEND)
    @needs(Permission.SEND, Permission.ADMINISTER)
    def post(self, request: Request, send_id: int) -> Response:
        """What waits has a whole time to live again."""
        return self.answer(pausing.send_resume(self.actor, self.send(send_id)))


class ApproveSend(SendAction):
    @extend_schema(summary="Approve a send", request=None, responses=SEND)
    @needs(Permission.APPROVE_SENDS)
    def post(self, request: Request, send_id: int) -> Response:
        """Others' sends alone. It leaves at its time; where that has come, at once."""
        return self.answer(approval.send_approve(self.actor, self.send(send_id)))


class RejectSend(SendAction):
    @extend_schema(summary="Reject a send", request=RejectInput, responses=SEND)
    @needs(Permission.APPROVE_SENDS)
    def post(self, request: Request, send_id: int) -> Response:
        """Others' sends alone: nothing of it leaves."""
        reason = self.read(RejectInput)["reason"]
        return self.answer(approval.send_reject(self.actor, self.send(send_id), reason=reason))


class RescheduleSend(SendAction):
    @extend_schema(
        summary="Give a send another time", request=serializers.RescheduleInput, responses=SEND
    )
    @needs(Permission.SEND)
    def post(self, request: Request, send_id: int) -> Response:
        """One that is scheduled or awaits approval. What was approved awaits approval again."""
        send = self.send(send_id)
        given = self.read(serializers.RescheduleInput)
        zone = given.get("time_zone")
        at = moment(given["scheduled_at"], zone or "")
        return self.answer(
            approval.send_reschedule(self.actor, send, scheduled_at=at, time_zone=zone)
        )


class RetryFailed(SendAction):
    @extend_schema(summary="Try again what failed", request=None, responses=RETRY)
    @needs(Permission.SEND)
    def post(self, request: Request, send_id: int) -> Response:
        """201 with a new send to those chats. Each delivery is tried again once at most, so that
        repeating this is safe: 409 says that it was done."""
        return self.answer(retry.send_retry_failed(self.actor, self.send(send_id)), 201)


class RetryUnknown(SendAction):
    @extend_schema(
        summary="Try again what is unknown",
        request=serializers.RetryUnknownInput,
        responses=RETRY,
    )
    @needs(Permission.SEND)
    def post(self, request: Request, send_id: int) -> Response:
        """201 with a new send to those chats, whose customers may then see it twice."""
        send = self.send(send_id)
        given = self.read(serializers.RetryUnknownInput)
        return self.answer(retry.send_retry_unknown(self.actor, send, **given), 201)


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
