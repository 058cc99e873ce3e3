"""What a check is: the words for what it looks for, and how a finding comes from the rows it names."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from orpo_studio.data.doctor.columns import Bools, Ints, PairBatch, Part
from orpo_studio.data.doctor.report import MOST_ROWS, Finding, Remedy, Severity

Where = Callable[[PairBatch], Bools]
"""Says of each pair of a batch whether something is the matter with it."""
MOST_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Kind:
    """Something that can be wrong with pairs.

    Attributes:
        code: its stable name.
        looks_for: what the check looks for, as a heading.
        one: how one pair is called that has it: follows "1 pair".
        many: the same for more: follows "41 pairs".
        none: the finding's title where no pair has it.
        why: why it matters for ORPO.
        advice: what to do.
        warning: share of the pairs from which it is a warning; below, it is a note.
        serious: share from which it is serious.
        remedy: name of what one click does about it, or None.
    """

    code: str
    looks_for: str
    one: str
    many: str
    none: str
    why: str
    advice: str
    warning: float = 0.0
    serious: float = 2.0
    remedy: str | None = None

    def severity(self, share: float) -> Severity:
        """Return how much a share of the pairs matters."""
        if share <= 0:
            return Severity.GOOD
        if share >= self.serious:
            return Severity.SERIOUS
        return Severity.WARNING if share >= self.warning else Severity.NOTE

    def title(self, count: int) -> str:
        """Return the finding's title."""
        if not count:
            return self.none
        return f"1 pair {self.one}." if count == 1 else f"{count:,} pairs {self.many}."


@dataclass(frozen=True, slots=True)
class RowCheck:
    """A check that looks at one pair by itself.

    Attributes:
        kind: what it looks for.
        where: the pairs that have it.
        example: a short excerpt of such a pair's text, given the batch and the place in it.
    """

    kind: Kind
    where: Where
    example: Callable[[PairBatch, int], str]


def finding(
    kind: Kind, rows: Ints, pairs: int, *, remedy: Remedy | None = None, examples: tuple[str, ...] = ()
) -> Finding:
    """Return the finding that these rows, out of so many pairs, make."""
    share = len(rows) / pairs if pairs else 0.0
    return Finding(
        code=kind.code,
        title=kind.title(len(rows)),
        severity=kind.severity(share),
        count=len(rows),
        share=share,
        rows=tuple(rows[:MOST_ROWS].tolist()),
        why=kind.why,
        advice=kind.advice if len(rows) else "Nothing is to do.",
        remedy=remedy if len(rows) else None,
        examples=examples,
    )


def numbers(mask: Bools) -> Ints:
    """Return the numbers of the rows of a mask."""
    return np.flatnonzero(mask).astype(np.int64)


def beginning(part: Part, length: int = 120) -> Callable[[PairBatch, int], str]:
    """Return what shows the beginning of a part."""

    def show(batch: PairBatch, place: int) -> str:
        words = " ".join(batch.text(part, place)[: 4 * length].split())
        return words if len(words) <= length else f"{words[: length - 1]}…"

    return show
