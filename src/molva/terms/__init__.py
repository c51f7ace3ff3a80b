"""Floor 0, the words: what everybody may name. Pure: no I/O, no clock, no randomness."""
