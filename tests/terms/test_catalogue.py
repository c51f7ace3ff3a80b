"""The catalogue: whole in both languages, and every key that the program names is in it."""

import ast
import string
from pathlib import Path

import pytest

from molva.core.chat import NO_VALUES
from molva.terms.catalogue import PHRASES, Language, parse_language, plural, say
from molva.terms.errors import Code

SOURCES = Path(__file__).resolve().parents[2] / "src" / "molva"
# In the texts of help the stroke stands between a command and what it does.
BENDING = [
    key for key, texts in PHRASES.items() if "|" in texts[0] and not key.startswith("chat.help.")
]
LANGUAGES = (Language.ENGLISH, Language.RUSSIAN)


def fields_of(text: str) -> set[str]:
    """Return what a text leaves room for."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("key", PHRASES)
def test_a_phrase_says_something_in_both_languages_and_leaves_room_for_the_same(key: str) -> None:
    english, russian = PHRASES[key]
    assert english.strip() and russian.strip()
    assert fields_of(english) == fields_of(russian)
    assert all(name.isidentifier() for name in fields_of(english))


@pytest.mark.parametrize("key", BENDING)
def test_a_word_that_bends_has_two_forms_in_english_and_three_in_russian(key: str) -> None:
    english, russian = PHRASES[key]
    assert (english.count("|"), russian.count("|")) == (1, 2)
    assert not fields_of(english)


@pytest.mark.parametrize("code", Code)
def test_every_code_has_a_text_and_needs_nothing_that_the_core_does_not_give(code: Code) -> None:
    assert fields_of(PHRASES[f"error.{code}"][0]) <= NO_VALUES.keys()
    for language in LANGUAGES:
        assert say(f"error.{code}", language, **NO_VALUES)


def test_no_text_is_kept_for_a_code_that_is_none() -> None:
    codes = {f"error.{code}" for code in Code}
    assert {key for key in PHRASES if key.startswith("error.")} == codes


def keys_named() -> dict[str, str]:
    """Return the keys that the program names where it says or reports something, and where."""
    named = {}
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                called = node.func
                name = getattr(called, "attr", None) or getattr(called, "id", None)
                first = node.args[0]
                if (
                    name in ("say", "report", "Report")
                    and isinstance(first, ast.Constant)
                    and isinstance(first.value, str)
                ):
                    named[first.value] = f"{path.name}:{node.lineno}"
    return named


def test_every_key_that_is_named_exists() -> None:
    named = keys_named()
    assert len(named) > 15
    assert {key: where for key, where in named.items() if key not in PHRASES} == {}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("ru", Language.RUSSIAN),
        ("ru_RU.UTF-8", Language.RUSSIAN),
        ("ru-RU", Language.RUSSIAN),
        ("RU", Language.RUSSIAN),
        ("rus", Language.RUSSIAN),
        ("run", Language.ENGLISH),
        ("en", Language.ENGLISH),
        ("de_DE", Language.ENGLISH),
        ("", Language.ENGLISH),
        (None, Language.ENGLISH),
    ],
)
def test_a_language_is_russian_or_english(text: str | None, language: Language) -> None:
    assert parse_language(text) is language


@pytest.mark.parametrize(
    ("number", "russian", "english"),
    [
        (0, "строк", "lines"),
        (1, "строка", "line"),
        (2, "строки", "lines"),
        (4, "строки", "lines"),
        (5, "строк", "lines"),
        (11, "строк", "lines"),
        (12, "строк", "lines"),
        (14, "строк", "lines"),
        (21, "строка", "lines"),
        (22, "строки", "lines"),
        (111, "строк", "lines"),
        (112, "строк", "lines"),
        (121, "строка", "lines"),
        (-1, "строка", "line"),
    ],
)
def test_a_word_bends_as_its_number_asks(number: int, russian: str, english: str) -> None:
    forms = PHRASES["serve.lines"]
    assert plural(number, Language.ENGLISH, forms[0]) == english
    assert plural(number, Language.RUSSIAN, forms[1]) == russian


def test_a_value_is_put_in_and_never_read_as_a_template() -> None:
    said = say("error.no_such_user", Language.ENGLISH, name="{name} {0} %s")
    assert said == "There is nobody called {name} {0} %s."


def test_a_key_or_a_value_that_is_missing_is_a_bug() -> None:
    with pytest.raises(KeyError):
        say("no.such.key", Language.ENGLISH)
    with pytest.raises(KeyError):
        say("error.no_such_user", Language.ENGLISH, other="x")
