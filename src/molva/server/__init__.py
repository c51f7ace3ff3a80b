"""Floor 3, the asyncio shell around the core."""
