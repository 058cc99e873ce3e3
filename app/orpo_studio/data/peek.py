"""The beginning of a source as pairs, at once, while the whole of it is still being converted."""

from dataclasses import dataclass
from itertools import islice

from orpo_studio.data.aside import excerpt_of
from orpo_studio.data.gathering import SAMPLE, recognize_sample
from orpo_studio.data.layouts import Recognition
from orpo_studio.data.mapping import Mapping
from orpo_studio.data.pair import Pair, SetAside
from orpo_studio.data.plan import Portion
from orpo_studio.data.problem import Reason, RowProblem
from orpo_studio.data.reading import read_rows
from orpo_studio.data.rows import NumberedRow, Unreadable

_NOTHING_BY_HAND = Mapping()


@dataclass(frozen=True, slots=True)
class Peek:
    """What the first rows of a source are.

    Attributes:
        columns: the columns of these rows, as they are named in the source.
        recognition: how its rows are read.
        pairs: the pairs of the first rows. Single answers need the whole source to find their other side: none here.
        set_aside: those of the first rows that make no pair.
        rows: how many rows were looked at.
    """

    columns: tuple[str, ...]
    recognition: Recognition
    pairs: tuple[Pair, ...]
    set_aside: tuple[SetAside, ...]
    rows: int


def peek(portion: Portion, mapping: Mapping = _NOTHING_BY_HAND, *, count: int = SAMPLE) -> Peek:
    """Read the first rows of a source and no more of it.

    Args:
        portion: the source and its split.
        mapping: columns, roles and rules by hand.
        count: how many rows to read.

    Raises:
        DataProblem: the source as a whole cannot be used.
    """
    return read_as(portion, first_rows(portion, count), mapping)


def first_rows(portion: Portion, count: int = SAMPLE) -> list[NumberedRow]:
    """Return the first rows of a source as they are.

    Raises:
        DataProblem: the source cannot be read.
    """
    return list(islice(read_rows(portion.source, None, portion.split), count))


def read_as(portion: Portion, rows: list[NumberedRow], mapping: Mapping) -> Peek:
    """Return what the first rows of a source are under a mapping by hand.

    Raises:
        DataProblem: no layout fits, or the mapping cannot be used.
    """
    recognition = recognize_sample(portion.source, rows, mapping)
    pairs: list[Pair] = []
    aside: list[SetAside] = []
    for number, row in rows:
        try:
            pairs += _pairs(recognition, number, row)
        except RowProblem as problem:
            aside.append(SetAside(portion.source.name, number, problem.reason, problem.words, excerpt_of(row)))
    return Peek(columns_of(rows), recognition, tuple(pairs), tuple(aside), len(rows))


def columns_of(rows: list[NumberedRow]) -> tuple[str, ...]:
    """Return the names of the columns of some rows, in the order in which they are met."""
    return tuple(dict.fromkeys(column for _, row in rows if not isinstance(row, Unreadable) for column in row))


def _pairs(recognition: Recognition, number: int, row: object) -> list[Pair]:
    if isinstance(row, Unreadable):
        raise RowProblem(Reason.UNREADABLE, row.words)
    if recognition.single is None:
        return recognition.convert(row, number)  # type: ignore[arg-type]
    recognition.single(row, number)  # type: ignore[arg-type]
    return []
