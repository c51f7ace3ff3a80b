"""Proquints: two bytes are a word, and a word is two bytes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molva.terms.proquint import proquint

CONSONANTS = "bdfghjklmnprstvz"
VOWELS = "aiou"
WORD = re.compile(f"[{CONSONANTS}][{VOWELS}][{CONSONANTS}][{VOWELS}][{CONSONANTS}]")


def read(words: str) -> bytes:
    """Return the bytes that some words stand for: five digits each, of base 16 and 4 in turn."""
    out = b""
    for word in words.split("-"):
        number = 0
        for place, letter in enumerate(word):
            signs = VOWELS if place % 2 else CONSONANTS
            number = number * len(signs) + signs.index(letter)
        out += number.to_bytes(2, "big")
    return out


@pytest.mark.parametrize(
    ("address", "words"),
    # The examples of the paper.
    [
        ("127.0.0.1", "lusab-babad"),
        ("63.84.220.193", "gutih-tugad"),
        ("63.118.7.35", "gutuk-bisog"),
        ("140.98.193.141", "mudof-sakat"),
        ("64.255.6.200", "haguz-biram"),
        ("128.30.52.45", "mabiv-gibot"),
        ("147.67.119.2", "natag-lisaf"),
        ("212.58.253.68", "tibup-zujah"),
        ("216.35.68.215", "tobog-higil"),
        ("216.68.232.21", "todah-vobij"),
        ("198.81.129.136", "sinid-makam"),
        ("12.110.110.204", "budov-kuras"),
    ],
)
def test_the_words_are_those_of_the_paper(address: str, words: str) -> None:
    assert proquint(bytes(map(int, address.split(".")))) == words


@given(st.binary(max_size=64).filter(lambda data: len(data) % 2 == 0 and data))
def test_words_stand_for_their_bytes_and_for_no_others(data: bytes) -> None:
    words = proquint(data)
    assert all(WORD.fullmatch(word) for word in words.split("-"))
    assert read(words) == data


def test_all_words_are_different() -> None:
    words = {proquint(number.to_bytes(2, "big")) for number in range(2**16)}
    assert len(words) == 2**16


def test_nothing_is_nothing_and_half_a_word_is_none() -> None:
    assert proquint(b"") == ""
    for size in (1, 3, 21):
        with pytest.raises(ValueError):
            proquint(bytes(size))
