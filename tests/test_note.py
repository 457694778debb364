"""Signed notes: the specification's own example, our keys, and notes of every wrong form."""

import base64
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from domain.proof.merkle import EMPTY_ROOT, leaf_hash
from domain.proof.note import (
    COSIGNATURE,
    ED25519,
    LARGEST_NOTE,
    BadNote,
    Checkpoint,
    Key,
    Signed,
    cosign,
    parse,
    sign,
    verify,
    with_signatures,
)

ORIGIN = "ocop.example/log"
LOG = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
WITNESS = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
LOG_KEY = Key.of(ORIGIN, LOG)
WITNESS_KEY = Key.of("witness.example/w1", WITNESS, COSIGNATURE)
CHECKPOINT = Checkpoint(ORIGIN, 20852163, leaf_hash(b"root"))
NOTE = sign(CHECKPOINT, ORIGIN, LOG)
COSIGNED = with_signatures(NOTE, [cosign(CHECKPOINT, WITNESS_KEY.name, WITNESS, 1_679_315_147)])

# The verifier key and note of the documentation of Go's sumdb/note, whose body is no checkpoint but whose key is one.
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
# The example of C2SP tlog-cosignature.
C2SP_NOTE = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa"
    " Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1"
    " jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)


def test_a_checkpoint_is_signed_and_read_back() -> None:
    root = base64.b64encode(CHECKPOINT.root).decode()

    assert NOTE.startswith(f"{ORIGIN}\n20852163\n{root}\n\n— {ORIGIN} ")
    assert parse(NOTE).checkpoint == CHECKPOINT
    assert verify(NOTE, [LOG_KEY]) == (CHECKPOINT, [Signed(LOG_KEY)])


def test_a_witness_says_when_it_saw_it() -> None:
    assert verify(COSIGNED, [LOG_KEY, WITNESS_KEY])[1] == [Signed(LOG_KEY), Signed(WITNESS_KEY, 1_679_315_147)]
    assert verify(COSIGNED, [WITNESS_KEY])[1] == [Signed(WITNESS_KEY, 1_679_315_147)]


def test_who_cosigns_again_replaces_his_line() -> None:
    again = with_signatures(COSIGNED, [cosign(CHECKPOINT, WITNESS_KEY.name, WITNESS, 1_700_000_000)])

    assert verify(again, [WITNESS_KEY])[1] == [Signed(WITNESS_KEY, 1_700_000_000)]
    assert len(parse(again).signatures) == 2


def test_an_unknown_key_has_said_nothing() -> None:
    stranger = Key.of(ORIGIN, WITNESS)  # the same name, another key
    same_key_as_witness = Key.of(ORIGIN, LOG, COSIGNATURE)

    assert verify(COSIGNED, [stranger, same_key_as_witness]) == (CHECKPOINT, [])
    assert verify(COSIGNED, []) == (CHECKPOINT, [])


def test_published_keys_and_notes_are_read() -> None:
    go = Key.parse(GO_VKEY)
    parsed = parse(C2SP_NOTE)

    assert (go.name, go.id.hex(), go.vkey) == ("PeterNeumann", "c74f20a3", GO_VKEY)
    assert parsed.text == C2SP_NOTE
    assert parsed.checkpoint.size == 20852163
    assert struct.unpack(">Q", parsed.signatures[1].value[:8]) == (1679315147,)


@given(st.binary(min_size=32, max_size=32), st.sampled_from((ED25519, COSIGNATURE)))
def test_a_verifier_key_reads_back(secret: bytes, algorithm: int) -> None:
    key = Key.of("log.example/1", Ed25519PrivateKey.from_private_bytes(secret), algorithm)

    assert Key.parse(key.vkey) == key


@given(st.integers(0, len(COSIGNED) - 1), st.integers(0, 0x7F))
def test_no_character_of_a_note_can_be_another(at: int, code: int) -> None:
    changed = COSIGNED[:at] + chr(code) + COSIGNED[at + 1 :]
    if changed == COSIGNED:
        return
    try:
        checkpoint, signed = verify(changed, [LOG_KEY, WITNESS_KEY])
    except BadNote:
        return
    # What is left is a line whose name or key id is no longer the known key's.
    assert checkpoint == CHECKPOINT
    assert len(signed) == 1


@given(st.text(max_size=200) | st.text("— \n+0aA=/", max_size=60).map(lambda tail: NOTE + tail))
def test_no_text_raises_anything_but_bad_note(text: str) -> None:
    for read in (parse, Key.parse):
        try:
            read(text)
        except BadNote:
            continue


BODY, _, LINES = NOTE.partition("\n\n")
ROOT = base64.b64encode(EMPTY_ROOT).decode()


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "\n\n",
        BODY,
        BODY + "\n",
        BODY + "\n\n",
        BODY + "\n\n" + LINES.rstrip("\n"),
        BODY + "\n\n" + LINES + "\n",
        BODY + "\n\n" + LINES + LINES,
        BODY + "\n\n\n" + LINES,
        BODY + "\nextension\n\n" + LINES,
        "\n" + NOTE,
        NOTE.replace("— ", "- "),
        NOTE.replace("— ", "—"),
        NOTE.replace("\n", "\r\n"),
        NOTE.replace("20852163", "020852163"),
        NOTE.replace("20852163", "+20852163"),
        NOTE.replace("20852163", "-1"),
        NOTE.replace("20852163", ""),
        NOTE.replace("20852163", "2085216३"),
        NOTE.replace("20852163", "9" * 19),
        NOTE.replace("20852163", "9" * 5000),
        f"{ORIGIN}\n1\n{ROOT[:-4]}\n\n{LINES}",
        f"{ORIGIN}\n1\n{ROOT.rstrip('=')}\n\n{LINES}",
        f"{ORIGIN}\n1\n{ROOT[:-2]}V=\n\n{LINES}",  # the same bytes, written otherwise
        f"{ORIGIN}\n1\n {ROOT}\n\n{LINES}",
        f"hai chữ\n1\n{ROOT}\n\n{LINES}",
        f"{ORIGIN}\n1\n{ROOT}\n\n— {ORIGIN} AAAAAA==\n",
        f"{ORIGIN}\n1\n{ROOT}\n\n— {ORIGIN} AAAA\n",
        f"{ORIGIN}\n1\n{ROOT}\n\n— a+b AAAAAAAA\n",
        f"{ORIGIN}\n1\n{ROOT}\n\n— \udc80 AAAAAAAA\n",
        BODY + "\n\n" + "".join(f"— w{n} AAAAAAAA\n" for n in range(65)),
        NOTE + " " * LARGEST_NOTE,
    ],
)
def test_a_note_not_in_its_form_is_refused(note: str) -> None:
    with pytest.raises(BadNote):
        verify(note, [LOG_KEY])


def test_sixteen_signatures_are_not_too_many() -> None:
    many = with_signatures(NOTE, [f"— w{n} {base64.b64encode(bytes(4000)).decode()}\n" for n in range(15)])

    assert verify(many, [LOG_KEY])[1] == [Signed(LOG_KEY)]


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "++",
        GO_VKEY.replace("c74f20a3", "c74f20a4"),
        GO_VKEY.replace("c74f20a3", "C74F20A3"),
        GO_VKEY.replace("Peter", "peter"),
        GO_VKEY.replace("PeterNeumann", "Peter Neumann"),
        GO_VKEY + "\n",
        GO_VKEY[:-1],
        GO_VKEY + "AAAA",
        GO_VKEY.replace("+ARpc", "+Axpc"),
        "a+00000000+====",
    ],
)
def test_a_verifier_key_not_in_its_form_is_refused(vkey: str) -> None:
    with pytest.raises(BadNote):
        Key.parse(vkey)


def test_a_false_signature_of_a_known_key_condemns_the_note() -> None:
    other = Checkpoint(ORIGIN, CHECKPOINT.size + 1, CHECKPOINT.root)
    moved = sign(other, ORIGIN, LOG).partition("\n\n")[0] + "\n\n" + LINES
    late = cosign(CHECKPOINT, WITNESS_KEY.name, WITNESS, 5)
    dated = WITNESS_KEY.line(struct.pack(">Q", 6) + parse(with_signatures(NOTE, [late])).signatures[1].value[8:])
    short = LOG_KEY.line(b"short")

    for note in (moved, with_signatures(NOTE, [dated]), BODY + "\n\n" + short):
        with pytest.raises(BadNote):
            verify(note, [LOG_KEY, WITNESS_KEY])
    impossible = WITNESS_KEY.line(struct.pack(">Q", 2**63) + bytes(64))
    with pytest.raises(BadNote):
        verify(with_signatures(NOTE, [impossible]), [WITNESS_KEY])


@pytest.mark.parametrize(("origin", "size", "root"), [("", 1, EMPTY_ROOT), ("a b", 1, EMPTY_ROOT), ("a", 1, b"")])
def test_a_checkpoint_of_no_possible_log_is_not_made(origin: str, size: int, root: bytes) -> None:
    with pytest.raises(BadNote):
        Checkpoint(origin, size, root)
    with pytest.raises(BadNote):
        Checkpoint("a", -1, EMPTY_ROOT)
    with pytest.raises(BadNote):
        cosign(CHECKPOINT, "w", WITNESS, -1)
