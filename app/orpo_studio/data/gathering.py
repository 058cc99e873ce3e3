"""Read one source into an Arrow file of pairs, setting aside with its reason every row that makes none."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from orpo_studio.data.aside import AsideWriter, excerpt_of
from orpo_studio.data.layouts import Recognition, recognize
from orpo_studio.data.mapping import Mapping as HandMapping
from orpo_studio.data.pair import Pair
from orpo_studio.data.plan import Portion
from orpo_studio.data.problem import DataProblem, Reason, RowProblem
from orpo_studio.data.reading import read_rows
from orpo_studio.data.rows import NumberedRow, Unreadable
from orpo_studio.data.skipping import SkippedRows
from orpo_studio.data.split import prompt_key

if TYPE_CHECKING:
    import numpy as np

SAMPLE = 200
"""How many rows the layout is recognized by."""
_CHECK_EVERY = 256
_ORIGIN_COLUMNS = ("source", "dataset", "origin", "data_source", "subset")
_LONGEST_ORIGIN = 100


def _nothing() -> "np.ndarray":
    import numpy as np

    return np.zeros(0, np.uint8)


@dataclass(slots=True)
class Gathered:
    """What was read from one source.

    Attributes:
        portion: the source and how much of it is wanted.
        name: what it is called wherever a row of it is named.
        pairs: Arrow file of its pairs.
        recognition: how its rows were read.
        keys: the key of each pair's prompt.
        rows: where each pair stood in the source.
        partners: where its rejected answer stood, for single answers that were joined; empty for others.
        rows_in: how many rows were read.
        takes: how often each pair is taken, (pairs,) uint8.
    """

    portion: Portion
    name: str
    pairs: Path
    recognition: Recognition
    keys: "array[int]" = field(default_factory=lambda: array("Q"))
    rows: "array[int]" = field(default_factory=lambda: array("q"))
    partners: "array[int]" = field(default_factory=lambda: array("q"))
    rows_in: int = 0
    takes: "np.ndarray" = field(default_factory=_nothing)

    def rows_of(self, pairs: "np.ndarray") -> "np.ndarray":
        """Return the rows, each once, that some pairs are made of: (pairs,) bool → (rows,) int64."""
        import numpy as np

        sides = [np.frombuffer(side, np.int64)[pairs] for side in (self.rows, self.partners) if side]
        return np.unique(np.concatenate(sides)) if sides else np.zeros(0, np.int64)


def gather(
    portion: Portion,
    mapping: HandMapping,
    scratch: Path,
    *,
    name: str,
    seed: int,
    taken: frozenset[int],
    skipped: Sequence[SkippedRows] = (),
    aside: AsideWriter,
    tell: Callable[[float, int], None],
) -> Gathered:
    """Read a source.

    Args:
        portion: the source; its amount is not looked at here.
        mapping: columns, roles and rules by hand.
        scratch: an Arrow file to write; another beside it may come and go.
        name: what the source is called where a row of it is named.
        seed: of the keys of prompts.
        taken: keys of the prompts that are held out elsewhere; rows with one are set aside.
        skipped: rows of this source that are left out.
        aside: told of each row that makes no pair.
        tell: told now and then which share has been read, 0 to 1, and how many rows that is; may raise to stop.

    Raises:
        DataProblem: the source as a whole cannot be used.
    """
    from orpo_studio.data.pair_files import PairWriter

    shares = [0.0]
    rows = read_rows(portion.source, shares.append, portion.split)
    sample = list(islice(rows, SAMPLE))
    recognition = recognize_sample(portion.source, sample, mapping)
    gathered = Gathered(portion, name, scratch, recognition)
    source = _Source(gathered, seed, taken, skipped, aside)
    with PairWriter(scratch) as writer:
        for number, row in _watched(chain(sample, rows), shares, tell):
            gathered.rows_in += 1
            for pair in source.pairs_of(number, row):
                writer.add(pair)
    if recognition.single is not None:
        from orpo_studio.data.joining import join

        join(gathered, source.good, aside)
    import numpy as np

    gathered.takes = np.ones(len(gathered.keys), np.uint8)
    return gathered


def _watched(
    rows: Iterable[NumberedRow], shares: list[float], tell: Callable[[float, int], None]
) -> Iterator[NumberedRow]:
    for place, row in enumerate(rows):
        if place % _CHECK_EVERY == 0:
            tell(shares[-1], place)
            del shares[:-1]
        yield row


class _Source:
    """Turns the rows of one source into pairs, or into halves of pairs where each row holds one answer."""

    def __init__(
        self,
        gathered: Gathered,
        seed: int,
        taken: frozenset[int],
        skipped: Sequence[SkippedRows],
        aside: AsideWriter,
    ) -> None:
        self._gathered = gathered
        self._skipped = skipped
        self._seed = seed
        self._taken = taken
        self._aside = aside
        self._name = gathered.name
        self.good = array("b")

    def pairs_of(self, number: int, row: Mapping[str, object] | Unreadable) -> list[Pair]:
        """Return the row's pairs; none where it was set aside."""
        try:
            if any(number in rows for rows in self._skipped):
                raise RowProblem(Reason.SKIPPED, "It is named among the rows to skip.")
            if isinstance(row, Unreadable):
                raise RowProblem(Reason.UNREADABLE, row.words)
            pairs, good = self._converted(number, row)
            keys = [prompt_key(pair.prompt, self._seed) for pair in pairs]
            if not self._taken.isdisjoint(keys):
                raise RowProblem(Reason.HELD_OUT_OVERLAP, "The same prompt stands in the held-out part.")
        except RowProblem as problem:
            self._aside.add(self._name, number, problem.reason, problem.words, excerpt_of(row))
            return []
        self._gathered.keys.extend(keys)
        self._gathered.rows.extend(pair.source_row for pair in pairs)
        self.good.extend(good)
        return pairs

    def _converted(self, number: int, row: Mapping[str, object]) -> tuple[list[Pair], list[bool]]:
        recognition = self._gathered.recognition
        origin = _origin(row)
        if recognition.single is None:
            pairs = [
                Pair(pair.prompt, pair.chosen, pair.rejected, number, origin, self._name)
                for pair in recognition.convert(row, number)
            ]
            return pairs, []
        single = recognition.single(row, number)
        return [Pair(single.prompt, single.answer, [], number, origin, self._name)], [single.good]


def _origin(row: Mapping[str, object]) -> str:
    """Return what a row says of where it comes from."""
    for column in _ORIGIN_COLUMNS:
        value = row.get(column)
        if isinstance(value, str) and value.strip():
            return value.strip()[:_LONGEST_ORIGIN].encode("utf-8", "replace").decode("utf-8")
    return ""


def recognize_sample(source: Path, sample: list[NumberedRow], mapping: HandMapping) -> Recognition:
    """Return how a source's rows are read, by the first of them.

    Raises:
        DataProblem: there are none, none can be read, or no layout fits.
    """
    readable = [row for _, row in sample if not isinstance(row, Unreadable)]
    if sample and not readable:
        number, first = next((number, row) for number, row in sample if isinstance(row, Unreadable))
        raise DataProblem(
            "nothing-readable",
            f"No row of {source.name} can be read.",
            detail=f"Row {number}: {first.words}",
            hint="Check that the file is what its name says: JSON, JSONL, CSV or Parquet.",
        )
    if not sample:
        raise DataProblem(
            "no-rows",
            f"{source.name} holds no rows.",
            detail=str(source),
            hint="Choose a file that holds preference pairs.",
        )
    return recognize(readable, mapping)
