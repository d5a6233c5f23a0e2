"""Incidents while everything moves: chats come, go, move between Chat Servers and change; stages
stand, pause, are followed up and closed; their sends are paused, stopped and tried again; workers
die and requests come back unsent.

Whatever the order, each chat gets each stage at most once, never an older one after a newer one and
never more than its budget; and nobody who matches is missing without a reason once the follower has
looked.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from console.database.clock import database_now
from console.errors import ConsoleError
from console.incidents.models import Incident, Stage, StageTarget
from console.incidents.playbook_content import StageContent
from console.incidents.services import following
from console.incidents.services.incidents import (
    incident_close,
    incident_start,
    stage_pause,
    stage_resume,
    stage_start,
)
from console.incidents.services.stages import not_yet_reached
from console.interactions.models import ChatServer, Interaction
from console.interactions.services import Lease, chat_server_lease_release
from console.sends.control.pausing import send_cancel, send_pause, send_resume
from console.sends.control.retry import send_retry_failed
from console.sends.engine.outcomes import ClaimedDelivery, Ending, Postponement
from console.sends.engine.record import deliveries_abandon, deliveries_recover, drain_step
from console.sends.models import Delivery, DeliveryStatus, Reason, Send
from console.sends.plan.contact_settings import contact_budget
from tests.support.factories import ROOT, make_interaction, make_notice, make_playbook
from tests.support.working import lease_take

SERVERS = ("chat-east", "chat-west")
PICK = st.integers(0, 1000)
SERVER = st.sampled_from(SERVERS)
NUMBERS = count(1)
STAGES = ("known", "update", "solved")
BUDGET = 2
OUTCOMES = {
    "delivered": (DeliveryStatus.DELIVERED, ""),
    "failed": (DeliveryStatus.FAILED, Reason.REFUSED),
    "unknown": (DeliveryStatus.UNKNOWN, Reason.NO_ANSWER),
}


class Outage(RuleBasedStateMachine):
    """`on_the_wire` has the claims of each Chat Server's worker; `journal` what was written, in its
    order; `shown` how many of these each customer saw or may have seen, `got` of which stage."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = f"queue-{next(NUMBERS)}"
        self.chats: dict[str, dict[str, Any]] = {}
        self.on_the_wire: dict[str, dict[UUID, list[ClaimedDelivery]]] = defaultdict(dict)
        self.journal: dict[str, list[int]] = defaultdict(list)
        self.shown: Counter[str] = Counter()
        self.got: Counter[tuple[str, int]] = Counter()
        self.incident: Incident | None = None

    @initialize(
        standing=st.booleans(),
        update=st.sampled_from(["got_earlier", "not_got_earlier"]),
        canary=st.sampled_from([None, 1]),
        servers=st.lists(SERVER, max_size=4),
    )
    def prepare(self, standing: bool, update: str, canary: int | None, servers: list[str]) -> None:
        stages: list[dict[str, Any]] = [
            {"name": "Known", "notice": "known", "is_standing": True, "canary_size": canary},
            {"name": "Update", "notice": "update", "reach": update, "is_standing": standing},
            {"name": "Solved", "notice": "solved", "reach": "got_earlier"},
        ]
        playbook = make_playbook(self.queue, {"queue": self.queue}, *stages)
        for server in servers:
            self.come(True, server)
        self.incident = incident_start(ROOT, playbook, why="It is down.")

    # --- Chats -----------------------------------------------------------------------------------

    @rule(matches=st.booleans(), server=SERVER)
    def come(self, matches: bool, server: str) -> None:
        name = f"{self.queue}-{len(self.chats)}"
        self.chats[name] = {"queue": self.queue if matches else "other", "server": server}
        self._feed(name)

    @precondition(lambda self: self.chats)
    @rule(pick=PICK, server=SERVER, matches=st.booleans(), is_online=st.booleans())
    def change(self, pick: int, server: str, matches: bool, is_online: bool) -> None:
        name = list(self.chats)[pick % len(self.chats)]
        queue = self.queue if matches else "other"
        self.chats[name] |= {"queue": queue, "server": server, "is_online": is_online}
        self._feed(name)

    @precondition(lambda self: self.chats)
    @rule(pick=PICK)
    def go(self, pick: int) -> None:
        name = list(self.chats)[pick % len(self.chats)]
        self.chats.pop(name)
        make_interaction(name, type="stopped")

    def _feed(self, name: str) -> None:
        chat = self.chats[name]
        make_interaction(
            name,
            queue=chat["queue"],
            is_online=chat.get("is_online", True),
            user_data={"ChatServerAppName": chat["server"]},
        )

    # --- People ----------------------------------------------------------------------------------

    @precondition(lambda self: self._newest() is not None)
    @rule(position=st.integers(2, 3))
    def go_on(self, position: int) -> None:
        newest = self._newest()
        assert newest is not None
        if position > newest.position:
            self._tried(lambda: stage_start(ROOT, self._running(), position))

    @precondition(lambda self: self._newest() is not None)
    @rule(pauses=st.booleans())
    def switch(self, pauses: bool) -> None:
        self._tried(lambda: (stage_pause if pauses else stage_resume)(ROOT, self._running()))

    @rule(pick=PICK, act=st.sampled_from([send_pause, send_resume, send_cancel, send_retry_failed]))
    def steer(self, pick: int, act: Callable[..., object]) -> None:
        """What a person may do with one send of the incident."""
        sends = Send.objects.filter(incident_id=self.incident.pk if self.incident else None)
        if found := list(sends.order_by("pk")):
            self._tried(lambda: act(ROOT, found[pick % len(found)]))

    # --- Workers ---------------------------------------------------------------------------------

    @rule(server=SERVER, room=st.integers(1, 4))
    def write(self, server: str, room: int) -> None:
        lease, claim = self._lease(server), uuid4()
        on_the_wire = [each.id for claimed in self.on_the_wire[server].values() for each in claimed]
        step = drain_step(lease, claim=claim, room=room, on_the_wire=on_the_wire)
        chat_server_lease_release(lease)
        if step.claimed:
            self.on_the_wire[server][claim] = step.claimed

    @precondition(lambda self: any(self.on_the_wire.values()))
    @rule(server=SERVER, outcome=st.sampled_from([*OUTCOMES, "unsent"]))
    def answer(self, server: str, outcome: str) -> None:
        """What one batch came to. Only then is it known whether it was written."""
        if not self.on_the_wire[server]:
            return
        claim = next(iter(self.on_the_wire[server]))
        claimed = self.on_the_wire[server].pop(claim)
        lease = self._lease(server)
        if outcome == "unsent":
            back = [Postponement(each, None, "") for each in claimed]
            drain_step(lease, claim=uuid4(), postponements=back, settled=[claim])
        else:
            status, reason = OUTCOMES[outcome]
            self._note(claimed)
            if outcome != "failed":
                self._shown(claimed)
            endings = [Ending(each, status, str(reason)) for each in claimed]
            drain_step(lease, claim=uuid4(), endings=endings, settled=[claim])
        chat_server_lease_release(lease)

    @rule(server=SERVER)
    def die(self, server: str) -> None:
        """Its worker is lost with what it has written, and another takes over."""
        for claimed in self.on_the_wire.pop(server, {}).values():
            self._note(claimed)
            self._shown(claimed)
        lease = self._lease(server)
        deliveries_recover(lease)
        chat_server_lease_release(lease)

    @rule()
    def follow(self) -> None:
        deliveries_abandon()
        StageTarget.objects.update(tried_at="2026-01-01T00:00:00Z")  # as if time had passed
        following.incidents_follow()
        stage = self._newest()
        if stage is None or stage.is_paused or not stage.is_standing or str(stage.trouble):
            return
        missing = not_yet_reached(ROOT, stage, StageContent.of(stage.content))
        assert list(missing.values_list("pk", flat=True)) == []

    # --- What must hold --------------------------------------------------------------------------

    @invariant()
    def each_stage_at_most_once(self) -> None:
        if self.incident is None:
            return
        given = Delivery.objects.filter(send__incident_id=self.incident.pk).exclude(
            status__in=[DeliveryStatus.SKIPPED, DeliveryStatus.CANCELLED]
        )
        given = given.exclude(pk__in=given.exclude(retry_of=None).values("retry_of"))
        pairs = Counter(given.values_list("send__stage_id", "interaction_id"))
        assert set(pairs.values()) <= {1}, pairs

    @invariant()
    def no_older_stage_after_a_newer_one(self) -> None:
        for chat, positions in self.journal.items():
            assert positions == sorted(positions), (chat, positions)

    @invariant()
    def no_stage_twice(self) -> None:
        assert set(self.got.values()) <= {1}, self.got

    @invariant()
    def nobody_gets_more_than_the_budget(self) -> None:
        assert set(self.shown.values()) <= set(range(BUDGET + 1)), self.shown

    @invariant()
    def every_target_has_a_delivery_of_its_stage(self) -> None:
        if self.incident is None:
            return
        targets = StageTarget.objects.filter(stage__incident=self.incident)
        for target in targets.select_related("delivery__send"):
            assert target.delivery.interaction_id == target.interaction_id
            assert target.delivery.send.stage_id == target.stage_id

    def teardown(self) -> None:
        for name in self.chats:
            make_interaction(name, type="stopped")
        if self.incident is not None:
            self.follow_ups_are_of_who_got_one()
            incident_close(ROOT, self.incident, word="Over.")
            assert not following.incidents_follow()
        for server in SERVERS:
            self.die(server)

    def follow_ups_are_of_who_got_one(self) -> None:
        assert self.incident is not None
        may_have = set(
            Delivery.objects.filter(
                send__incident_id=self.incident.pk, status__in=["delivered", "unknown"]
            ).values_list("interaction_id", "send__stage_id")
        )
        for stage in self.incident.stages.all():
            if stage.content["reach"] == "got_earlier":
                earlier = {
                    chat for chat, other in may_have if other is not None and other < stage.pk
                }
                targets = set(stage.targets.values_list("interaction_id", flat=True))
                assert targets <= earlier

    # --- Parts -----------------------------------------------------------------------------------

    def _lease(self, server: str) -> Lease:
        lease = lease_take(server, uuid4())
        assert isinstance(lease, Lease)
        return lease

    def _note(self, claimed: list[ClaimedDelivery]) -> None:
        for each in claimed:
            self.journal[each.interaction_id].append(self._position(each))

    def _shown(self, claimed: list[ClaimedDelivery]) -> None:
        self.shown.update(each.interaction_id for each in claimed)
        self.got.update((each.interaction_id, self._position(each)) for each in claimed)

    def _position(self, claimed: ClaimedDelivery) -> int:
        stage = Send.objects.values_list("stage_id", flat=True).get(pk=claimed.send_id)
        return Stage.objects.get(pk=stage or 0).position

    def _newest(self) -> Stage | None:
        if self.incident is None:
            return None
        return self.incident.stages.order_by("-position").first()

    def _running(self) -> Incident:
        assert self.incident is not None
        return self.incident

    def _tried(self, act: Callable[[], object]) -> None:
        """What is refused here is refused for nobody to reach, or nothing to switch."""
        with suppress(ConsoleError):
            act()


@pytest.mark.django_db
def test_an_outage_while_everything_moves(settings: Any) -> None:
    settings.CONTACT_BUDGET = contact_budget(f"routine={BUDGET}/15")
    for name in SERVERS:
        ChatServer.objects.create(
            name=name, url="esp://127.0.0.1:1", pace_per_second=100_000, burst=100_000
        )
    for key in STAGES:
        make_notice(key, f"Text of {key}.")
    Interaction.objects.all().delete()
    assert database_now()
    run_state_machine_as_test(
        Outage,
        settings=hypothesis_settings(
            max_examples=12,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
