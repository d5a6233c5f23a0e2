"""static/verify-delivery.html, opened from the disk in a real browser without a network.

The proofs are made by tests/sends/proof_maker.py, which knows docs/proof-format.md alone. So the
page is held to the format, and not to what the console happens to write.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from playwright.sync_api import Browser, Page, expect

from console.audit import verify
from tests.sends import proof_maker as maker
from tests.sends.proof_maker import CONSOLE, DELIVERY, SEND, WITNESSES, Maker
from tests.support import axe
from tests.support.browsing import Complaints
from tests.support.page_policy import PAGE

pytestmark = pytest.mark.browser

KEY = maker.b64(maker.public(CONSOLE))
VKEYS = [maker.vkey(name) for name in WITNESSES]
GIVEN = {"key": KEY, "witnesses": "\n".join(VKEYS), "needed": 2}
# The page's own function, or what it says of the keys that it was given.
CALL = """([files, given, isBrief]) => files.map((file) => {
  const bytes = Uint8Array.from(atob(file), (character) => character.charCodeAt(0));
  try { return verifyDelivery(bytes, given, isBrief); }
  catch (error) {
    if (!(error instanceof Unusable)) throw error;
    return { holds: false, unusable: error.field, said: error.message };
  }
}).map(({ entries, ...report }) => report)"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1024, "height": 900})
    context.set_offline(True)
    opened = context.new_page()
    opened.goto(PAGE.as_uri())
    yield opened
    context.close()


def ask(page: Page, *files: bytes, is_brief: bool = False, **given: Any) -> list[dict[str, Any]]:
    sent = [[maker.b64(file) for file in files], {**GIVEN, **given}, is_brief]
    return list(page.evaluate(CALL, sent))


def broken(report: dict[str, Any]) -> int | None:
    """The first step that does not hold."""
    steps = [step["number"] for step in report["steps"] if step["state"] == "broken"]
    assert report["holds"] == (not steps)
    if steps:
        assert (report["proved"], report["unproved"], report.get("text")) == ([], [], None)
    return steps[0] if steps else None


def sentences(report: dict[str, Any]) -> str:
    return "\n".join(
        "".join(piece if isinstance(piece, str) else piece["value"] for piece in sentence)
        for _label, said in report["proved"]
        for sentence in said
    )


def test_a_proof_that_holds(page: Page) -> None:
    (report,) = ask(page, Maker().file())
    assert broken(report) is None
    assert [step["state"] for step in report["steps"]] == ["holds"] * 10
    assert report["text"] == maker.TEXT
    said = sentences(report)
    for words in (
        "Ann Agent (user:2) asked for it at 2026-11-30 09:05:07 UTC, with send 41",
        "Eddy Editor (user:4) wrote it. Rita \u05e8\u05d9\u05d8\u05d4 (user:5) reviewed it.",
        "\u05d4 (user:5) approved the version at 2026-11-30 09:03:07 UTC (entry 3). "
        "How it was confirmed is not in the file.",
        "Sue Supervisor (user:3) approved the send at 2026-11-30 09:06:07 UTC (entry 6). "
        "That is another than who asked for it.",
        "Delivery 907 ended as delivered at 2026-11-30 09:09:07 UTC, in the chat chat-907",
        "log console.example/ledger, under its head of 11 entries",
        "The witness witness.example/w2 cosigned this head at 2026-11-30 12:01:30 UTC",
        "Asked by \u27e8U+202E\u27e9evil",  # what turns a line around is shown, and does nothing
    ):
        assert words in said
    weak = [words for words in report["unproved"] if "approved" in words]
    assert weak == [
        "That it was these persons who approved (entry 3, 6): no security key signed that."
    ]


def without(said: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in names}


def changed(of: Maker | None = None, **changes: Any) -> bytes:
    """A file that says something else, which the console signed."""
    return maker.signed({**(of or Maker()).said(), **changes})


def entry_changed(place: int, change: Callable[[dict[str, Any]], Any]) -> bytes:
    said = Maker().said()
    change(said["entries"][place])
    return maker.signed(said)


def item_changed(**changes: Any) -> bytes:
    return entry_changed(3, lambda entry: entry["item"].update(changes))


def in_tree(*entries: maker.Entry, shown: dict[int, int | None] | None = None) -> bytes:
    """A proof of entries that are in the tree, whatever they say. The last is about deliveries."""
    numbers = range(1, len(entries) + 1)
    places = {seq: 1 if entries[seq - 1].items else None for seq in numbers}
    return Maker(list(entries), places if shown is None else shown).file()


def with_head(change: Callable[[str, str], str]) -> bytes:
    """With another head, made of the checkpoint's text and the lines of signatures."""
    text, _, lines = Maker().head().partition("\n\n")
    return changed(head=change(f"{text}\n", lines))


def swapped() -> bytes:
    """What two entries say, and where they are said to be, change places."""
    said = Maker().said()
    first, second = said["entries"][1], said["entries"][2]
    for name in ("leaf", "salt"):
        first[name], second[name] = second[name], first[name]
    return maker.signed(said)


def of_another_console() -> bytes:
    return Maker(key=maker.private("another")).file()


def other_signature() -> bytes:
    said = Maker().said()
    return maker.signed(said, maker.private("another"))


def other_tree() -> bytes:
    """The head is the console's, but of a tree in which one entry is another one."""
    return changed(head=replace(Maker(), ledger=[*maker.ledger()[:-1], maker.approved()]).head())


def version_said(**changes: Any) -> str:
    return maker.canonical({**maker.VERSION, **changes})


def renamed(origin: str) -> bytes:
    """The head of another log, which the console's key signed under the name of this one."""
    text = Maker(origin=origin).checkpoint()
    return changed(head=f"{text}\n{maker.line(maker.ORIGIN, 1, CONSOLE, text)}")


def twice_delivered() -> bytes:
    return in_tree(maker.created(), maker.ended(), maker.ended(status="failed"))


def of_deliveries(**changes: Any) -> bytes:
    return in_tree(maker.created(), replace(maker.ended(), **changes))


def hash_changed(change: Callable[[str], str]) -> bytes:
    first, *rest = Maker().said()["hashes"]
    return changed(hashes=[change(first), *rest])


def hash_twice() -> bytes:
    said = Maker().said()
    path, other = (said["entries"][place]["path"] for place in (1, 2))
    assert path[1] == other[1]  # they are neighbours
    said["hashes"].append(said["hashes"][path[1]])
    path[1] = len(said["hashes"]) - 1
    return maker.signed(said)


def after(digit: str) -> str:
    """The digit of base64 that follows, which differs in the last bit alone."""
    return chr(ord(digit) + 1)


def cosignature(name: str) -> str:
    return maker.cosigned(name, maker.private(name), "", 0)


def behind_a_full_list() -> bytes:
    """Of 4 the path to 5 would be that to 1."""
    items = [maker.item(number) for number in (1, DELIVERY, 2, 3)]
    said = Maker([maker.created(), replace(maker.ended(), items=items)], {1: None, 2: 1}).said()
    said["entries"][1]["item"]["index"] = 5
    return maker.signed(said)


BROKEN: dict[str, tuple[int, Callable[[], bytes]]] = {
    # 1: form
    "a key more": (1, lambda: changed(note="x")),
    "a key more in an entry": (1, lambda: entry_changed(0, lambda entry: entry.update(at=1))),
    "a key more in an item": (1, lambda: item_changed(at=1)),
    "no version": (1, lambda: maker.signed(without(Maker().said(), "version"))),
    "no entries": (1, lambda: maker.signed(without(Maker().said(), "entries"))),
    "a text without its salt": (1, lambda: maker.signed(without(Maker().said(), "text_salt"))),
    "another format": (1, lambda: changed(format=2)),
    "another kind": (1, lambda: changed(kind="send")),
    "a number as a text": (1, lambda: changed(delivery=str(DELIVERY))),
    "a truth as a number": (1, lambda: changed(format=True)),
    "a day that there is not": (1, lambda: changed(made_at="2026-02-30T00:00:00.000000Z")),
    "a hash twice": (1, lambda: changed(hashes=[*(said := Maker().said()["hashes"]), said[0]])),
    "a hash for nothing": (
        1,
        lambda: changed(hashes=[*Maker().said()["hashes"], maker.b64(bytes(32))]),
    ),
    "a short hash": (1, lambda: changed(hashes=[maker.b64(bytes(31))])),
    "a hash in another form": (
        1,
        lambda: hash_changed(lambda text: text[:-2] + after(text[-2]) + "="),
    ),
    "a hash in another alphabet": (1, lambda: hash_changed(lambda text: f"-{text[1:]}")),
    "a long hash": (1, lambda: hash_changed(lambda text: maker.b64(bytes(33)))),
    "a hash twice, and both are used": (1, hash_twice),
    "a place behind the last hash": (
        1,
        lambda: entry_changed(0, lambda entry: entry["path"].append(99)),
    ),
    "a place before the first": (
        1,
        lambda: entry_changed(0, lambda entry: entry["path"].append(-1)),
    ),
    "entries out of order": (1, lambda: changed(entries=Maker().said()["entries"][::-1])),
    "an entry twice": (
        1,
        lambda: changed(entries=[(said := Maker().said()["entries"])[0], *said]),
    ),
    "a version in another form": (1, lambda: changed(version=json.dumps(maker.VERSION))),
    "an empty time stamp": (1, lambda: changed(timestamp="")),
    # 2: the file's signature
    "another console": (2, of_another_console),
    "another's signature": (2, other_signature),
    "another key's number": (2, lambda: changed(key_id="0" * 16)),
    "something else is signed": (
        2,
        lambda: Maker().file().replace(b'"made_at":"2026', b'"made_at":"2025'),
    ),
    # 3: the head
    "another log's head": (3, lambda: renamed("another.example/log")),
    "the head of another key": (
        3,
        lambda: changed(head=Maker(key=maker.private("another")).head()),
    ),
    "a head that was changed": (3, lambda: with_head(lambda text, at: f"{text}more\n\n{at}")),
    "a witness alone": (
        3,
        lambda: with_head(lambda text, at: f"{text}\n{at.partition(chr(10))[2]}"),
    ),
    "a signature that does not fit beside one that does": (
        3,
        lambda: with_head(
            lambda text, at: f"{text}\n{at}{maker.line(maker.ORIGIN, 1, CONSOLE, 'x')}"
        ),
    ),
    "no signature": (3, lambda: with_head(lambda text, _at: f"{text}\n")),
    "a head without its end": (3, lambda: with_head(lambda text, at: f"{text}\n{at[:-1]}")),
    "a size with a zero before it": (
        3,
        lambda: with_head(lambda text, _at: noted(text.replace("\n11\n", "\n011\n"))),
    ),
    "more signatures than anybody has": (
        3,
        lambda: with_head(lambda text, at: f"{text}\n{at}{cosignature('x') * 100}"),
    ),
    "a very long head": (
        3,
        lambda: with_head(lambda text, _at: noted(text + "more\n" * 60_000)),
    ),
    "a dash of another kind": (
        3,
        lambda: with_head(
            lambda text, at: f"{text}\n{at}{cosignature('x').replace(chr(8212), '-')}"
        ),
    ),
    "a signature of no bytes": (
        3,
        lambda: with_head(
            lambda text, at: f"{text}\n{at}{maker.signature_line('x', bytes(4), b'')}"
        ),
    ),
    "an empty line in the head": (
        3,
        lambda: with_head(lambda text, _at: noted(f"{text}\nmore\n")),
    ),
    "a short root": (
        3,
        lambda: with_head(
            lambda text, _at: noted(f"{text[: text.index(chr(10), 23)]}\n{maker.b64(bytes(31))}\n")
        ),
    ),
    "a control character": (3, lambda: with_head(lambda text, _at: noted(f"{text}\t\n"))),
    # 4: the tree
    "another tree": (4, other_tree),
    "swapped entries": (4, swapped),
    "another person in an entry": (
        4,
        lambda: entry_changed(
            2, lambda entry: entry.update(leaf=entry["leaf"].replace("Sue", "Eve"))
        ),
    ),
    "an entry's salt": (4, lambda: entry_changed(0, lambda entry: entry.update(salt="0" * 32))),
    "an entry's number": (4, lambda: entry_changed(0, lambda entry: entry.update(seq=2))),
    "a number behind the tree's end": (
        4,
        lambda: entry_changed(3, lambda entry: entry.update(seq=12)),
    ),
    "a longer path": (4, lambda: entry_changed(0, lambda entry: entry["path"].append(0))),
    "a moved item": (4, lambda: item_changed(index=0)),
    # Of 4 the path would be the same: a root does not say of how many leaves it is.
    "an item of more": (4, lambda: item_changed(of=5)),
    "an item behind its list": (4, lambda: item_changed(index=3)),
    "an item behind its full list": (4, behind_a_full_list),
    "a leaf with another number": (
        4,
        lambda: in_tree(replace(maker.created(), more={"seq": 2}), maker.ended()),
    ),
    "a leaf with a number as a name": (
        4,
        lambda: in_tree(replace(maker.created(), more={"actor_name": 5}), maker.ended()),
    ),
    "a leaf with a key more": (
        4,
        lambda: in_tree(replace(maker.created(), more={"by": ""}), maker.ended()),
    ),
    "an item that is a list": (4, lambda: of_deliveries(items=[[], [], []])),
    "another item": (4, lambda: item_changed(said=maker.canonical(maker.item(DELIVERY)) + " ")),
    "an item's salt": (4, lambda: item_changed(salt="0" * 32)),
    "an item where no deliveries are": (
        4,
        lambda: entry_changed(
            1, lambda entry: entry.update(item=Maker().said()["entries"][3]["item"])
        ),
    ),
    "an item in another form": (
        4,
        lambda: in_tree(maker.created(), replace(maker.ended(), items=[{"id": 0.5}] * 3)),
    ),
    # 5: the send
    "nobody asked": (5, lambda: in_tree(maker.approved(), maker.ended())),
    "two asked": (5, lambda: in_tree(maker.created(), maker.created(), maker.ended())),
    "another send was asked for": (5, lambda: in_tree(maker.created(SEND + 1), maker.ended())),
    "the outcome of another send": (5, lambda: in_tree(maker.created(), maker.ended(SEND + 1))),
    "another send's approval": (
        5,
        lambda: in_tree(
            maker.created(), maker.Entry("send.approved", ("send", "42")), maker.ended()
        ),
    ),
    "not a send": (
        5,
        lambda: in_tree(replace(maker.created(), target=("notice", str(SEND))), maker.ended()),
    ),
    "an entry about something else": (
        5,
        lambda: in_tree(maker.created(), maker.Entry("user.created", ("user", "1")), maker.ended()),
    ),
    "something else about this send": (
        5,
        lambda: in_tree(
            maker.created(), maker.Entry("texts.erased", ("send", str(SEND))), maker.ended()
        ),
    ),
    # 6: the outcome
    "no outcome": (6, lambda: in_tree(maker.created())),
    "two outcomes": (6, twice_delivered),
    "only a late answer": (6, lambda: of_deliveries(action="deliveries.late_answer")),
    "another delivery": (6, lambda: in_tree(maker.created(), maker.ended(first=1))),
    "another delivery's late answer": (
        6,
        lambda: in_tree(
            maker.created(),
            maker.ended(),
            replace(maker.ended(first=1), action="deliveries.resolved"),
        ),
    ),
    "deliveries in the request": (
        6,
        lambda: in_tree(replace(maker.created(), items=[{}, maker.item(DELIVERY)]), maker.ended()),
    ),
    "deliveries that are not shown": (
        6,
        lambda: in_tree(
            replace(maker.created(), items=[maker.item(DELIVERY)]),
            maker.ended(),
            shown={1: None, 2: 1},
        ),
    ),
    "an outcome without its item": (
        6,
        lambda: in_tree(maker.created(), maker.ended(), shown={1: None, 2: None}),
    ),
    # 7: the version
    "another reviewer": (7, lambda: changed(version=version_said(reviewer_name="Eve"))),
    "another text of the version": (7, lambda: changed(version=version_said(bodies={"en": ""}))),
    "a version that is a list": (
        7,
        lambda: changed(
            Maker(
                [maker.created(version_sha256=maker.sha256(b"[]").hex()), maker.ended()],
                {1: None, 2: 1},
                more={"version": "[]"},
            )
        ),
    ),
    "another version": (
        7,
        lambda: changed(Maker([maker.created(version=2), maker.ended()], {1: None, 2: 1})),
    ),
    "another notice": (7, lambda: in_tree(maker.created(notice="x"), maker.ended())),
    "no digest of the version": (
        7,
        lambda: in_tree(maker.created(version_sha256=None), maker.ended()),
    ),
    "the approval of another version": (
        7,
        lambda: in_tree(maker.created(), maker.approved("delivery-late/2"), maker.ended()),
    ),
    "the approval of something else": (
        7,
        lambda: in_tree(
            replace(maker.approved(), target=("playbook", "delivery-late/3")),
            *(maker.created(), maker.ended()),
        ),
    ),
    # 8: the text
    "another text": (8, lambda: changed(text=f"{maker.TEXT} ")),
    "another salt": (8, lambda: changed(text_salt="3f9a12")),
    "a text where none was": (8, lambda: in_tree(maker.created(), maker.ended(text=None))),
    # 9: the witnesses
    "too few witnesses": (9, lambda: Maker(witnesses=WITNESSES[:1]).file()),
    "no witness": (9, lambda: Maker(witnesses=()).file()),
    "a witness of the same name": (9, lambda: witnessed("another", "another")),
    "another's signature as the witness's": (9, lambda: witnessed(WITNESSES[1], "another")),
    "a witness of another text": (9, lambda: witnessed(WITNESSES[1], WITNESSES[1], "x")),
    "one witness twice": (9, lambda: witnessed(WITNESSES[0], WITNESSES[0])),
}


def noted(text: str) -> str:
    return f"{text}\n{maker.line(maker.ORIGIN, 1, CONSOLE, text)}"


def witnessed(claimed: str, signer: str, more: str = "") -> bytes:
    """The second cosignature has the number of the key of `claimed`, and `signer` made it."""
    made = Maker(witnesses=WITNESSES[:1])
    text, name = made.checkpoint(), claimed if claimed in WITNESSES else WITNESSES[1]
    at = 1_796_040_090
    value = maker.private(signer).sign(f"cosignature/v1\ntime {at}\n{text}{more}".encode())
    number = maker.key_id(name, 4, maker.private(claimed))
    line = maker.signature_line(name, number, at.to_bytes(8) + value)
    return changed(head=f"{made.head()}{line}")


def test_every_single_violation(page: Page) -> None:
    reports = ask(page, *(make() for _step, make in BROKEN.values()))
    found = dict(zip(BROKEN, map(broken, reports), strict=True))
    assert found == {name: step for name, (step, _make) in BROKEN.items()}
    # Brief is the same, at the first of them.
    brief = ask(page, *(make() for _step, make in BROKEN.values()), is_brief=True)
    assert [report["broken"] for report in brief] == [step for step, _make in BROKEN.values()]


# What verify.py lets pass, since it proves nothing false.
STRICTER_HERE = {
    *("a truth as a number", "a day that there is not", "a hash for nothing"),
    *("an empty time stamp", "a signature that does not fit beside one that does"),
    *("a hash in another form", "more signatures than anybody has"),
    *("a leaf with a number as a name", "a leaf with a key more"),
}


def test_the_other_verifier_finds_the_same() -> None:
    """verify.py and the page have no line in common. Both read the same format."""
    keys, witnesses = verify.Keys([KEY]), [verify.witness_of(text) for text in VKEYS]

    def holds(file: bytes) -> bool:
        return verify.verify_delivery_bytes(file, keys, witnesses, 2).holds

    assert holds(Maker().file())
    assert {name for name, (_step, make) in BROKEN.items() if holds(make())} <= STRICTER_HERE


def test_both_read_the_published_vectors(page: Page) -> None:
    from tests.sends.proof_vectors import FILE, written

    assert FILE.read_text("utf-8") == written(), "python -m tests.sends.proof_vectors"
    said = json.loads(FILE.read_text("utf-8"))
    assert {each.get("step") for each in said["vectors"]} == {None, *range(1, 11)}
    keys = verify.Keys([said["public_key"]])
    witnesses = [verify.witness_of(text) for text in said["witnesses"]]
    files = [each["proof"].encode() for each in said["vectors"]]
    approvers = verify.approvers_of(said["approvers"])
    given = {"witnesses": "\n".join(said["witnesses"]), "needed": said["needed"]}
    given["approvers"] = "\n".join(said["approvers"])
    reports = ask(page, *files, **given)
    for each, file, report in zip(said["vectors"], files, reports, strict=True):
        other = verify.verify_delivery_bytes(file, keys, witnesses, said["needed"], approvers)
        assert (report["holds"], other.holds) == (each["holds"], each["holds"]), each["name"]
        assert broken(report) == each.get("step"), each["name"]


def written_otherwise() -> dict[str, bytes]:
    """The same object in other forms, each signed as its text stands."""
    said = Maker().said()
    plain = maker.canonical(said)
    forms = {
        "blanks": json.dumps(said, sort_keys=True, ensure_ascii=False),
        "escapes": json.dumps(said, sort_keys=True, separators=(",", ":")),
        "unsorted": json.dumps(said, separators=(",", ":"), ensure_ascii=False),
        "a key twice": plain.replace('"format":1,', '"format":1,"format":1,'),
        "a slash with a sign before it": plain.replace("example/", r"example\/", 1),
        "a fraction": plain.replace('"format":1,', '"format":1.0,'),
        "an exponent": plain.replace('"format":1,', '"format":1e0,'),
        "a zero before it": plain.replace('"format":1,', '"format":01,'),
        "a minus": plain.replace('"index":1', '"index":-0'),
        "a plus": plain.replace('"format":1,', '"format":+1,'),
        "a comma": plain.replace('"text_salt":"3f9a11",', '"text_salt":"3f9a11",,'),
        "a line feed as it is": plain.replace(r"late.\n", "late.\n"),
        "a line feed by its number": plain.replace(r"late.\n", r"late.\u000a"),
    }
    return {name: text.encode() for name, text in forms.items() if text != plain}


def test_every_other_form_is_refused(page: Page) -> None:
    forms = written_otherwise()
    assert len(forms) == 13
    signature = maker.signature_of
    files = {
        name: body.replace(
            b',"text":', b',"signature":"%b","text":' % signature(body.decode()).encode()
        )
        + b"\n"
        for name, body in forms.items()
    }
    whole = Maker().file()
    files |= {
        "no end": whole[:-1],
        "two ends": whole + b"\n",
        "another end": whole[:-1] + b"\r\n",
        "a mark before it": b"\xef\xbb\xbf" + whole,
        "not UTF-8": whole.replace("\u2013".encode(), b"\xed\xa0\x80"),
        "a longer form of UTF-8": whole.replace(b"console.example", b"c\xc1\xafnsole.example"),
        "nothing": b"",
        "another thing": b"[]\n",
        "deep": b"[" * 100_000,
        "a blank in the signature": whole.replace(b'"signature":"', b'"signature":" '),
    }
    reports = ask(page, *files.values())
    assert {name: broken(report) for name, report in zip(files, reports, strict=True)} == (
        dict.fromkeys(files, 1)
    )


def test_the_form_is_that_of_python(page: Page) -> None:
    """Every character that has an escape, and keys that UTF-16 sorts in another way."""
    values: list[Any] = [
        {chr(number): chr(number) * 2 for number in [*range(256), 0x2028, 0xFFFD, 0x1F69A]},
        {"\uffff": 1, "\U0001f69a": 2, "\U0001f69b": 3, "a": 4, "aa": 5, "": 6},
        {"large": 2**64, "small": -(2**80), "zero": 0},
        [True, False, None, [], {}, [[{"a": []}]]],
        {"__proto__": 1, "constructor": 2, "toString": 3},
    ]
    for value in values:
        text = maker.canonical(value)
        assert page.evaluate("(text) => parsed(text, 'It') !== undefined", text)
    turned = maker.canonical({"\U0001f69a": 2, "a": 4})
    refused = "(text) => { try { parsed(text, 'It'); return ''; } catch (e) { return e.message; } }"
    unsorted = '{"\U0001f69a":2,"\uffff":1}'
    assert "out of order" in page.evaluate(refused, unsorted)
    assert page.evaluate(refused, turned) == ""


def test_no_byte_can_be_another(page: Page) -> None:
    file = maker.small().file()
    given = {"witnesses": VKEYS[0], "needed": 1}
    assert ask(page, file, is_brief=True, **given) == [{"holds": True}]
    reports = ask(page, *maker.flips(file), is_brief=True, **given)
    assert len(reports) == len(file)
    assert [at for at, report in enumerate(reports) if report["holds"]] == []


def test_no_byte_can_be_another_although_the_console_signs_it(page: Page) -> None:
    """Whoever has the console's key today can't change what is in the tree that witnesses saw."""
    file = maker.small().file()
    start = file.index(b',"signature"')
    end = file.index(b'"', start + len(b',"signature":"'))
    places = [at for at in range(len(file) - 1) if not start <= at <= end]
    all_flips = list(maker.flips(file))
    files = [maker.signed_again(all_flips[at]) for at in places]
    reports = ask(page, *files, is_brief=True, witnesses=VKEYS[0], needed=1)
    held = {at for at, report in zip(places, reports, strict=True) if report["holds"]}
    # Only when the proof was made is the console's word alone.
    made = file.index(b'"made_at":"') + len(b'"made_at":"')
    assert held
    assert held <= set(range(made, made + len("2026-11-30T12:00:00.000000")))


def test_a_text_that_was_erased_and_nobody_who_saw_the_head(page: Page) -> None:
    bare = Maker(witnesses=(), more={"timestamp": maker.b64(b"\x30\x00")}).file()
    (report,) = ask(page, bare, witnesses="", needed=0)
    assert broken(report) is None
    assert [step["number"] for step in report["steps"] if step["state"] == "open"] == [8, 9]
    assert report["unproved"][0].startswith("What the text was.")
    assert any("No witness is checked" in words for words in report["unproved"])
    assert any("time stamp" in words for words in report["unproved"])
    assert "The text was" not in sentences(report)


def test_what_came_later_is_said(page: Page) -> None:
    entries = [maker.created(), maker.ended(status="unknown")]
    late = replace(maker.ended(text=None, word="seen"), action="deliveries.resolved")
    (report,) = ask(page, in_tree(*entries, late))
    said = sentences(report)
    assert "The console does not know whether the text arrived." in said
    assert '"word":"seen"' in said
    assert any("somebody approved" in words for words in report["unproved"])


def test_trees_of_every_size(page: Page) -> None:
    """The first and the last leaves of trees up to 20 leaves, and items up to 9."""
    other = maker.Entry("user.signed_in", ("user", "2"))
    files = []
    for size in range(2, 21):
        many = [maker.item(1000 + number) for number in range(size % 9)]
        items = [*many, maker.item(DELIVERY)]
        end = replace(maker.ended(), items=items)
        entries = [maker.created(), *[other] * (size - 2), end]
        files.append(Maker(entries, {1: None, size: len(items) - 1}).file())
    assert [broken(report) for report in ask(page, *files)] == [None] * len(files)


WRONG_KEYS: dict[str, tuple[str, dict[str, Any]]] = {
    "nothing": ("key", {"key": ""}),
    "short": ("key", {"key": maker.b64(bytes(31))}),
    "not in its one form": ("key", {"key": KEY[:-2] + chr(ord(KEY[-2]) + 1) + "="}),
    "hexadecimal": ("key", {"key": maker.public(CONSOLE).hex()}),
    "no point": ("key", {"key": maker.b64(b"\x02" + bytes(31))}),
    "of small order": ("key", {"key": maker.b64(b"\x01" + bytes(31))}),
    "no witness": ("witnesses", {"witnesses": "witness.example"}),
    "a log's key": (
        "witnesses",
        {"witnesses": VKEYS[0].rpartition("+")[0] + "+" + maker.b64(b"\1" + bytes(32))},
    ),
    "another number": ("witnesses", {"witnesses": VKEYS[0].replace("w1", "w3")}),
    "a witness twice": ("witnesses", {"witnesses": f"{VKEYS[0]}\n{VKEYS[0]}"}),
    "the console as its own witness": ("witnesses", {}),
    "more than there are": ("needed", {"needed": 3}),
    "fewer than none": ("needed", {"needed": -1}),
    "a part of one": ("needed", {"needed": 0.5}),
}


@pytest.mark.parametrize("name", WRONG_KEYS)
def test_keys_that_are_none(name: str, page: Page) -> None:
    field, given = WRONG_KEYS[name][0], dict(WRONG_KEYS[name][1])
    if not given:
        number = maker.key_id("self", 4, CONSOLE).hex()
        given = {"witnesses": f"self+{number}+{maker.b64(bytes([4]) + maker.public(CONSOLE))}"}
    (report,) = ask(page, Maker().file(), needed=given.pop("needed", 0), **given)
    assert report["unusable"] == field


def test_large_files(page: Page) -> None:
    """Nothing beyond 5 MB is read. What is smaller takes no more than its share of time."""
    (report,) = ask(page, b" " * (5 * 1024 * 1024 + 1))
    assert report["unusable"] == "file"
    deep = b'{"a":' + b"[" * 60 + b"1" + b",1" * 2_000_000 + b"]" * 60 + b"}\n"
    long = changed(text="\u00e9" * 2_000_000)
    assert [broken(report) for report in ask(page, deep, long)] == [1, 8]


# --- Ed25519 -------------------------------------------------------------------------------------

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
MESSAGE = b"a message"
SOMEBODY: Ed25519PrivateKey = maker.private("somebody")
# The encodings of the points of small order, and of what is y of them without being reduced.
ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD83D3D706A17C7
SMALL = [0, 1, P - 1, ORDER_8, P - ORDER_8]
NOT_REDUCED = [P, P + 1]


def encoded(y: int, sign: int = 0) -> bytes:
    return (y | sign << 255).to_bytes(32, "little")


def edges() -> dict[str, tuple[bytes, bytes, bytes]]:
    """Key, message and signature of each case."""
    key, good = maker.public(SOMEBODY), SOMEBODY.sign(MESSAGE)
    r, s = good[:32], int.from_bytes(good[32:], "little")
    found = {
        "good": (key, MESSAGE, good),
        "nothing signed": (key, b"", SOMEBODY.sign(b"")),
        "another message": (key, b"another", good),
        "S + L": (key, MESSAGE, r + (s + L).to_bytes(32, "little")),
        "S + 2^252": (key, MESSAGE, r + (s | 1 << 252).to_bytes(32, "little")),
        "S with its highest bit": (key, MESSAGE, r + (s | 1 << 255).to_bytes(32, "little")),
        "S = L": (key, MESSAGE, r + L.to_bytes(32, "little")),
        "R with its sign turned": (key, MESSAGE, r[:31] + bytes([r[31] ^ 0x80]) + good[32:]),
        "the key with its sign turned": (key[:31] + bytes([key[31] ^ 0x80]), MESSAGE, good),
        "nothing but zeros": (key, MESSAGE, bytes(64)),
        "short": (key, MESSAGE, good[:63]),
        "long": (key, MESSAGE, good + b"\0"),
        "no key": (b"\x02" + bytes(31), MESSAGE, good),
        "a short key": (key[:31], MESSAGE, good),
    }
    for y in [*SMALL, *NOT_REDUCED]:
        for sign in (0, 1):
            small = encoded(y, sign)
            found[f"key {y} {sign}"] = (small, MESSAGE, encoded(1) + bytes(32))
            found[f"key and R {y} {sign}"] = (small, MESSAGE, small + bytes(32))
            found[f"R {y} {sign}"] = (key, MESSAGE, small + bytes(32))
    return found


def holds_in_python(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def in_the_page(page: Page, cases: list[tuple[bytes, bytes, bytes]]) -> list[bool]:
    return list(
        page.evaluate(
            """(cases) => cases.map((texts) => isSigned(...texts.map((text) =>
              Uint8Array.from(atob(text), (character) => character.charCodeAt(0)))))""",
            [[maker.b64(part) for part in case] for case in cases],
        )
    )


def test_odd_signatures(page: Page) -> None:
    """The page takes what Python's library takes, but for keys of small order: with one of them a
    signature fits other messages too, so that it proves nothing."""
    cases = edges()
    taken = dict(zip(cases, in_the_page(page, list(cases.values())), strict=True))
    assert [name for name, is_taken in taken.items() if is_taken] == ["good", "nothing signed"]
    in_python = {name for name, case in cases.items() if holds_in_python(*case)}
    beyond = in_python - {"good", "nothing signed"}
    assert in_python >= {"good", "nothing signed"}
    assert beyond
    assert all(name.startswith("key ") for name in beyond), beyond


def test_many_signatures(page: Page) -> None:
    """Of messages whose ends lie around those of the blocks of SHA-512."""
    cases, expected = [], []
    for number in range(0, 300, 7):
        private = maker.private(f"somebody {number}")
        message = maker.sha256(bytes([number % 256])) * 12
        signature = private.sign(message[:number])
        cases.append((maker.public(private), message[:number], signature))
        cases.append((maker.public(private), message[: number + 1], signature))
        expected += [True, False]
    assert in_the_page(page, cases) == expected
    assert [holds_in_python(*case) for case in cases] == expected


# --- The page -------------------------------------------------------------------------------------


def fill(page: Page, file: bytes, name: str = "proof.json") -> None:
    page.get_by_label("The console's public key").fill(KEY)
    page.get_by_label("Keys of witnesses").fill("\n".join(VKEYS))
    page.get_by_label("How many of them").fill("2")
    page.get_by_label("Proof of the delivery").set_input_files(
        {"name": name, "mimeType": "application/json", "buffer": file}
    )


def test_the_page_says_what_holds(page: Page) -> None:
    page.reload()
    fill(page, Maker().file())
    verdict = page.get_by_role("heading", name="The proof holds")
    expect(verdict).to_be_focused()
    expect(page.locator(".step.holds")).to_have_count(10)
    expect(page.locator(".message")).to_have_text(maker.TEXT)
    assert page.locator(".message").inner_text() == maker.TEXT
    # Whatever is changed, what was found before is not there any more.
    page.get_by_label("The console's public key").fill("")
    expect(verdict).to_have_count(0)
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_label("The console's public key")).to_be_focused()
    expect(page.locator("#key-wrong")).to_have_text("This is not 32 bytes in base64.")
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_role("heading", name="What you will see")).to_be_visible()
    expect(page.locator("#key-wrong")).to_have_text("")


def test_the_page_says_what_does_not_hold(page: Page) -> None:
    page.reload()
    fill(page, changed(text="Another text"))
    expect(page.get_by_role("heading", name="The proof does not hold: step 8")).to_be_focused()
    expect(page.locator("main")).not_to_contain_text("Ann Agent")
    expect(page.locator(".step.broken")).to_contain_text("The text is not the one whose digest")


def test_a_file_is_dropped(page: Page) -> None:
    page.reload()
    page.get_by_label("The console's public key").fill(KEY)
    page.evaluate(
        """(text) => {
          const dataTransfer = new DataTransfer();
          const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
          dataTransfer.items.add(new File([bytes], "dropped.json"));
          document.body.dispatchEvent(
            new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        maker.b64(Maker().file()),
    )
    expect(page.get_by_role("heading", name="The proof holds")).to_be_visible()
    expect(page.locator(".verdict")).to_contain_text("dropped.json")
    expect(page.locator(".step.open")).to_have_count(1)  # no witness's key is given


def test_with_the_keyboard_alone(page: Page) -> None:
    page.reload()
    fill(page, Maker().file())
    page.get_by_label("Security keys of approvers").press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="The proof holds")).to_be_focused()


@pytest.mark.parametrize("width", [390, 1024, 1440])
def test_how_it_looks(width: int, page: Page) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    found = []
    for file in (None, Maker().file(), changed(text="Another text")):
        page.reload()
        if file:
            fill(page, file)
            expect(page.locator(".verdict")).to_be_visible()
        found += axe.faults(page)
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not page.evaluate(wide)
    assert found == []


def test_without_its_script_it_says_so(browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    still = context.new_page()
    still.goto(PAGE.as_uri())
    expect(still.get_by_text("Nothing is checked here yet")).to_be_visible()
    expect(still.locator("form")).to_be_hidden()
    context.close()


def test_nothing_can_leave_it(page: Page, complaints: Complaints) -> None:
    """Its policy refuses every request, and every script but its own."""
    complaints.expect("Content Security Policy")
    refused = page.evaluate(
        """() => Promise.all([
          fetch("data:,x").then(() => "fetched", () => "refused"),
          new Promise((done) => {
            addEventListener("securitypolicyviolation", () => done("refused"), { once: true });
            document.body.append(Object.assign(document.createElement("script"), { text: "1" }));
          }),
        ])"""
    )
    assert refused == ["refused", "refused"]
