"""The demo's catalogue: texts of a candle shop that does not exist."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from console.catalogue.models import NoticeKind

SHOP = "Harbour & Wick"
STAFF_ONLY = "Staff only"
SUPERVISORS_ONLY = "Supervisors only"
EVERYONE = "Everyone"


class Stage(StrEnum):
    """The stage of a notice."""

    DRAFT = "draft"
    IN_REVIEW = "in review"
    PUBLISHED = "published"


@dataclass(frozen=True, slots=True)
class DemoNotice:
    """A notice with its first version. The first locale is the default."""

    key: str
    kind: NoticeKind
    title: str
    category: str
    bodies: Mapping[str, str]
    preset: str = EVERYONE
    nickname: str = SHOP
    stage: Stage = Stage.PUBLISHED
    change_note: str = ""
    shortcut: str = ""
    tags: tuple[str, ...] = ()


NOTICES = (
    DemoNotice(
        "agent-soon",
        NoticeKind.MESSAGE,
        "An agent will be with you shortly",
        "Waiting",
        {
            "en": 'Hello {{ data.FirstName | default: "there" }}, an agent will be with you '
            "shortly. Thank you for waiting.",
            "de": "Guten Tag {{ data.FirstName }}, gleich ist jemand für Sie da. "
            "Danke für Ihre Geduld.",
            "fr": "Bonjour {{ data.FirstName }}, un conseiller va vous répondre dans un instant. "
            "Merci de patienter.",
            "es": "Hola, {{ data.FirstName }}: enseguida te atendemos. Gracias por esperar.",
            "ja": "{{ interaction.customer_name }} 様、まもなく担当者がご案内いたします。"
            "少々お待ちください。",
            "ar": "مرحبًا {{ data.FirstName }}، سيكون معك أحد موظفينا بعد قليل. شكرًا لانتظارك.",
        },
        shortcut="soon",
        tags=("greeting",),
    ),
    DemoNotice(
        "long-wait",
        NoticeKind.MESSAGE,
        "Busier than usual",
        "Waiting",
        {
            "en": "It is busier than usual today. You keep your place in the queue, "
            '{{ data.FirstName | default: "dear customer" }}; we have not forgotten you.',
            "de": "Heute ist mehr los als sonst. Ihr Platz in der Reihe bleibt Ihnen, "
            "{{ data.FirstName }}; wir haben Sie nicht vergessen.",
            "fr": "Nous recevons plus de demandes que d’habitude. Vous gardez votre place, "
            "{{ data.FirstName }} ; nous ne vous oublions pas.",
            "pt-BR": "Hoje está mais movimentado do que o normal. Seu lugar na fila está "
            "garantido, {{ data.FirstName }}.",
        },
        shortcut="busy",
        tags=("peak",),
    ),
    DemoNotice(
        "delivery-delayed",
        NoticeKind.MESSAGE,
        "Delivery is delayed",
        "Orders",
        {
            "en": "Your order {{ data.OrderNumber }} leaves our workshop one day later than "
            "planned. We are sorry, and the postage is on us.",
            "de": "Ihre Bestellung {{ data.OrderNumber }} verlässt unsere Werkstatt einen Tag "
            "später als geplant. Das Porto übernehmen wir.",
            "ja": "ご注文 {{ data.OrderNumber }} の発送が一日遅れております。"
            "送料は当店が負担いたします。",
        },
        change_note="Skips chats without an order number: the text has no default for it.",
    ),
    DemoNotice(
        "track-order",
        NoticeKind.PUSH_URL,
        "Follow your parcel",
        "Orders",
        {
            "en": "https://shop.example/en/parcels/"
            '{{ data.OrderNumber | default: "how-it-works" }}',
            "de": "https://shop.example/de/parcels/"
            '{{ data.OrderNumber | default: "how-it-works" }}',
        },
    ),
    DemoNotice(
        "survey",
        NoticeKind.PUSH_URL,
        "How did we do?",
        "After the chat",
        {
            "en": "https://shop.example/survey"
            "?chat={{ interaction.id }}&queue={{ interaction.queue }}"
        },
    ),
    DemoNotice(
        "callback-offer",
        NoticeKind.CUSTOM,
        "Offer a call back",
        "Waiting",
        {
            "en": "We can also call you back: choose “Call me” in this window.",
            "de": "Wir rufen Sie gern zurück: Wählen Sie in diesem Fenster „Rückruf“.",
            "fr": "Nous pouvons aussi vous rappeler : choisissez « Rappelez-moi ».",
        },
    ),
    DemoNotice(
        "handover-note",
        NoticeKind.MESSAGE,
        "Handover: call back promised",
        "For staff",
        {
            "en": '{{ interaction.customer_name | default: "The customer" }} was promised a call '
            "back today. Please settle it before you close the chat."
        },
        preset=STAFF_ONLY,
        nickname="Floor desk",
    ),
    DemoNotice(
        "complaint-watch",
        NoticeKind.MESSAGE,
        "Watch this chat: open complaint",
        "For staff",
        {
            "en": '{{ interaction.customer_name | default: "This customer" }} has a complaint '
            "open with the ombudsman. Step in if the tone turns."
        },
        preset=SUPERVISORS_ONLY,
        nickname="Floor desk",
    ),
    DemoNotice(
        "holiday-hours",
        NoticeKind.MESSAGE,
        "Opening hours over the holidays",
        "Opening hours",
        {
            "en": "We are here until 14:00 on 24 December and back on the 27th.",
            "fr": "Nous sommes là jusqu’à 14 h le 24 décembre, et de retour le 27.",
        },
        stage=Stage.IN_REVIEW,
        change_note="Hours as agreed with the workshop.",
    ),
    DemoNotice(
        "summer-market",
        NoticeKind.MESSAGE,
        "Invitation to the summer market",
        "Campaigns",
        {"en": "Meet us at the summer market on the quay, {{ data.FirstName }}."},
        stage=Stage.DRAFT,
    ),
)
