"""Questions: what a person is asked one line at a time before something is done.

Owns which questions a new password and the end of an account need. Refuses to know how they are
shown and what becomes of the order that follows.

Invariants: an empty line ends it and nothing is done; a password is asked for in secret, a new one
twice.
"""

from collections.abc import Callable

import msgspec

from molva.client.orders import Misread, Order
from molva.terms import actions


class Question(msgspec.Struct, frozen=True):
    """One line that is asked for: a key of the catalogue, and whether what is typed is hidden."""

    key: str
    secret: bool = True


class Questions:
    """Several questions, and the order that their answers make."""

    def __init__(
        self, name: str, questions: list[Question], order: Callable[[list[str]], Order]
    ) -> None:
        """Ask `name` these questions; `order` makes an order of the answers or raises Misread."""
        self.name = name
        self._questions = questions
        self._answers: list[str] = []
        self._order = order

    @property
    def now(self) -> Question:
        """What is asked now."""
        return self._questions[len(self._answers)]

    def take(self, line: str) -> Order | None:
        """Take an answer; return the order when it was the last. Raises Misread: nothing is done.

        An empty line is never an answer.
        """
        if not line:
            raise Misread("chat.never_mind")
        self._answers.append(line)
        if len(self._answers) < len(self._questions):
            return None
        return self._order(self._answers)


def ask_password(name: str, *, has_one: bool) -> Questions:
    """Ask for a new password, and for the old one where there is one."""
    asked = [Question("chat.ask_new"), Question("chat.ask_again")]
    if has_one:
        asked.insert(0, Question("chat.ask_old"))

    def order(answers: list[str]) -> Order:
        *old, new, again = answers
        if new != again:
            raise Misread("chat.differ")
        return actions.SetPassword(new=new, old=old[0] if old else None)

    return Questions(name, asked, order)


def ask_deletion(name: str, *, has_password: bool, words: bool) -> Questions:
    """Ask whether an account is to end: for its password, or where there is none its name."""
    asked = (
        Question("chat.ask_delete") if has_password else Question("chat.ask_delete_guest", False)
    )

    def order(answers: list[str]) -> Order:
        (answer,) = answers
        if has_password:
            return actions.DeleteAccount(words=words, password=answer)
        if answer.strip().lower() != name.lower():
            raise Misread("chat.never_mind")
        return actions.DeleteAccount(words=words)

    return Questions(name, [asked], order)
