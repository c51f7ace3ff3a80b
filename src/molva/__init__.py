"""Molva: a self-hosted chat for everyone in the room."""

__version__ = "0.1.0"
