"""Whether a layout that was found can read the sample."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TypeVar

from orpo_studio.data.layouts.layout import Found, Recognition, and_, readable
from orpo_studio.data.layouts.sample import Row, Sample, share_of
from orpo_studio.data.pair import Pair, Single
from orpo_studio.data.problem import Reason, RowProblem

Made = TypeVar("Made")

_MISREAD = frozenset(
    {Reason.MISSING_FIELD, Reason.NOT_TEXT, Reason.ROLES, Reason.PROMPT_MISMATCH, Reason.NO_PREFERENCE}
)
"""What rows are refused for that are in another layout; other reasons are the rows' own."""
_MOST = 0.5
_ROWS = 50
_WORDS = 4
_MOST_NAMED = 5


@dataclass(frozen=True)
class Trial:
    """What becomes of the sample when it is read in one layout."""

    name: str
    found: Found
    sample: Sample
    _used: set[str] = field(default_factory=set)

    @cached_property
    def _read(self) -> list[list[Pair] | Single | Reason]:
        convert = self.found.single or self.found.convert
        rows = (_Watched(row, self._used) for row in self.sample.rows[:_ROWS])
        return [_attempt(convert, row, number) for number, row in enumerate(rows, 1)]

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
            readable(self.found.evidence + self._unused_words()),
            partial(_unfolded, self.sample, self.found.convert),
            partial(_unfolded, self.sample, single) if single else None,
            alternatives,
            self.found.parts,
        )

    def _unused_words(self) -> str:
        """Return the sentence on columns with more than a word or two that are not read, with a blank before it."""
        if not self.reads_most:
            return ""
        used = (
            self._used | {path.partition(".")[0] for path in self.found.parts.values()} | {*self.found.parts.values()}
        )
        unused = [
            column
            for column in self.sample.columns
            if column not in used and share_of(self.sample.cells(column), _is_wordy) >= _MOST
        ]
        if not unused:
            return ""
        more = [f"{len(unused) - _MOST_NAMED + 1} more"] if len(unused) > _MOST_NAMED else []
        named = unused[: _MOST_NAMED - 1] if more else unused
        return f" Not used: {and_([*(column[:60] for column in named), *more])}."


class _Watched(Mapping[str, object]):
    """A row that notes which of its columns are read."""

    def __init__(self, row: Row, used: set[str]) -> None:
        self._row = row
        self._used = used

    def __getitem__(self, column: str) -> object:
        self._used.add(column)
        return self._row[column]

    def __contains__(self, column: object) -> bool:
        return column in self._row

    def __iter__(self) -> Iterator[str]:
        return iter(self._row)

    def __len__(self) -> int:
        return len(self._row)


def _is_wordy(cell: object) -> bool:
    """Tell whether a cell holds a sentence, or a list or object that does."""
    entries = cell if isinstance(cell, list) else [cell]
    texts = [text for entry in entries for text in (entry.values() if isinstance(entry, dict) else [entry])]
    return any(isinstance(text, str) and len(text.split(maxsplit=_WORDS - 1)) >= _WORDS for text in texts)


def _unfolded(sample: Sample, convert: Callable[[Row, int], Made], row: Row, number: int) -> Made:
    try:
        return convert(sample.unfold(row), number)
    except RecursionError as error:
        raise RowProblem(Reason.NOT_TEXT, "A field is nested too deeply to be text.") from error


def _attempt(convert: Callable[[Row, int], list[Pair] | Single], row: Row, number: int) -> list[Pair] | Single | Reason:
    try:
        return convert(row, number)
    except RowProblem as problem:
        return problem.reason
    except RecursionError:
        return Reason.NOT_TEXT
