"""The line: what every way to the hub can do for the operator, and how one says that it cannot.

Refuses to know how the hub is reached.
"""

from typing import Protocol

from molva.client import exit_codes
from molva.terms.actions import AnyAction
from molva.terms.events import AnyEvent


class Complaint(Exception):
    """What a person is told, and the exit code: nothing more was done."""

    def __init__(self, text: str, code: int = exit_codes.REFUSED) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class Line(Protocol):
    """Asks the hub as the operator."""

    def put(self, action: AnyAction) -> AnyEvent:
        """Return what answers an action, which has an id. Raises Complaint when nothing does."""
        ...

    def close(self) -> None:
        """Let go of the server, or of the store."""
        ...
