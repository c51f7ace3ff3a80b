"""What the tests of the operator's commands share: a machine whose server runs, or does not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.admin.machine import Machine


@pytest.fixture
def new_machine(tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    """Return what makes machines, with the server's arguments; all are ended."""
    made: list[Machine] = []

    def make(*arguments: str, running: bool = True) -> Machine:
        data = tmp_path / f"data-{len(made)}"
        made.append(Machine(data, running=running, arguments=arguments))
        return made[-1]

    yield make
    for machine in made:
        machine.close()


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Return a machine that a module's tests share: none of them disturbs another."""
    machine = Machine(tmp_path_factory.mktemp("still") / "data", running=False)
    machine.down()
    return machine


@pytest.fixture(params=[True, False], ids=["running", "stopped"])
def machine(request: pytest.FixtureRequest, new_machine: Callable[..., Machine]) -> Machine:
    """Return a machine, once with its server running when a command is given and once without."""
    return new_machine("--access", "accounts", running=request.param)


@pytest.fixture(params=[True, False], ids=["running", "stopped"])
def open_machine(request: pytest.FixtureRequest, new_machine: Callable[..., Machine]) -> Machine:
    """Return the same of a server that everybody may join."""
    return new_machine(running=request.param)
