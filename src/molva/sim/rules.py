"""The rules: what must hold, by name, and what is raised when one does not.

The names are after Maelstrom's for logs with offsets, where it has one.
"""

RULES = (
    "lost_write",
    "duplicate_shown",
    "skip_without_gap",
    "nonmonotonic",
    "order_disagrees",
    "id_twice",
    "said_twice",
    "refused_but_stored",
    "unread_wrong",
    "leak",
    "unobserved",
    "cursor_ignored",
    "unsent",
    "stuck",
    "rights",
    "owners",
    "ends",
    "derived",
)

LATER = frozenset(("stuck", "unread_wrong", "owners", "ends", "derived"))
"""Those that may be broken while something is still on its way."""


class Violation(AssertionError):
    """A rule was broken."""

    def __init__(self, rule: str, detail: str) -> None:
        assert rule in RULES
        super().__init__(f"{rule}: {detail}")
        self.rule = rule
