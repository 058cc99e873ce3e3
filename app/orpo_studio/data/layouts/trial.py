"""Whether a layout that was found can read the sample."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeVar

from orpo_studio.data.layouts.layout import Found, Recognition
from orpo_studio.data.layouts.sample import Row, Sample
from orpo_studio.data.pair import Pair, Single
from orpo_studio.data.problem import Reason, RowProblem

Made = TypeVar("Made")

_MISREAD = frozenset(
    {Reason.MISSING_FIELD, Reason.NOT_TEXT, Reason.ROLES, Reason.PROMPT_MISMATCH, Reason.NO_PREFERENCE}
)
"""What rows are refused for that are in another layout; other reasons are the rows' own."""
_MOST = 0.5
_ROWS = 50


@dataclass(frozen=True)
class Trial:
    """What becomes of the sample when it is read in one layout."""

    name: str
    found: Found
    sample: Sample

    @cached_property
    def _read(self) -> list[list[Pair] | Single | Reason]:
        convert = self.found.single or self.found.convert
        return [_attempt(self.sample, convert, row, number) for number, row in enumerate(self.sample.rows[:_ROWS], 1)]

    @property
    def share(self) -> float:
        """Which share of the rows is in this layout."""
        fit = [not (isinstance(one, Reason) and one in _MISREAD) for one in self._read]
        return sum(fit) / max(1, len(fit))

    @property
    def reads_most(self) -> bool:
        """Tell whether at least half of the rows are in this layout."""
        return self.share >= _MOST

    def differs(self, other: "Trial") -> bool:
        """Tell whether another layout makes other pairs of the rows."""
        return self._read != other._read  # noqa: SLF001 - of the same class

    def recognition(self, alternatives: tuple[str, ...]) -> Recognition:
        """Return the layout as the one that is taken."""
        single = self.found.single
        return Recognition(
            self.name,
            self.found.evidence,
            partial(_unfolded, self.sample, self.found.convert),
            partial(_unfolded, self.sample, single) if single else None,
            alternatives,
            self.found.parts,
        )


def _unfolded(sample: Sample, convert: Callable[[Row, int], Made], row: Row, number: int) -> Made:
    try:
        return convert(sample.unfold(row), number)
    except RecursionError as error:
        raise RowProblem(Reason.NOT_TEXT, "A field is nested too deeply to be text.") from error


def _attempt(
    sample: Sample, convert: Callable[[Row, int], list[Pair] | Single], row: Row, number: int
) -> list[Pair] | Single | Reason:
    try:
        return _unfolded(sample, convert, row, number)
    except RowProblem as problem:
        return problem.reason
