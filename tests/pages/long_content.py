"""What a demo has not by itself: the longest titles, keys, names, nicknames, queues and reasons
that people write, on every page that shows them. It runs in the demo's own environment:

    manage.py shell -c "from tests.pages import long_content; long_content.fill()"

and prints the pages that it made, as JSON."""

import json
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from console.accounts.models import Scope, Team, User
from console.accounts.roles import Role
from console.accounts.services import api_client_create, team_create, user_create
from console.actors import Actor, system_actor
from console.catalogue.content.notices import notice_create, notice_retire
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_approve, version_create, version_submit
from console.catalogue.models import CannedNotice, NoticeVersion
from console.catalogue.review.presets import preset_create
from console.catalogue.transfer.jobs.models import ImportJob
from console.demo.people import PASSWORD
from console.exports.models import ExportJob, ExportStatus
from console.exports.orders import Order
from console.exports.services import export_order
from console.interactions.services import chat_server_create, feed_apply
from console.sends.models import Send
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from console.webhooks.services import webhook_create

ROOT = system_actor("long-content")
TITLES = (
    "Ihre Lieferung verspätet sich wegen der Witterungsverhältnisse im Versandzentrum Hamburg-"
    "Billbrook um voraussichtlich einen bis zwei Werktage",
    "Your parcel has left the warehouse and reaches you on the next working day before one",
    "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetzgebungsverfahren",
    "شحنتك تأخرت بسبب الأحوال الجوية في مركز التوزيع وستصلك خلال يومي عمل على أبعد تقدير",
)
KEY = "delivery-delayed-because-of-the-weather-at-the-distribution-centre-hamburg-billbrook"
NICKNAME = "Harbour & Wick · Kundenservice für Lieferungen und Rücksendungen"
QUEUE = "emea_retail_premium_customers_deliveries_and_returns_evening"  # 60 characters
AGENT = "wolfeschlegelsteinhausenbergerdorff.maximiliane"
CUSTOMERS = (
    ("عبد الرحمن", "بن عبد العزيز آل سعود"),
    ("Maximiliane-Friederike", "von Wolfeschlegelsteinhausenbergerdorff"),
    ("שלמה", "בן־גוריון־רבינוביץ"),
    ("Guadalupe Inmaculada", "Fernández-Villaverde y Montesinos de la Cruz"),
    ("田中", "太郎"),
    ("Bo", "Ek"),
)
TAGS = ("deliveries", "premium-customers", "weather-and-other-acts-of-god")
BODY = (
    "Guten Tag {{ data.FirstName }}, wegen der Witterungsverhältnisse verspätet sich Ihre "
    "Lieferung um einen bis zwei Werktage. Wir bitten um Ihr Verständnis: "
    "https://harbour.example/verfolgen/0123456789abcdef0123456789abcdef0123456789abcdef."
)
WHY = (
    "Announced by the carrier at 07:40, confirmed by the night shift; see the incident's own page."
)


def fill() -> None:
    """Once for a demo, all or nothing."""
    with transaction.atomic():
        print(json.dumps(_fill()))


def _fill() -> dict[str, str]:
    name = "Kundenbetreuung für Lieferungen und Rücksendungen Mitteleuropa"
    team = team_create(ROOT, name=name, queues=[])
    versions = [_notice(number, title) for number, title in enumerate(TITLES)]
    chats = _tell("upsert")
    _people(team)
    send = _send(versions[0].notice, chats)
    delivery = send.deliveries.order_by("pk")[0]
    webhook = _elsewhere()
    notice = versions[0].notice.key
    return {
        "send": f"/sends/{send.pk}/",
        "delivery": f"/history/{delivery.pk}/",
        "notice": f"/notices/{notice}/",
        "chat": f"/demo/chats/{chats[0]}/",
        "team": f"/teams/{team.pk}/",
        "webhook": f"/webhooks/{webhook}/",
        "in_review": f"/notices/{versions[1].notice.key}/",
        "draft": f"/notices/{versions[2].notice.key}/edit/",
        "settings": f"/notices/{notice}/settings/",
        "compare": f"/notices/{notice}/compare/",
        "import": f"/notices/import/{_import()}/",
        "export": f"/exports/{_export(ExportStatus.DONE, finished_at=Now())}/",
        "export_in_work": f"/exports/{_export(ExportStatus.RUNNING)}/",
    }


def empty() -> None:
    """End the chats, so that they are on nobody else's board."""
    _tell("stopped")


def _actor(username: str) -> Actor:
    return User.objects.get(username=username).to_actor()


def _notice(number: int, title: str) -> NoticeVersion:
    """The first is published, the second in review, the third a draft, the others retired."""
    key = f"{KEY}-{number}"
    eddy = _actor("eddy")
    category = (
        "Deliveries and returns/Delays because of the weather/Distribution centres in the north"
    )
    about: dict[str, Any] = {
        "tags": TAGS,
        "category": category,
        "shortcut": f"delayed-weather-{number}",
    }
    notice = notice_create(eddy, key=key, kind="message", title=title, **about)
    version = version_create(
        eddy,
        notice,
        VersionContent(
            default_locale="de",
            bodies={"de": BODY, "en": BODY, "ar": f"{TITLES[3]} {{{{ data.FirstName }}}}"},
            nickname=NICKNAME,
            change_note=WHY,
        ),
    )
    if number != 2:
        version_submit(eddy, version)
    if number not in (1, 2):
        version_approve(_actor("anna"), version)
    if number > 2:
        notice_retire(_actor("anna"), notice)
    return version


def _tell(kind: str) -> list[str]:
    now = timezone.now()
    ids = [f"0001LONG{number:08d}" for number in range(len(CUSTOMERS))]
    events = [
        {
            "type": kind,
            "occurred_at": now.isoformat(),
            "interaction": {
                "id": chat,
                "media_type": "chat",
                "tenant_id": 101,
                "state": "handling",
                "queue": QUEUE,
                "agent": AGENT,
                "locale": "zh-Hant-TW",
                "received_at": (now - timedelta(hours=26, minutes=number)).isoformat(),
                "user_data": {
                    "InteractionId": chat,
                    "IsOnline": str(number % 2),
                    "ChatServerAppName": "chat-east",
                    "FirstName": first,
                    "LastName": last,
                },
            },
        }
        for number, (chat, (first, last)) in enumerate(zip(ids, CUSTOMERS, strict=True))
    ]
    result = feed_apply(ROOT, events)
    assert not result.rejected, result
    return ids


def _people(team: Team) -> None:
    user_create(
        ROOT,
        username="maximiliane.wolfeschlegelsteinhausenbergerdorff",
        password=PASSWORD,
        roles=list(Role.values),
        first_name=CUSTOMERS[1][0],
        last_name=CUSTOMERS[1][1],
        teams=[team],
    )
    user_create(
        ROOT,
        username="a.alsaud",
        password=PASSWORD,
        roles=[Role.SUPERVISOR],
        first_name=CUSTOMERS[0][0],
        last_name=CUSTOMERS[0][1],
        teams=[team],
    )


def _send(notice: CannedNotice, chats: list[str]) -> Send:
    wanted: dict[str, Any] = {"notice_key": notice.key, "interactions": chats, "why": WHY}
    send_create(_actor("sue"), SendOrder(**wanted, scheduled_at=timezone.now() + timedelta(days=5)))
    return send_create(_actor("sue"), SendOrder(**wanted, nickname=NICKNAME, visibility="VIP"))


def _import() -> int:
    """One that waits for a worker, since none is told of it."""
    name = f"{KEY}.csv"
    job = ImportJob.objects.create(actor_ref=_actor("eddy").ref, file_name=name, content=b"key\n")
    return job.pk


def _export(status: str, **values: Any) -> int:
    """One that no worker touches, since its next sign of life is a day away."""
    order = Order.read("history", "xlsx", {"q": WHY, "notice": KEY, "actor": NICKNAME})
    job = export_order(_actor("audrey"), order=order)
    ExportJob.objects.filter(pk=job.pk).update(
        status=status,
        run=1,
        done=12_345_678,
        total=23_456_789,
        share=0.5,
        bytes=9_876_543_210,
        sha256="0123456789abcdef" * 4,
        started_at=timezone.now() - timedelta(hours=1),
        seen_at=timezone.now() + timedelta(days=1),
        **values,
    )
    return job.pk


def _elsewhere() -> int:
    """One each of what administrators and editors have in their lists."""
    chat_server_create(
        ROOT,
        name="ChatServer_EMEA_Frankfurt_Primary_Application_Node_07_of_12",
        url="esp+json+tls://chat-server-node-07.frankfurt.primary.contact-centre.internal.example:4443",
        enabled=False,
    )
    preset_create(
        _actor("eddy"),
        name="Supervisors of deliveries and returns in central Europe",
        visibility="VIP",
        nickname=NICKNAME,
        roles=[Role.SUPERVISOR, Role.APPROVER],
    )
    api_client_create(
        ROOT,
        name="Workforce management night shift integration, Frankfurt and Hamburg",
        scopes=list(Scope.values),
        addresses=["10.20.30.0/24", "2001:db8:1234:5678::/64", "192.0.2.17/32"],
    )
    webhook, _secret = webhook_create(
        ROOT,
        name="Service desk of the carrier, with a name that goes on and on and on",
        url="https://93.184.215.14/notice-console/webhooks/a-very-long-path/0123456789abcdef0123456789",
        events=["send.finished", "deliveries.failed"],
        enabled=False,
    )
    return webhook.pk
