"""What the readers yield."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Advance = Callable[[float], None]
"""Told which share of a file has been read, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that could not be read, while those around it could.

    Attributes:
        words: what is wrong with it.
        excerpt: its beginning, as far as it is text.
    """

    words: str
    excerpt: str


NumberedRow = tuple[int, Mapping[str, object] | Unreadable]
"""Where the row stands, counted from 1, and the row."""
EXCERPT = 2_000
"""How much of a row is kept with the reason for setting it aside, in characters."""
