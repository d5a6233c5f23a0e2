"""What a late quorum holds up: large sends and approvals, with a clear refusal; nothing else."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.accounts.roles import Role
from console.accounts.services.users import (
    user_create,
    user_deactivate,
    user_reactivate,
    user_update,
)
from console.audit.metrics import LedgerMetrics
from console.audit.models import AuditCosignature, AuditEntry
from console.audit.troubles import troubles_of_trust
from console.audit.witnessing.collecting import cosignatures_collect
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_approve, version_create, version_submit
from console.catalogue.models import NoticeVersion
from console.catalogue.review.presets import preset_approve, preset_create
from console.catalogue.states import VersionStatus
from console.errors import Unavailable
from console.incidents.playbook_content import PlaybookContent
from console.incidents.services import playbooks
from console.interactions.models import ChatServer
from console.sends.control.approval import send_approve
from console.sends.models import Send, SendStatus
from tests.accounts.approving import KINDS, TO_APPROVE, Approver
from tests.audit.tlog.world import sign, write
from tests.audit.witness.conftest import World
from tests.audit.witness.false_witness import FalseWitness, text_of
from tests.incidents.incident_world import SALES, make_payments, start
from tests.support.factories import AUTHOR, REVIEWER, ROOT, make_user

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
MINUTES = 30


@pytest.fixture
def witness(world: World, settings: Any) -> FalseWitness:
    """It cosigns what it is asked, at the time that a test names."""
    liar = world.liar("auditor")
    world.policy("quorum auditor")
    settings.APPROVAL_ABOVE = 1
    liar.settings = settings
    return liar


def cosign(witness: FalseWitness, *, minutes_ago: float = 0) -> None:
    """Have all that is in the ledger cosigned, as of some minutes ago."""
    sign()
    at = int(time.time() - minutes_ago * 60)
    witness.answer = lambda body: (200, "text/plain", witness.line(text_of(body), at).encode())
    assert cosignatures_collect() == 1
    witness.settings.QUORUM_MINUTES = MINUTES


def late(witness: FalseWitness) -> None:
    cosign(witness, minutes_ago=MINUTES + 5)


@pytest.fixture
def page(supervisor: User, chat_server: ChatServer, browse: Callable[..., Client]) -> Client:
    return browse(supervisor)


@pytest.fixture
def chats(make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]) -> Any:
    make_notice("Hello.", key="hello")
    return [make_interaction().pk for _ in range(3)]


def compose(chats: list[str], **fields: Any) -> dict[str, Any]:
    return {
        "interaction": chats,
        "notice": "hello",
        "idempotency_key": "k1",
        "why": "a storm is near",
        **fields,
    }


def test_a_large_send_is_refused_and_nothing_typed_is_lost(
    witness: FalseWitness, page: Client, chats: list[str]
) -> None:
    late(witness)
    before = AuditEntry.objects.count()
    refused = page.post(reverse("send-create"), compose(chats), headers=HTMX)
    html = refused.content.decode()
    assert refused.status_code == 422
    assert "the witnesses of the audit trail cosigned it 35 minutes ago" in html
    assert "within 30 minutes" in html
    assert 'value="a storm is near"' in html or ">a storm is near<" in html
    assert not Send.objects.exists()
    assert AuditEntry.objects.count() == before
    # Without scripts the whole page comes, with the same.
    plain = page.post(reverse("send-create"), compose(chats))
    assert plain.status_code == 422
    assert "a storm is near" in plain.content.decode()
    # The same form again, once the witnesses are there.
    cosign(witness)
    page.post(reverse("send-create"), compose(chats), headers=HTMX)
    assert Send.objects.get().status == SendStatus.AWAITING_APPROVAL


def test_a_small_send_leaves_all_the_same(
    witness: FalseWitness, page: Client, chats: list[str]
) -> None:
    late(witness)
    page.post(reverse("send-create"), compose(chats[:1]), headers=HTMX)
    assert Send.objects.get().ready_count == 1


def test_a_send_is_not_approved(
    witness: FalseWitness, approver: User, make_send: Callable[..., Send]
) -> None:
    send = make_send(3)
    assert send.status == SendStatus.AWAITING_APPROVAL
    late(witness)
    with pytest.raises(Unavailable) as refused:
        send_approve(approver.to_actor(), send)
    assert (refused.value.code, refused.value.said.params) == (
        "quorum_late",
        {"age": 35, "minutes": 30},
    )
    send.refresh_from_db()
    assert send.status == SendStatus.AWAITING_APPROVAL
    cosign(witness)
    assert send_approve(approver.to_actor(), send).approved_by_ref


def test_a_program_hears_code_and_parameters(
    witness: FalseWitness,
    chats: list[str],
    make_client: Callable[..., Any],
    chat_server: ChatServer,
    client: Client,
) -> None:
    late(witness)
    _api_client, token = make_client("send")
    answer = client.post(
        "/api/v1/sends/",
        {"notice": "hello", "interactions": chats, "why": "a storm"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "k"},
    )
    assert answer.status_code == 503, answer.content
    said = answer.json()["error"] if "error" in answer.json() else answer.json()
    assert said["code"] == "quorum_late"
    assert said["params"] == {"age": 35, "minutes": 30}
    assert answer["Retry-After"] == "60"


def test_a_version_is_not_approved(
    witness: FalseWitness,
) -> None:
    notice = notice_create(AUTHOR, key="hello", kind="message", title="Hello")
    version = version_create(
        AUTHOR, notice, VersionContent(default_locale="en", bodies={"en": "Hello."})
    )
    version_submit(AUTHOR, version)
    late(witness)
    with pytest.raises(Unavailable, match="35 minutes ago"):
        version_approve(REVIEWER, version)
    cosign(witness)
    assert version_approve(REVIEWER, version).status == VersionStatus.PUBLISHED


def test_a_preset_and_a_playbook_are_not_approved(
    witness: FalseWitness, make_notice: Callable[..., NoticeVersion]
) -> None:
    preset = preset_create(AUTHOR, name="Desk", visibility="INT")
    change = preset.changes.get().pk
    make_notice("It is down.", key="known")
    content = PlaybookContent.read(
        {"audience": SALES, "stages": [{"name": "One", "notice": "known"}]}
    )
    draft = playbooks.playbook_create(AUTHOR, key="outage", title="Outage", content=content)
    playbooks.version_submit(AUTHOR, draft)
    late(witness)
    for decide in (
        lambda: preset_approve(REVIEWER, preset, change=change),
        lambda: playbooks.version_approve(REVIEWER, draft),
    ):
        with pytest.raises(Unavailable, match="35 minutes ago"):
            decide()
    cosign(witness)
    assert preset_approve(REVIEWER, preset, change=change).is_approved
    assert playbooks.version_approve(REVIEWER, draft).status == VersionStatus.PUBLISHED


def test_roles_are_not_given(
    witness: FalseWitness, administrator: User, auditor: User, browse: Callable[..., Client]
) -> None:
    """When a person is created, gets others, or comes back; from the console's machine they are."""
    actor = administrator.to_actor()
    away = user_deactivate(actor, make_user("away", Role.EDITOR))
    late(witness)
    names = {"username": "newman", "password": "lanterns along the pier"}
    for decide in (
        lambda: user_create(actor, **names, roles=[Role.EDITOR]),
        lambda: user_update(actor, auditor, roles=[Role.AUDITOR, Role.EDITOR]),
        lambda: user_reactivate(actor, away),
    ):
        with pytest.raises(Unavailable, match="35 minutes ago"):
            decide()
    page = browse(administrator)
    refused = page.post(reverse("user-create"), {**names, "roles": ["editor"]})
    assert "the witnesses of the audit trail cosigned it 35 minutes ago" in refused.content.decode()
    assert 'value="newman"' in refused.content.decode()
    assert not User.objects.filter(username="newman").exists()
    # What gives no role goes on.
    assert user_update(actor, auditor, first_name="Ann").first_name == "Ann"
    assert user_create(ROOT, **names, roles=[Role.EDITOR]).roles == [Role.EDITOR]
    cosign(witness)
    assert user_reactivate(actor, away).is_active


def test_each_kind_of_approval_is_held_up(
    witness: FalseWitness, settings: Any, chat_server: ChatServer
) -> None:
    anna = Approver()
    asked = {kind: TO_APPROVE[kind]() for kind in KINDS}
    late(witness)
    before = AuditEntry.objects.count()
    for kind, posted in asked.items():
        said = anna.client.post(*posted, follow=True).content.decode()
        assert "35 minutes ago" in said, kind
    assert AuditEntry.objects.count() == before
    cosign(witness)
    for kind, posted in asked.items():
        assert "minutes ago" not in anna.client.post(*posted, follow=True).content.decode(), kind


def test_an_incident_begins_all_the_same_and_its_send_waits(
    witness: FalseWitness,
    supervisor: User,
    approver: User,
    chat_server: ChatServer,
    make_notice: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Any],
) -> None:
    playbook = make_payments(make_notice)
    for _number in range(3):
        make_interaction(queue="sales")
    late(witness)
    start(supervisor, playbook)
    send = Send.objects.get()
    assert send.status == SendStatus.AWAITING_APPROVAL
    with pytest.raises(Unavailable, match="35 minutes ago"):
        send_approve(approver.to_actor(), send)


def test_an_emergency_leaves_all_the_same(
    witness: FalseWitness,
    supervisor: User,
    chat_server: ChatServer,
    make_notice: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Any],
    settings: Any,
) -> None:
    settings.EMERGENCY_CONFIRM_MINUTES = 30
    playbook = make_payments(make_notice, is_for_emergency=True)
    for _number in range(3):
        make_interaction(queue="sales")
    late(witness)
    start(supervisor, playbook, is_emergency=True)
    assert Send.objects.get().status == SendStatus.RUNNING


def test_without_any_quorum_it_is_refused_too(
    witness: FalseWitness, approver: User, make_send: Callable[..., Send]
) -> None:
    send = make_send(3)
    sign()
    witness.settings.QUORUM_MINUTES = MINUTES
    with pytest.raises(Unavailable) as refused:
        send_approve(approver.to_actor(), send)
    assert refused.value.code == "quorum_missing"


def test_where_the_setting_is_off_nothing_is_refused(
    witness: FalseWitness, approver: User, make_send: Callable[..., Send], settings: Any
) -> None:
    send = make_send(3)
    late(witness)
    settings.QUORUM_MINUTES = 0
    assert send_approve(approver.to_actor(), send).approved_by_ref


# --- Shown ---------------------------------------------------------------------------------------


def band_of(client: Client) -> str:
    return client.get(reverse("home-page")).content.decode()


def test_a_red_band_for_those_who_look_after_the_trail(
    witness: FalseWitness,
    browse: Callable[..., Client],
    auditor: User,
    administrator: User,
    supervisor: User,
) -> None:
    words = "The audit trail is not proved up to now."
    cosign(witness)
    for person in (auditor, administrator, supervisor):
        assert words not in band_of(browse(person))
    make_late(witness)
    for person in (auditor, administrator):
        html = band_of(browse(person))
        assert words in html
        assert "No quorum of witnesses has cosigned the ledger for" in html
    assert words not in band_of(browse(supervisor))
    assert reverse("audit-proof") in band_of(browse(auditor)).split(words)[1].split("</div>")[0]


def make_late(witness: FalseWitness) -> None:
    """Another head, which is cosigned too late."""
    write(1)
    late(witness)
    with connection.cursor() as cursor:  # what came in time is gone, as in an older database
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "DELETE FROM audit_auditcosignature WHERE id < %s",
            [AuditCosignature.objects.latest("id").pk],
        )
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


def metrics() -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels.get("witness", "")): sample.value
        for family in LedgerMetrics().collect()
        for sample in family.samples
    }


def test_the_trouble_and_the_metrics(witness: FalseWitness) -> None:
    write(1)
    cosign(witness, minutes_ago=35)
    (said,) = troubles_of_trust()
    assert said.code == "cosignatures_late"
    found = metrics()
    assert 35 * 60 <= found["console_ledger_quorum_seconds", ""] < 36 * 60
    assert 35 * 60 <= found["console_witness_cosigned_seconds", "auditor"] < 36 * 60
    assert found["console_witness_contradicts", "auditor"] == 0
    cosign(witness)
    assert list(troubles_of_trust()) == []
    write(1)
    sign()
    witness.answer = lambda _body: (422, "text/plain", b"no")
    cosignatures_collect()
    assert metrics()["console_witness_contradicts", "auditor"] == 1
    assert [each.code for each in troubles_of_trust()] == ["witness_contradicts"]


def test_the_page_says_who_cosigned_what_and_who_did_not(
    world: World, witness: FalseWitness, browse: Callable[..., Client], auditor: User
) -> None:
    world.down("lawyer")
    world.policy("group both any auditor lawyer", "quorum both")
    cosign(witness)
    html = browse(auditor).get(reverse("audit-proof")).content.decode()
    table = html.split('id="witnesses-head"')[1].split("</section>")[0]
    rows = table.split("<tr>")[2:]
    (first,) = [row for row in rows if ">auditor<" in row]
    (second,) = [row for row in rows if ">lawyer<" in row]
    assert "cosigned" in first
    assert "did not cosign" in second
    assert "It can&#x27;t be reached:" in second
    assert "A quorum has cosigned" in table
    assert world.ledger in html


def test_the_page_without_witnesses(
    ledger: str, browse: Callable[..., Client], auditor: User
) -> None:
    html = browse(auditor).get(reverse("audit-proof")).content.decode()
    assert "CONSOLE_WITNESS_POLICY" in html
