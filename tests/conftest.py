"""What all tests share: a real server for those who ask for one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving import Server


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Return what makes servers (not started), each on a file of its own; all are ended."""
    made: list[Server] = []

    def make(*arguments: str, limits: bool = False) -> Server:
        made.append(Server(tmp_path / f"data-{len(made)}", *arguments, limits=limits))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def server(new_server: Callable[..., Server]) -> Server:
    """Return a running server without rate limits."""
    return new_server("--quiet").start()


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a running server that the tests of one module share."""
    server = Server(tmp_path_factory.mktemp("shared") / "data", "--quiet").start()
    yield server
    server.close()
