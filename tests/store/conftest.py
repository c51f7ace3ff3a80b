"""What all tests of the store share: where its file is."""

from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a file that is not there."""
    return tmp_path / "molva.db"
