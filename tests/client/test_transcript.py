"""Transcript: what a screen holds is as it stands, once each, and bounded."""

from molva.client.happenings import (
    HistoryReceived,
    LogRenamed,
    LogRestarted,
    Masked,
    Shown,
    Silenced,
    Unmasked,
)
from molva.client.transcript import CONVERSATIONS_MAX, Transcript
from molva.terms import events

AT = "2026-01-02T03:04:05.000Z"


def said(seq: int, *, name: str = "boris", text: str = "hi") -> events.NewMessage:
    return events.NewMessage(text=text, from_=name, room="#dev", seq=seq, at=AT)


def seqs(transcript: Transcript, where: str = "#dev") -> list[int | None]:
    return [entry.seq for entry in transcript.entries(where)]


def test_entries_are_in_order_and_once_whatever_brings_them() -> None:
    transcript = Transcript()
    for seq in (5, 9, 7):
        transcript.take(Shown("#Dev", said(seq)))
    transcript.take(HistoryReceived("i", "#dev", [said(4), said(5)], 9, False))
    assert seqs(transcript) == [4, 5, 7, 9]
    assert transcript.entry("#DEV", 7) == said(7)
    assert transcript.entry("#dev", 8) is None and transcript.entry("#no", 1) is None


def test_a_message_is_masked_and_comes_back() -> None:
    transcript = Transcript()
    transcript.take(Shown("#dev", said(1)))
    transcript.take(Masked("#dev", 1))
    transcript.take(Masked("#dev", 2))
    assert isinstance(transcript.entry("#dev", 1), events.Gone)
    assert transcript.last_of("#dev", "boris") is None
    transcript.take(Unmasked("#dev", said(1)))
    transcript.take(Unmasked("#dev", said(2)))
    assert seqs(transcript) == [1] and transcript.last_of("#dev", "Boris") == 1


def test_whose_words_are_gone_has_none_in_any_conversation() -> None:
    transcript = Transcript()
    whisper = events.NewWhisper(text="psst", from_="boris~7", to="anna", seq=1, at=AT)
    transcript.take(Shown("boris", whisper))
    transcript.take(Shown("#dev", said(1)))
    transcript.take(Shown("#dev", said(2, name="carl")))
    transcript.take(Silenced("boris"))
    assert isinstance(transcript.entry("boris", 1), events.Gone)
    assert isinstance(transcript.entry("#dev", 1), events.Gone)
    assert isinstance(transcript.entry("#dev", 2), events.NewMessage)


def test_a_renamed_room_keeps_its_lines_and_a_new_log_has_none() -> None:
    transcript = Transcript()
    transcript.take(Shown("#old", said(1)))
    transcript.take(Shown("#dev", said(2)))
    transcript.take(LogRenamed("#old", "#dev"))
    transcript.take(LogRenamed("#none", "#dev"))
    assert seqs(transcript) == [1, 2] and seqs(transcript, "#old") == []
    transcript.take(LogRestarted("#dev"))
    assert seqs(transcript) == []


def test_what_is_held_is_bounded() -> None:
    transcript = Transcript(lines_max=3)
    for seq in range(1, 6):
        transcript.take(Shown("#dev", said(seq)))
    assert seqs(transcript) == [3, 4, 5]
    for number in range(CONVERSATIONS_MAX):
        transcript.take(Shown(f"#r{number}", said(1)))
    assert seqs(transcript) == []
    unnumbered = events.NewMessage(text="2022", from_="boris")
    transcript.take(Shown("#dev", unnumbered))
    assert seqs(transcript) == []
