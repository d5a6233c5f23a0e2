"""What the made history says: texts and names in several scripts."""

FIRST = (
    *("Maria", "Anna", "Martin", "John", "Jean", "Peter", "Sofia", "Lucas", "Emma", "Ivan"),
    *("Olga", "Mehmet", "Zoë", "Jürgen", "Ahmed", "Fatima", "Chloé", "Bob", "Alice", "Sven"),
)
LAST = (
    *("Martin", "Schmidt", "Müller", "Silva", "Garcia", "Smith", "Jones", "Nowak", "Rossi"),
    *("Dubois", "Johansson", "Papadopoulos", "Yılmaz", "O'Neill", "van den Berg", "Kowalski"),
)
OTHER_SCRIPTS = (
    "王小明",
    "李伟",
    "佐藤健",
    "鈴木一郎",
    "김민준",
    "Дмитрий Иванов",
    "محمد علي",
    "สมชาย ใจดี",
)
# {name} stands for the customer; some texts have none.
TEXTS = (
    "Hello {name}, thank you for waiting. An agent will be with you shortly; all of our agents are "
    "helping other customers at the moment, and yours is next in the queue.",
    "We are aware of a problem with payments by card. Our engineers are working on it, and you do "
    "not need to do anything: please do not pay a second time for the same order.",
    "Good day {name}. Your parcel has been delayed by the weather, and will leave our warehouse "
    "tomorrow morning. You can follow it at any time under your orders.",
    "Guten Tag {name}, vielen Dank für Ihre Geduld. Ein Mitarbeiter ist gleich für Sie da; bitte "
    "schließen Sie dieses Fenster nicht, sonst verlieren Sie Ihren Platz.",
    "Здравствуйте, {name}! Спасибо за ожидание. Оператор скоро ответит вам, пожалуйста, "
    "оставайтесь на связи и не закрывайте это окно.",
    "{name} 您好,感谢您的耐心等待。客服人员很快就会为您服务,请不要关闭此窗口。"
    "目前咨询的客户较多,给您带来不便,敬请谅解。",
    "お待たせしております。担当者がまもなく対応いたしますので、この画面を閉じずに"
    "お待ちください。ご不便をおかけして申し訳ございません。",
    "Note for staff: this customer has called before about the same invoice. Please read the "
    "remarks of the last chat before you answer, and offer the discount at once.",
)
# So rare that a search has to look through all of it.
RARE = "quincunx"
PEOPLE = (
    *(f"{first} {last}" for first in ("Sue", "Martin", "Ann", "Priya") for last in LAST),
    *(f"Agent {number:03}" for number in range(80)),
)
