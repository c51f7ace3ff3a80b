"""Floor 3, the client: a sans-I/O mirror, its outbox and a transport."""
