"""Floor 2, keeps: the adapters that hold the log."""
