"""The catalogue: everything a person reads, in English and Russian, in one place.

Owns how a text is chosen and how a number bends a word; the texts stand in `phrases`. A text is
plain: values are put into it by name and are never read as a template or as markup. Both languages
hold the same keys with the same values (a test compares them).
"""

from collections.abc import Mapping
from enum import StrEnum

from molva.terms.phrases import admin, chat, errors, people, server


class Language(StrEnum):
    """A language the catalogue is complete in."""

    ENGLISH = "en"
    RUSSIAN = "ru"


def parse_language(text: str | None) -> Language:
    """Choose the language for `ru`, `ru_RU.UTF-8`, None …; English unless it is Russian."""
    if text and text.lower().replace("-", "_").split(".")[0].split("_")[0] in ("ru", "rus"):
        return Language.RUSSIAN
    return Language.ENGLISH


def plural(number: int, language: Language, forms: str) -> str:
    """Return the form of a word that stands after a number.

    `forms` are separated by `|`: two in English (message|messages), three in Russian
    (сообщение|сообщения|сообщений), after the plural rules of Unicode CLDR.
    """
    words = forms.split("|")
    number = abs(number)
    if language is Language.ENGLISH:
        return words[0] if number == 1 else words[1]
    if number % 10 == 1 and number % 100 != 11:
        return words[0]
    if 2 <= number % 10 <= 4 and not 12 <= number % 100 <= 14:
        return words[1]
    return words[2]


def say(key: str, language: Language, /, **values: object) -> str:
    """Return the text of a key in a language with its values put in.

    Raises KeyError for a key or a value that is missing.
    """
    english, russian = PHRASES[key]
    template = russian if language is Language.RUSSIAN else english
    return template.format_map(values) if values else template


PHRASES: Mapping[str, tuple[str, str]] = {
    **server.PHRASES,
    **errors.PHRASES,
    **chat.PHRASES,
    **people.PHRASES,
    **admin.PHRASES,
}
