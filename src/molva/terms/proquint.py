"""Proquints: a fingerprint as words that can be said aloud.

Five letters stand for 16 bits, consonant and vowel in turn (D. S. Wilkerson, "A Proposal for
Proquints: Identifiers that are Readable, Spellable, and Pronounceable", arXiv 0901.4016). They are
read the same whatever language one speaks, and two that differ in one bit sound different.
"""

_CONSONANTS = "bdfghjklmnprstvz"
_VOWELS = "aiou"


def proquint(data: bytes) -> str:
    """Return the words for some bytes, `lusab-babad`; ValueError for an odd number of bytes."""
    if len(data) % 2:
        raise ValueError("a proquint stands for two bytes")
    return "-".join(_word(data[place] << 8 | data[place + 1]) for place in range(0, len(data), 2))


def _word(number: int) -> str:
    return "".join(
        (
            _CONSONANTS[number >> 12 & 15],
            _VOWELS[number >> 10 & 3],
            _CONSONANTS[number >> 6 & 15],
            _VOWELS[number >> 4 & 3],
            _CONSONANTS[number & 15],
        )
    )
