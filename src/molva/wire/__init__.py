"""Floor 1, translates: bytes to actions, events to bytes. No I/O."""
