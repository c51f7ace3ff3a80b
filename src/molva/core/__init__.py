"""Floor 1, decides: what a chat is, without I/O, clock or randomness."""
