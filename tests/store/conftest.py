"""What all tests of the store share: where its file is, and each store in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from molva.terms.ports import Store
from tests.store.places import Place, memory_place, sqlite_place


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a file that is not there."""
    return tmp_path / "molva.db"


@pytest.fixture(params=["memory", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    place = memory_place() if request.param == "memory" else sqlite_place(tmp_path)
    yield place
    place.close()


@pytest.fixture
def store(place: Place) -> Store:
    return place.open()
