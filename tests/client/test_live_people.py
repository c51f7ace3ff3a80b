"""People and rooms, with real clients at a real server: who is put out, muted, unheard, renamed."""

import re

from molva.client import exit_codes
from tests.client.test_live import Client, Spawn, address, at, chat, spawn
from tests.serving import Server

__all__ = ["spawn"]


def bare(client: Client) -> str:
    """What was said, without the times of day."""
    return "\n".join(re.sub(r"^\d\d:\d\d ", "", line) for line in client.lines())


def in_dev(spawn: Spawn, server: Server) -> tuple[Client, Client]:
    """Return anna, who owns #dev, and boris, who is in it; both type there."""
    anna, boris = chat(spawn, server, "anna"), chat(spawn, server, "boris")
    anna.type("/create #dev")
    anna.wait_for("anna made the room #dev")
    boris.type("/join #dev")
    anna.wait_for("boris joined #dev")
    boris.wait_for("boris joined #dev")
    return anna, boris


def test_who_is_kicked_is_told_by_whom_and_why_and_may_come_back(
    spawn: Spawn, server: Server
) -> None:
    anna, boris = in_dev(spawn, server)
    anna.type("/kick boris too loud")
    boris.wait_for("You are no longer in #dev: put out by anna.")
    boris.wait_for("The reason: too loud")
    boris.wait_for("What you type goes to #general now.")
    anna.wait_for("* boris was put out of #dev by anna: too loud")
    boris.type("/join #dev")
    anna.wait_for_times("boris joined #dev", 2)


def test_a_ban_has_a_reason_an_end_and_a_way_back(spawn: Spawn, server: Server) -> None:
    anna, boris = in_dev(spawn, server)
    anna.type("/ban boris 10", "/ban boris 2h flooding")
    anna.wait_for("10 of what?")
    boris.wait_for("You are no longer in #dev: banned by anna.")
    boris.wait_for("The reason: flooding")
    anna.wait_for("* boris was banned from #dev by anna until ")
    assert re.search(r"by anna until (\d{4}-\d\d-\d\d )?\d\d:\d\d: flooding\n", anna.said)
    boris.type("/join #dev", "to whom does this go?")
    boris.wait_for("The server: You are banned")
    anna.type("/bans")
    anna.wait_for("banned until ")
    anna.type("/unban boris", "/ledger")
    anna.wait_for("* anna ended the ban of boris from #dev")
    boris.type("/join #dev")
    anna.wait_for_times("boris joined #dev", 2)


def test_who_is_muted_gets_their_text_back_and_is_told_until_when(
    spawn: Spawn, server: Server
) -> None:
    anna, boris = in_dev(spawn, server)
    anna.type("/mute boris 10m flooding")
    boris.wait_for("* boris was muted in #dev by anna until ")
    boris.wait_for("flooding")
    boris.type("but why")
    boris.wait_for("Not sent: but why")
    anna.type("/unmute boris")
    boris.wait_for("* anna lets boris write in #dev again")
    boris.type("thank you")
    anna.wait_for("boris: thank you")
    assert "but why" not in anna.said


def test_a_message_removed_is_a_tombstone_for_who_comes_later(spawn: Spawn, server: Server) -> None:
    anna, boris = in_dev(spawn, server)
    boris.type("a secret")
    anna.wait_for("boris: a secret")
    anna.type("/remove @boris not here")
    boris.wait_for("* anna removed message 3 of boris: not here")
    carl = chat(spawn, server, "carl")
    carl.type("/join #dev", "/history")
    carl.wait_for("end of the earlier lines")
    carl.wait_for("boris: (message removed)")
    assert "a secret" not in carl.said
    anna.type("/restore 3")
    carl.wait_for("(put back) boris: a secret")
    carl.wait_for("* anna put back message 3 of boris")
    boris.type("/remove")
    carl.wait_for("* boris removed their message 3")


def test_a_message_waits_for_its_room_also_when_that_is_renamed(
    spawn: Spawn, server: Server
) -> None:
    anna, boris = in_dev(spawn, server)
    anna.type("/slow 2")
    boris.wait_for("slow mode, 2 s between one's messages")
    boris.type("one", "two")
    boris.wait_for("Your lines wait and go out by themselves.")
    anna.type("/rename #work")
    boris.wait_for("#dev is called #work now.")
    anna.wait_for("boris: two")
    boris.type("/slow off", "three")
    boris.wait_for("Your role does not allow that here.")
    anna.type("/slow off")
    anna.wait_for("boris: three")
    assert bare(anna).count("boris: two") == 1


def test_who_is_blocked_is_not_heard_in_private_and_not_told(spawn: Spawn, server: Server) -> None:
    anna, boris = chat(spawn, server, "anna"), chat(spawn, server, "boris")
    anna.type("/block boris")
    anna.wait_for("You hear no whisper, coming or going of boris any more")
    anna.type("/blocks")
    anna.wait_for("You block: boris")
    boris.type("/w boris2 x", "/w anna psst", "hello all")
    boris.wait_for("you → anna: psst")
    anna.wait_for("boris: hello all")
    anna.type("/unblock boris")
    anna.wait_for("You hear boris again.")
    boris.type("/w anna psst again")
    anna.wait_for("boris → you: psst again")
    assert anna.said.count("psst") == 1


def test_several_people_have_a_room_without_a_name(spawn: Spawn, server: Server) -> None:
    boris, carl = chat(spawn, server, "boris"), chat(spawn, server, "carl")
    anna = spawn("chat", address(server), "--name", "anna", "--password", terminal=True)
    anna.wait_for("Password:")
    anna.type("correct horse")
    anna.wait_for("Welcome, anna")
    anna.type("/group boris carl", "only us")
    anna.wait_for("What you type goes to boris, carl now.")
    boris.wait_for("anna: only us")
    carl.wait_for("anna: only us")
    boris.type("/group carl anna", "indeed")
    anna.wait_for(lambda: any(line.endswith("boris: indeed") for line in anna.shown()))
    assert "#~" not in anna.said + boris.said


def test_a_name_is_kept_by_a_password_that_nobody_sees(spawn: Spawn, server: Server) -> None:
    anna = spawn("chat", address(server), "--name", "anna", terminal=True)
    anna.wait_for("Welcome, anna")
    anna.type("/password")
    anna.wait_for("The new password:")
    anna.type("correct horse", "correct pony")
    anna.wait_for("two different passwords")
    anna.type("/password")
    anna.wait_for_times("The new password:", 2)
    anna.type("correct horse", "correct horse")
    anna.wait_for("The name is yours by this password.")
    anna.press("\x1b[A\x1b[A")
    anna.wait_for(lambda: anna.shown()[-1] == "#general> /password")
    assert "horse" not in anna.said and "pony" not in anna.said
    anna.press("\x03")
    anna.type("/devices")
    anna.wait_for("this one")


def test_a_device_that_is_signed_out_is_let_go(spawn: Spawn, server: Server) -> None:
    with server.enter("vera", password="correct horse"):
        pass  # A server has an owner, who cannot just go.
    anna = spawn("chat", address(server), "--name", "anna", terminal=True, state="anna")
    anna.wait_for("Welcome, anna")
    anna.type("/signout")
    anna.wait_for("This device does not come back by itself.")
    assert anna.finish() == exit_codes.REFUSED


def test_a_tail_says_when_it_is_put_out(spawn: Spawn, server: Server) -> None:
    anna = chat(spawn, server, "anna")
    anna.type("/create #dev", "first")
    anna.wait_for("anna: first")
    tail = spawn("tail", "#dev", *at(server), "--name", "boris", "--lines", "5")
    tail.wait_for("first")
    json = spawn("tail", "#dev", *at(server), "--name", "carl", "--json")
    json.wait_for('"text":"first"')
    anna.type("/mute boris 1h", "/remove", "/kick boris enough", "/kick carl")
    json.wait_for('"action":"muted"')
    json.wait_for('"action":"removed"')
    assert json.finish() == exit_codes.REFUSED
    tail.wait_for("* boris was muted in #dev by anna until ")
    tail.wait_for("The reason: enough")
    assert tail.finish() == exit_codes.REFUSED


def test_a_private_room_tells_what_was_said_since_one_joined_and_says_no_more(
    spawn: Spawn, server: Server
) -> None:
    anna, boris = chat(spawn, server, "anna"), chat(spawn, server, "boris")
    anna.type("/create #p", "before", "/private", "/invite boris")
    boris.wait_for("* anna invites you to #p: /join #p")
    boris.type("/join #p")
    anna.wait_for("boris joined #p")
    anna.type("since")
    boris.wait_for("anna: since")
    boris.type("/history", "/users #p")
    boris.wait_for("#p (2)")
    assert "#p: nothing earlier." in boris.said
    assert "before" not in boris.said and "cannot be had" not in boris.said


def test_who_is_kicked_from_the_server_comes_back_and_who_is_banned_does_not(
    spawn: Spawn, server: Server
) -> None:
    with server.enter("vera", password="correct horse") as owner:
        boris = chat(spawn, server, "boris", state="b")
        owner.ask("kick", user="boris", reason="wake up")
        boris.wait_for("You were disconnected by vera. wake up")
        boris.wait_for("Connected again.")
        owner.ask("ban", user="boris", seconds=3600, reason="enough")
        boris.wait_for("The server: You are banned")
        boris.wait_for("This device does not come back by itself.")
        assert boris.finish() == exit_codes.REFUSED
        again = spawn("chat", address(server), "--name", "boris", state="b")
        again.wait_for("The server: You are banned")
        assert again.finish() == exit_codes.REFUSED
        arguments = (*at(server), "--name", "boris")
        sending = spawn("send", "#general", "hi", *arguments, state="b")
        assert sending.finish() == exit_codes.REFUSED
        assert "You are banned" in sending.said


def test_what_is_done_in_general_is_done_on_the_server(spawn: Spawn, server: Server) -> None:
    anna = spawn("chat", address(server), "--name", "anna", "--password", terminal=True)
    anna.wait_for("Password:")
    anna.type("correct horse")
    anna.wait_for("Welcome, anna")
    boris = chat(spawn, server, "boris")
    anna.type("/kick boris", "/op boris")
    boris.wait_for("You were disconnected by anna.")
    boris.wait_for("* boris is moderator of this server now, by anna")
    anna.wait_for(
        lambda: any(
            line.endswith("* boris was disconnected from the server by anna")
            for line in anna.shown()
        )
    )
    anna.type("/accounts")
    anna.wait_for("anna: owner, devices: 1, online")
