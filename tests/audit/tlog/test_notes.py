"""Signed notes, checkpoints and cosignatures, by the examples of C2SP and against damage."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from console.audit.tlog import notes
from console.audit.tlog.notes import (
    COSIGNATURE,
    BadNote,
    Checkpoint,
    Verifier,
    checkpoint_of,
    parse,
    parse_checkpoint,
    parse_signature,
    parse_vkey,
    verified,
    written,
)

# Of c2sp.org/signed-note.
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""  # noqa: E501 - as it stands there
# Of c2sp.org/tlog-cosignature.
COSIGNED = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""  # noqa: E501
ORIGIN = "console.example/ledger"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key().public_bytes_raw()
LOG = Verifier(ORIGIN, PUBLIC)
WITNESS = Verifier("witness.example/w", PUBLIC, COSIGNATURE)
SAID = Checkpoint(ORIGIN, 77, bytes(32))


def signed(said: Checkpoint = SAID) -> str:
    text = said.text()
    return written(text, [notes.sign(text, said.origin, PRIVATE)])


def test_the_example_of_a_signed_note() -> None:
    verifier = parse_vkey(VKEY)
    assert verifier.vkey() == VKEY
    assert verified(parse(NOTE), verifier) == [None]
    assert parse(NOTE).written() == NOTE
    with pytest.raises(BadNote, match="does not fit"):
        verified(parse(NOTE.replace("an example", "no example")), verifier)


def test_the_example_of_a_cosigned_checkpoint() -> None:
    note = parse(COSIGNED)
    said = parse_checkpoint(note.text)
    assert (said.origin, said.size) == ("example.com/behind-the-sofa", 20852163)
    assert said.text() == note.text
    log, witness = note.signatures
    assert log.name == said.origin
    assert (witness.name, len(witness.value)) == ("witness.example.com/w1", 72)
    assert int.from_bytes(witness.value[:8], "big") == 1679315147


def test_a_checkpoint_is_signed_and_cosigned() -> None:
    text = SAID.text()
    note = parse(
        written(
            text, [notes.sign(text, ORIGIN, PRIVATE), notes.cosign(text, WITNESS.name, PRIVATE, 7)]
        )
    )
    assert verified(note, LOG) == [None]
    assert verified(note, WITNESS) == [7]
    assert parse_vkey(WITNESS.vkey()) == WITNESS
    assert checkpoint_of(note.written(), [LOG], ORIGIN) == SAID


def test_signatures_of_others_count_for_nothing() -> None:
    stranger = Verifier(ORIGIN, Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    assert verified(parse(signed()), stranger) == []
    with pytest.raises(BadNote, match="no key"):
        checkpoint_of(signed(), [stranger], ORIGIN)
    with pytest.raises(BadNote, match="of the log"):
        checkpoint_of(signed(), [LOG], "another/log")
    # As a cosignature it says something else, so the same bytes are no signature of the log.
    text = SAID.text()
    cosigned = written(text, [notes.cosign(text, ORIGIN, PRIVATE, 7)])
    with pytest.raises(BadNote, match="no key"):
        checkpoint_of(cosigned, [LOG], ORIGIN)


@given(data=st.data())
def test_no_changed_byte_of_a_checkpoint_holds(data: st.DataObject) -> None:
    whole = signed().encode()
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = bytes([*whole[:at], whole[at] ^ data.draw(st.integers(1, 255)), *whole[at + 1 :]])
    with pytest.raises(BadNote):
        checkpoint_of(changed, [LOG], ORIGIN)


@given(data=st.binary(max_size=300) | st.text(max_size=300))
def test_anything_is_read_or_refused(data: Any) -> None:
    try:
        note = parse(data)
    except (BadNote, UnicodeEncodeError):
        return
    assert note.written().encode() == (data.encode() if isinstance(data, str) else data)


@pytest.mark.parametrize(
    "note",
    [
        *("", "\n", "text\n", "text\n\n", "text\n\n\n", "text\n\nno signature\n"),
        NOTE[:-1],
        NOTE.replace("\n\n", "\n"),
        NOTE.replace("— ", "- "),
        NOTE.replace("foo Uw", "foo  Uw"),
        NOTE.replace("foo Uw", "fo+o Uw"),
        NOTE.replace("foo Uw", "fo\u00a0o Uw"),
        NOTE.replace("aQM=", "aQM"),
        NOTE.replace("aQM=", "aQN="),  # other unused bits, same bytes
        NOTE.replace("aQM=", "aQM=\n"),
        NOTE.replace("message", "mess\rage"),
        NOTE.replace("message", "mess\x00age"),
        NOTE.replace("— example", "—  example"),
        "text\n\n— name AAAAAA==\n",  # an id, and no signature
        "text\n\n" + "— name AAAAAAA=\n" * 101,
        "x" * 300_000 + "\n\n— name AAAAAAA=\n",
    ],
)
def test_what_is_not_in_the_form_is_refused(note: str) -> None:
    with pytest.raises(BadNote):
        parse(note)
    with pytest.raises(BadNote):
        parse(b"\xff" + note.encode())


def test_sixteen_long_signatures_are_read() -> None:
    line = f"— name {base64.b64encode(bytes(5000)).decode()}\n"
    assert len(parse("text\n\n" + line * 16).signatures) == 16
    assert parse("text\n\nmore\n\n— name AAAAAAA=\n").text == "text\n\nmore\n"


@pytest.mark.parametrize(
    "text",
    [
        *("", "origin\n", "origin\n5\n", "origin\n5\n\n", "\n5\nAAAA\n"),
        "origin\n5\nAAAA\n",
        *(f"origin\n{size}\n{{root}}\n" for size in ("05", "-5", "5 ", "+5", "x", "٥", "1" * 20)),
        f"origin\n{2**63}\n{{root}}\n",
        "origin\n5\n{root}",
        "origin\n5\n{root}\n\n",
        "origin\n5\n{root}\nmore\n\n",
    ],
)
def test_other_texts_are_no_checkpoint(text: str) -> None:
    with pytest.raises(BadNote):
        parse_checkpoint(text.format(root=base64.b64encode(bytes(32)).decode()))


def test_extensions_are_read() -> None:
    said = Checkpoint(ORIGIN, 0, bytes(32), ("more", "and more"))
    assert parse_checkpoint(said.text()) == said


@pytest.mark.parametrize(
    "key",
    [
        *("", "name", "name+00000000", "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"),
        VKEY.replace("530d903a", "530D903A"),
        VKEY.replace("530d903a", "530d903b"),
        VKEY.replace("AekyeR", "AekyeS"),
        VKEY.replace("example.com", "example com"),
        VKEY + "\n",
        "name+5f6b1b2c+",
    ],
)
def test_other_texts_are_no_key(key: str) -> None:
    with pytest.raises(BadNote):
        parse_vkey(key)


def test_a_cosignature_of_no_time_is_refused() -> None:
    text = SAID.text()
    found = parse_signature(notes.cosign(text, WITNESS.name, PRIVATE, 2**63).line()[:-1])
    with pytest.raises(BadNote, match="time"):
        WITNESS.verify(text, found.value)
    with pytest.raises(BadNote):
        WITNESS.verify(text, b"short")
