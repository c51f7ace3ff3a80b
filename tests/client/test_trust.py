"""Trust: a server is known again by its key, and whoever has another is not taken for it."""

import json
import os
import stat
import threading
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import example, given, settings
from hypothesis import strategies as st

from molva.client.trust import (
    Assurance,
    Distrusted,
    Encryption,
    Ground,
    Known,
    Pins,
    Problem,
    Trust,
    assurance_phrases,
    distrust_phrases,
    is_loopback,
    pin_of,
    plain_words,
    words_of,
)
from molva.terms.catalogue import Language, say
from tests.client.presented import HOST, Authority, der, new_key, sign

OURS = Authority("ours")
CHAIN = der(OURS.issue()[1])
WORDS = words_of(pin_of(CHAIN))
OTHER = der(Authority("other").issue()[1])


def problem(error: pytest.ExceptionInfo[Distrusted]) -> Problem:
    return error.value.problem


# -- The pin ------------------------------------------------------------------------------------


def test_the_pin_is_that_of_the_authority_and_outlives_a_certificate() -> None:
    assert pin_of(der(OURS.issue()[1])) == pin_of(CHAIN)
    assert pin_of(CHAIN) == pin_of([CHAIN[1]])
    assert pin_of(OTHER) != pin_of(CHAIN)


def test_a_lone_certificate_is_known_by_its_own_key() -> None:
    key, other = new_key(), new_key()
    first, second = sign(key, "a"), sign(key, "b")
    assert pin_of(der([first])) == pin_of(der([second]))
    assert pin_of(der([first])) != pin_of(der([sign(other, "a")]))


def test_an_authority_that_did_not_sign_is_no_pin() -> None:
    thief = Authority("ours")  # The same name, another key.
    stolen = [thief.issue()[1][0], OURS.certificate]
    assert pin_of(der(stolen)) == pin_of(der(stolen[:1]))
    assert pin_of(der(stolen)) != pin_of(CHAIN)


def test_one_that_signed_and_is_no_authority_is_no_pin() -> None:
    key = new_key()
    leaf = sign(key, "leaf", by=(sign(OURS.key, "authority"), OURS.key))
    chain = [leaf, sign(OURS.key, "authority")]
    assert pin_of(der(chain)) == pin_of(der([leaf]))


def test_an_authority_under_another_one_is_no_pin() -> None:
    """It may be a public one's, which signs for everybody."""
    between = new_key()
    middle = sign(between, "middle", by=(OURS.certificate, OURS.key), authority=True)
    leaf = sign(new_key(), "leaf", by=(middle, between))
    assert pin_of(der([leaf, middle])) == pin_of(der([leaf]))
    assert pin_of(der([leaf, middle, OURS.certificate])) == pin_of(der([leaf]))


@pytest.mark.parametrize("days", [(-10, -0.001), (0.01, 10)])
def test_a_certificate_out_of_its_dates_is_refused(days: tuple[float, float]) -> None:
    with pytest.raises(Distrusted) as refused:
        pin_of(der(OURS.issue(days=days)[1]))
    assert problem(refused) is Problem.EXPIRED


@pytest.mark.parametrize(
    "chain", [[], [b""], [b"x"], [CHAIN[0][:-1]], [b"x", CHAIN[1]], [CHAIN[0], b"\x30\x00"]]
)
def test_what_is_no_certificate_is_refused(chain: list[bytes]) -> None:
    with pytest.raises(Distrusted) as refused:
        pin_of(chain)
    assert problem(refused) is Problem.UNREADABLE


VERSION = CHAIN[0].index(b"\xa0\x03\x02\x01\x02") + 4


@example(VERSION, 0x10)
@settings(deadline=None)
@given(st.integers(0, len(CHAIN[0]) - 1), st.integers(1, 255))
def test_a_certificate_with_a_byte_changed_is_refused_or_somebody_elses(
    place: int, change: int
) -> None:
    broken = bytearray(CHAIN[0])
    broken[place] ^= change
    try:
        pin = pin_of([bytes(broken), CHAIN[1]])
    except Distrusted:
        return
    if pin == pin_of(CHAIN):
        # How many bits of the signature's last byte are unused is not signed: said otherwise, the
        # certificate may be as valid as before. What it says is the same to the last byte.
        assert signed(bytes(broken)) == signed(CHAIN[0])


def signed(certificate: bytes) -> bytes:
    """Return what an authority signed."""
    return x509.load_der_x509_certificate(certificate).tbs_certificate_bytes


# -- The words ----------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_words_are_taken_back_however_they_are_typed(pin: bytes) -> None:
    words = words_of(pin)
    assert len(words.split("-")) == 5
    for typed in (words, words.upper(), words.replace("-", " "), f" {words.replace('-', ' - ')}\n"):
        assert plain_words(typed) == words


@pytest.mark.parametrize(
    "typed",
    ["", "lusab", WORDS[:-1], WORDS + "-babad", "x" * 5, WORDS.replace("a", "e", 1) + "e"],
    # The words are others in each run, and its tests have the same names in every worker.
    ids=["nothing", "one", "a letter short", "one more", "no word", "others"],
)
def test_other_words_are_refused(typed: str) -> None:
    with pytest.raises(ValueError):
        plain_words(typed)


# -- Judgement ----------------------------------------------------------------------------------


def test_the_first_contact_is_trusted_and_from_then_on_no_other(tmp_path: Path) -> None:
    trust = Trust(Pins(tmp_path), HOST, 1)
    assert trust.judge(CHAIN) == Assurance(Ground.FIRST, WORDS)
    assert trust.judge(CHAIN).ground is Ground.KNOWN
    again = Trust(Pins(tmp_path), HOST.upper(), 1)
    assert again.judge(der(OURS.issue()[1])).ground is Ground.KNOWN
    for _ in range(2):
        with pytest.raises(Distrusted) as refused:
            again.judge(OTHER)
        assert problem(refused) is Problem.CHANGED
        assert (refused.value.known, refused.value.shown) == (WORDS, words_of(pin_of(OTHER)))
    assert Pins(tmp_path).get(HOST, 1) == Known(pin_of(CHAIN).hex())
    assert Trust(Pins(tmp_path), HOST, 2).judge(OTHER).ground is Ground.FIRST


def test_words_that_were_given_go_before_everything(tmp_path: Path) -> None:
    trust = Trust(Pins(tmp_path), HOST, 1, expected=WORDS)
    for judge in (trust.judge, trust.vouched):
        with pytest.raises(Distrusted) as refused:
            judge(OTHER)
        assert problem(refused) is Problem.OTHER
    assert Pins(tmp_path).all() == {}
    assert trust.judge(CHAIN).ground is Ground.FIRST
    assert trust.vouched(CHAIN).ground is Ground.AUTHORITIES
    # What is known otherwise is not given up for words alone.
    Pins(tmp_path).replace(HOST, 1, Known(pin_of(OTHER).hex()))
    with pytest.raises(Distrusted) as refused:
        trust.judge(CHAIN)
    assert problem(refused) is Problem.CHANGED


def test_words_that_were_announced_can_only_make_a_first_contact_fail(tmp_path: Path) -> None:
    trust = Trust(Pins(tmp_path), HOST, 1, advertised=WORDS)
    with pytest.raises(Distrusted) as refused:
        trust.judge(OTHER)
    assert problem(refused) is Problem.ADVERTISED
    assert Pins(tmp_path).all() == {}
    Pins(tmp_path).replace(HOST, 1, Known(pin_of(OTHER).hex()))
    assert trust.judge(OTHER).ground is Ground.KNOWN
    with pytest.raises(Distrusted) as refused:
        trust.judge(CHAIN)  # Announced, and not known.
    assert problem(refused) is Problem.CHANGED


def test_one_for_whom_the_authorities_vouched_is_not_taken_without_them(tmp_path: Path) -> None:
    trust = Trust(Pins(tmp_path), HOST, 1)
    assert trust.vouched(CHAIN) == Assurance(Ground.AUTHORITIES)
    with pytest.raises(Distrusted) as refused:
        trust.judge(CHAIN)
    assert (problem(refused), refused.value.known) == (Problem.CHANGED, "")
    with pytest.raises(Distrusted) as refused:
        trust.unencrypted()
    assert problem(refused) is Problem.PLAIN


@pytest.mark.parametrize(
    ("host", "encryption", "known", "encrypts", "plain_allowed"),
    [
        ("127.0.0.1", Encryption.AUTO, False, False, True),
        ("localhost", Encryption.AUTO, False, False, True),
        ("::1", Encryption.AUTO, True, True, False),
        ("127.0.0.1", Encryption.ALWAYS, False, True, False),
        ("chat.example", Encryption.AUTO, False, True, True),
        ("chat.example", Encryption.AUTO, True, True, False),
        ("chat.example", Encryption.ALWAYS, False, True, False),
        ("chat.example", Encryption.NEVER, False, False, True),
        ("chat.example", Encryption.NEVER, True, None, False),
        ("127.0.0.1", Encryption.NEVER, True, None, False),
    ],
)
def test_when_the_line_is_encrypted(
    tmp_path: Path,
    host: str,
    encryption: Encryption,
    known: bool,
    encrypts: bool | None,
    plain_allowed: bool,
) -> None:
    pins = Pins(tmp_path)
    if known:
        pins.replace(host, 1, Known(pin_of(CHAIN).hex()))
    trust = Trust(pins, host, 1, encryption=encryption)
    if encrypts is None:
        with pytest.raises(Distrusted) as refused:
            trust.encrypts()
        assert problem(refused) is Problem.NO_TLS
    else:
        assert trust.encrypts() is encrypts
    if plain_allowed:
        said = trust.unencrypted()
        assert said == (None if is_loopback(host) else Assurance(Ground.UNENCRYPTED))
    else:
        with pytest.raises(Distrusted) as refused:
            trust.unencrypted()
        assert problem(refused) is Problem.PLAIN


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("LocalHost", True),
        ("localhost.", True),
        ("0.0.0.0", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("2130706433", False),
        ("192.168.0.1", False),
        ("fe80::1%lo", False),
        ("", False),
    ],
)
def test_what_this_machine_itself_is(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


# -- The file -----------------------------------------------------------------------------------


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "servers.json.new").touch(0o666)
    before = os.umask(0)
    try:
        Trust(Pins(tmp_path / "deep"), HOST, 1).judge(CHAIN)
    finally:
        os.umask(before)
    for file in (tmp_path / "deep").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {file.name for file in (tmp_path / "deep").iterdir()} == {"servers.json", "servers.lock"}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"servers":{"h:1":{"pin":"00"}}}', b'{"servers":[1]}', b"[" * 100_000],
)
def test_a_file_that_cannot_be_read_trusts_nobody(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "servers.json"
    file.write_bytes(content)
    pins = Pins(tmp_path)
    trust = Trust(pins, HOST, 1)
    for ask in (trust.encrypts, trust.known, lambda: trust.judge(CHAIN), pins.all):
        with pytest.raises(Distrusted) as refused:
            ask()
        assert problem(refused) is Problem.FILE
        assert refused.value.known == str(file)
    with pytest.raises(Distrusted):
        pins.forget(HOST, 1)
    assert file.read_bytes() == content
    assert not Trust(pins, "127.0.0.1", 1).encrypts()


def test_where_nothing_can_be_kept_it_holds_for_this_sitting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    trust = Trust(Pins(tmp_path / "file" / "below"), HOST, 1)
    said = trust.judge(CHAIN)
    assert said.ground is Ground.FIRST and said.error
    assert trust.judge(CHAIN).ground is Ground.KNOWN
    with pytest.raises(Distrusted):
        trust.judge(OTHER)
    with pytest.raises(Distrusted):
        trust.unencrypted()


def test_two_windows_that_meet_two_servers_at_once_keep_one(tmp_path: Path) -> None:
    outcomes: list[object] = []
    start = threading.Barrier(8)

    def meet(chain: list[bytes]) -> None:
        trust = Trust(Pins(tmp_path), HOST, 1)
        start.wait()
        try:
            outcomes.append(trust.judge(chain).ground)
        except Distrusted as refused:
            outcomes.append(refused.problem)

    threads = [threading.Thread(target=meet, args=(c,)) for c in (CHAIN, OTHER) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(Problem.CHANGED) == 4 and len(outcomes) == 8
    assert len(Pins(tmp_path).all()) == 1


def test_what_is_known_is_listed_and_forgotten(tmp_path: Path) -> None:
    pins = Pins(tmp_path)
    assert pins.all() == {} and not pins.forget(HOST, 1)
    Trust(pins, "One", 1).judge(CHAIN)
    Trust(pins, "two", 2).vouched(OTHER)
    assert {server: known.words for server, known in pins.all().items()} == {
        "one:1": WORDS,
        "two:2": "",
    }
    assert pins.forget("ONE", 1) and not pins.forget("one", 1)
    assert Trust(pins, "one", 1).judge(OTHER).ground is Ground.FIRST
    assert set(json.loads((tmp_path / "servers.json").read_bytes())["servers"]) == {
        "one:1",
        "two:2",
    }


# -- What is said of it -------------------------------------------------------------------------


@pytest.mark.parametrize("language", Language)
def test_every_ground_and_problem_can_be_said(language: Language) -> None:
    for ground in Ground:
        for key, values in assurance_phrases(Assurance(ground, WORDS, "full"), "h:1"):
            assert say(key, language, **values)
    for kind in Problem:
        for known in ("", WORDS):
            lines = [
                say(key, language, **values)
                for key, values in distrust_phrases(Distrusted(kind, shown="s", known=known), "h:1")
            ]
            assert lines and "h:1" in lines[0]
    changed = distrust_phrases(Distrusted(Problem.CHANGED, shown="new", known="old"), "h:1")
    text = "\n".join(say(key, language, **values) for key, values in changed)
    assert "new" in text and "old" in text and "molva trust h:1" in text
