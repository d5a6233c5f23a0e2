"""The demo's customers, agents and their messages. Standard library only."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from string import ascii_uppercase, digits

# Given name, family name, language.
NAMES = (
    ("Zoë", "Martin", "en"),
    ("Olivia", "Bennett", "en"),
    ("Siobhán", "O’Reilly", "en"),
    ("Thabo", "Nkosi", "en"),
    ("Priya", "Raghunathan", "en"),
    ("Jürgen", "Groß", "de"),
    ("Annelie", "Schäfer", "de"),
    ("Björn", "Weiß", "de"),
    ("François", "Lefèvre", "fr"),
    ("Chloé", "Dubois", "fr"),
    ("Amélie", "N’Diaye", "fr"),
    ("José", "Núñez", "es"),
    ("Lucía", "Fernández", "es"),
    ("Íñigo", "Etxeberria", "es"),
    ("João", "Conceição", "pt-BR"),
    ("Beatriz", "Magalhães", "pt-BR"),
    ("陽菜", "佐藤", "ja"),
    ("健太", "伊藤", "ja"),
    ("Sakura", "Watanabe", "ja"),
    ("ليلى", "حداد", "ar"),
    ("يوسف", "المصري", "ar"),
    ("Łukasz", "Wiśniewski", "pl"),
    ("Małgorzata", "Dąbrowska", "pl"),
    ("Çağla", "Öztürk", "tr"),
    ("Ελένη", "Παπαδοπούλου", "el"),
    ("Олена", "Шевченко", "uk"),
    ("נועה", "לוי", "he"),
    ("明", "李", "zh"),
    ("अनन्या", "शर्मा", "hi"),
    ("Nguyễn", "Thị Hồng", "vi"),
    ("Åse", "Sørensen", "da"),
    ("Þórunn", "Jónsdóttir", "is"),
)
QUEUES = ("sales", "sales", "billing", "support", "support", "returns")
AGENTS: Mapping[str, tuple[str, ...]] = {
    "sales": ("ann.keller", "marek.zak"),
    "returns": ("ann.keller", "ines.prado"),
    "billing": ("omar.haddad", "lea.brandt"),
    "support": ("omar.haddad", "joy.adeyemi", "ken.mori"),
}
SEGMENTS = ("new", "regular", "regular", "gold")
QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "sales": (
        "Do you have the cedar candle in the large size?",
        "I would like forty of them for a wedding. Is there a price for that?",
        "Does the lantern come with a candle?",
    ),
    "billing": (
        "I see the same amount twice on my card.",
        "Could you put our company's name on the invoice?",
        "My voucher was not taken off.",
    ),
    "support": (
        "The wick keeps drowning. What am I doing wrong?",
        "The app says that my parcel is in the harbour. Which harbour?",
        "The glass arrived cracked.",
    ),
    "returns": (
        "I want to send the blue set back.",
        "The return label won't print.",
        "When do I get my money for the parcel that I sent back?",
    ),
}
OWN_WORDS: Mapping[str, str] = {
    "de": "Guten Tag! Können Sie mir kurz helfen?",
    "fr": "Bonjour, j’ai une question sur ma commande.",
    "es": "¡Hola! ¿Me pueden ayudar con un pedido?",
    "pt-BR": "Oi, preciso de ajuda com o meu pedido.",
    "ja": "こんにちは。注文について質問があります。",
    "ar": "مرحبًا، لدي سؤال عن طلبي.",
    "pl": "Dzień dobry, mam pytanie o zamówienie.",
    "tr": "Merhaba, siparişimle ilgili bir sorum var.",
    "el": "Καλησπέρα, έχω μια ερώτηση για την παραγγελία μου.",
    "uk": "Добрий день, маю питання щодо замовлення.",
    "he": "שלום, יש לי שאלה על ההזמנה שלי.",
    "zh": "你好，我想问一下我的订单。",
    "hi": "नमस्ते, मुझे अपने ऑर्डर के बारे में पूछना है।",
}
ANSWERS = (
    "Let me look that up for you.",
    "Thank you, I have your order in front of me now.",
    "One moment, please: I am asking the workshop.",
    "I can see it here. That should not have happened, sorry.",
    "Done. You will find it in your mail in a few minutes.",
)
MORE = (
    "Thank you!",
    "Yes, that is the right address.",
    "Are you still there?",
    "How long will that take?",
    "It was last Tuesday, I think.",
)


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who opens a chat."""

    first_name: str
    last_name: str
    locale: str
    queue: str
    segment: str
    order_number: str

    @property
    def user_data(self) -> dict[str, str]:
        """The data that the site's workflow would attach."""
        known = {
            "FirstName": self.first_name,
            "LastName": self.last_name,
            "Segment": self.segment,
            "OrderNumber": self.order_number,
        }
        return {key: value for key, value in known.items() if value}

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


TESTER = Customer("Testa", "Trial", "en", "try-out", "regular", "HW-10000")


def a_customer(random: Random, queue: str = "") -> Customer:
    """Return a random customer, of this queue if one is given. One in ten has no name, one in three
    no order."""
    first, last, locale = random.choice(NAMES)
    is_named = random.random() > 0.1
    return Customer(
        first_name=first if is_named else "",
        last_name=last if is_named else "",
        locale=locale,
        queue=queue or random.choice(QUEUES),
        segment=random.choice(SEGMENTS),
        order_number=f"HW-{random.randrange(10_000, 99_999)}" if random.random() < 0.67 else "",
    )


def an_interaction_id(random: Random) -> str:
    """Return 16 letters and digits, like the vendor's ids."""
    return "0001" + "".join(random.choices(ascii_uppercase + digits, k=12))
