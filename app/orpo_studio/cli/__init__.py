"""The terminal: all of the work without a screen, by the same run folders and events as the window."""

from orpo_studio.cli.program import main

__all__ = ["main"]
