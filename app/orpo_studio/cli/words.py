"""Numbers and errors as a person reads them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

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


@runtime_checkable
class InWords(Protocol):
    """An error that speaks to the person itself, as those of runs, models, data and the window do."""

    code: str
    title: str
    detail: str
    hint: str


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


def duration(seconds: float) -> str:
    """Write a time: ``8 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes < 10 and rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def figure(value: float) -> str:
    """Write a measured value with four significant digits, a count in full; NaN and infinity by name."""
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "−∞"}.get(value, "NaN")
    return f"{value:,.0f}" if value == int(value) else f"{value:.4g}"


def percent(share: float) -> str:
    """Write a share of one as a percentage."""
    return f"{share * 100:.0f} %" if math.isfinite(share) else "NaN"


def size(count: float) -> str:
    """Write a number of bytes in GB, MB or kB."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:.0f} bytes"


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
