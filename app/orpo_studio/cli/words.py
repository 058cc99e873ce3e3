"""Numbers and errors as a person reads them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class ErrorWords:
    """An error for the person: what happened, why, and what to do; ``code`` is for programs."""

    code: str
    title: str
    detail: str = ""
    hint: str = ""

    def lines(self) -> list[str]:
        """Return the parts that say something."""
        return [part for part in (self.title, self.detail, self.hint) if part]


class CommandError(Exception):
    """A command cannot do what it was asked.

    Attributes:
        words: what to tell the person.
        context: further entries of the JSON object, such as the run.
        exit_code: 2 where the command line itself is wrong, 130 after Ctrl+C, else 1.
    """

    def __init__(self, words: ErrorWords, *, exit_code: int = 1, **context: Any) -> None:
        super().__init__(words.title)
        self.words, self.exit_code, self.context = words, exit_code, context


def figure(value: float) -> str:
    """Write a measured value with four significant digits, a count in full; NaN and infinity by name."""
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "−∞"}.get(value, "NaN")
    return f"{value:,.0f}" if value == int(value) else f"{value:.4g}"


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it: paths as text; NaN and infinity by name, as in the events."""
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value
