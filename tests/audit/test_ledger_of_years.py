"""The ledger that the tool makes for years of history is as valid as one of the console's own."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.audit.checkpoints import kept_outside, new_key, own_public_key, public_key
from console.audit.models import AuditCheckpoint, AuditEntry
from console.audit.verification import verify_database
from console.audit.verify import Keys, verify_export
from console.sends.models import Delivery, Send, SendOutcome, VersionUse
from console.sends.proof.issue import send_prove
from console.sends.proof.ledger import ENDED
from tests.support.factories import ROOT
from tools.scale import ledger
from tools.scale.filling import fill

pytestmark = pytest.mark.django_db
NUMBER = 400


@pytest.fixture
def years(
    make_send: Callable[..., Any],
    settings: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.AUDIT_OLD_KEYS = [own_public_key()]
    settings.AUDIT_KEY = new_key()
    settings.CHECKPOINTS_TO = str(tmp_path / "outside")
    monkeypatch.setattr(ledger, "SENDS_A_PART", 7)
    make_send(1)
    fill(NUMBER)
    number = Send.objects.count() - 1
    assert [*ledger.write_ledger()][-1] == number
    assert [*ledger.write_ledger()] == []


@pytest.mark.usefixtures("years")
def test_it_holds_up_to_its_last_checkpoint() -> None:
    report = verify_database()
    newest = AuditEntry.objects.latest("seq").seq
    assert report.findings == []
    assert (report.followed, report.vouched) == (newest, newest)
    assert AuditCheckpoint.objects.count() > Send.objects.count() / 2
    kept = AuditCheckpoint.objects.filter(outside_at__isnull=False).order_by("seq")
    assert kept_outside() == [checkpoint.said for checkpoint in kept]
    assert not AuditCheckpoint.objects.filter(outside_at=None).exists()


@pytest.mark.usefixtures("years")
def test_it_tells_of_each_delivery_once() -> None:
    told = Counter(
        (item["id"], ENDED[entry.action])  # type: ignore[index]
        for entry in AuditEntry.objects.filter(action__in=ENDED)
        for item in entry.data["deliveries"]
    )
    made = Delivery.objects.filter(finished_at__isnull=False).values_list("pk", "status")
    assert told == Counter(made)
    uses = VersionUse.objects.filter(sends__gt=0).values_list("version", "sends", "delivered")
    for version, sends, delivered in uses:
        of_version = Send.objects.filter(version=version)
        arrived = SendOutcome.objects.filter(send__in=of_version, status="delivered")
        assert sends == of_version.count()
        assert delivered == sum(arrived.values_list("number", flat=True))


@pytest.mark.usefixtures("years")
def test_the_proof_of_a_made_send_holds(settings: Any, tmp_path: Path) -> None:
    send = Send.objects.order_by("-target_count").first()
    assert send is not None
    path = tmp_path / "proof.zip"
    with path.open("w+b") as file:
        send_prove(ROOT, send, file)
    report = verify_export(path, Keys([public_key(settings.AUDIT_KEY), *settings.AUDIT_OLD_KEYS]))
    assert report.findings == []
    assert any(f"{send.target_count:,} in the file" in said for said in report.proved)
