"""`molva code`: the join code, and another in its place."""

import stat
from collections.abc import Callable

import pytest

from molva.terms.admission import plain_code
from tests.admin.machine import Machine


@pytest.fixture(params=[True, False], ids=["running", "stopped"])
def coded(request: pytest.FixtureRequest, new_machine: Callable[..., Machine]) -> Machine:
    """Return a machine whose server asks for a join code that it keeps."""
    return new_machine("--access", "code", running=request.param)


def test_it_is_the_one_that_lets_people_in(coded: Machine) -> None:
    (row,) = coded.rows("code")
    assert plain_code(row["code"]) == (coded.data / "join-code").read_text().strip()
    assert f"Join code: {row['code']}\n" in coded.done("code", whole=True)
    assert f"--code {row['code']}" in row["command"]
    assert coded.refused("anna") == "code_required"
    coded.enter("anna", code=row["code"])


def test_a_new_one_takes_its_place_at_once(coded: Machine) -> None:
    before = coded.rows("code")[0]["code"]
    anna = coded.enter("anna", code=before)
    after = coded.rows("code", "--new", "--host", "chat.example", whole=True)[0]
    assert after["code"] != before and after["link"].endswith(f"/join/{after['code']}")
    assert coded.refused("boris", code=before) == "bad_code"
    coded.enter("boris", code=after["code"])
    assert coded.rows("code")[0]["code"] == after["code"]
    file = coded.data / "join-code"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    if coded.running:
        assert anna.ask("users")["users"][0] == "anna", "who is in stays in"


def test_one_of_the_settings_is_changed_there(new_machine: Callable[..., Machine]) -> None:
    machine = new_machine("--access", "code", "--join-code", "LETMEIN")
    assert machine.rows("code")[0]["code"] == "1ETM-E1N"
    done = machine.do("code", "--new")
    assert done.returncode == 1 and "join_code" in done.stderr
    machine.enter("anna", code="letmein")
    machine.down()
    (machine.data / "molva.toml").write_text('access = "code"\njoin_code = "LETMEIN"\n')
    machine.running = False
    assert machine.rows("code")[0]["code"] == "1ETM-E1N"
    assert machine.do("code", "--new").returncode == 1


def test_a_server_that_asks_for_none_has_none(open_machine: Machine) -> None:
    done = open_machine.do("code")
    assert done.returncode == 1 and done.stdout == "" and "--access code" in done.stderr
    if open_machine.running:
        assert open_machine.do("code", "--new").returncode == 1
        assert not (open_machine.data / "join-code").exists()


def test_one_made_before_the_start_is_the_one(new_machine: Callable[..., Machine]) -> None:
    machine = new_machine("--access", "code", running=False)
    machine.down()
    (machine.data / "join-code").unlink()
    code = machine.rows("code", "--new")[0]["code"]
    machine.enter("anna", code=code)
