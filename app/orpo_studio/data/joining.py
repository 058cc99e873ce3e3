"""Join single answers that were called good or bad into pairs: those with the same prompt, in their order."""

from array import array
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from orpo_studio.data.aside import AsideWriter
from orpo_studio.data.gathering import Gathered
from orpo_studio.data.pair_files import PAIR_SCHEMA
from orpo_studio.data.problem import Reason

_ROWS = 1_024


def join(gathered: Gathered, good: "array[int]", aside: AsideWriter) -> None:
    """Replace a file of single answers by one of pairs.

    The first good answer to a prompt meets the first bad one, and so on. What is left without a partner, or meets its
    own words, is set aside.

    Args:
        gathered: what was read: each answer stands as the chosen one of a pair without a rejected one. Its file, keys
            and rows are replaced.
        good: whether each answer was called good.
        aside: told of each answer that makes no pair.
    """
    singles = gathered.pairs
    joined = singles.with_name(f"{singles.stem}-joined.arrow")
    name = gathered.name
    kept: list[tuple[int, int]] = []
    with pa.memory_map(str(singles)) as file, pa.ipc.new_file(str(joined), PAIR_SCHEMA) as writer:
        rows = _Rows(pa.ipc.open_file(file))
        partners, alone = _partners(gathered.keys, good)
        for start in range(0, len(alone), _ROWS):
            places = alone[start : start + _ROWS]
            for place, excerpt in zip(places, _excerpts(rows.take(places)), strict=True):
                words = f"No {'bad' if good[place] else 'good'} answer has the same prompt."
                aside.add(name, gathered.rows[place], Reason.NO_PARTNER, words, excerpt)
        for start in range(0, len(partners), _ROWS):
            part = partners[start : start + _ROWS]
            better, worse = (rows.take([pair[side] for pair in part]) for side in (0, 1))
            differ = [ours != theirs for ours, theirs in zip(_answers(better), _answers(worse), strict=True)]
            for pair, differs, excerpt in zip(part, differ, _excerpts(better), strict=True):
                if differs:
                    kept.append(pair)
                    continue
                for place in pair:
                    words = "The good and the bad answer are the same text."
                    aside.add(name, gathered.rows[place], Reason.SAME_ANSWERS, words, excerpt)
            pairs = better.set_column(2, "rejected", worse.column("chosen")).filter(pa.array(differ, pa.bool_()))
            writer.write_table(pairs.cast(PAIR_SCHEMA))
    gathered.keys = array("Q", (gathered.keys[left] for left, _ in kept))
    gathered.partners = array("q", (gathered.rows[right] for _, right in kept))
    gathered.rows = array("q", (gathered.rows[left] for left, _ in kept))
    gathered.pairs = joined
    singles.unlink()


def _partners(keys: "array[int]", good: "array[int]") -> tuple[list[tuple[int, int]], list[int]]:
    """Return which good answer meets which bad one, in the order of the first of the two, and who is left alone."""
    waiting: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for place, key in enumerate(keys):
        waiting[key][good[place]].append(place)
    partners = [(left, right) for worse, better in waiting.values() for left, right in zip(better, worse, strict=False)]
    partners.sort(key=min)
    alone = np.ones(len(keys), dtype=bool)
    for left, right in partners:
        alone[left] = alone[right] = False
    return partners, [int(place) for place in np.flatnonzero(alone)]


class _Rows:
    """Rows of an Arrow file by their places. A table's own `take` would first copy the whole file into one piece."""

    def __init__(self, reader: pa.RecordBatchFileReader) -> None:
        self._reader = reader
        sizes = [reader.get_batch(index).num_rows for index in range(reader.num_record_batches)]
        self._starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])

    def take(self, places: Sequence[int]) -> pa.Table:
        """Return the rows at some places, in their order."""
        wanted = np.asarray(places, dtype=np.int64)
        order = np.argsort(wanted, kind="stable")
        batches = np.searchsorted(self._starts, wanted[order], side="right") - 1
        parts = []
        for index in np.unique(batches):
            inside = wanted[order][batches == index] - self._starts[index]
            parts.append(self._reader.get_batch(int(index)).take(pa.array(inside)))
        table = pa.Table.from_batches(parts, PAIR_SCHEMA).combine_chunks()
        return table.take(pa.array(np.argsort(order, kind="stable")))


def _answers(table: pa.Table) -> list[list[str]]:
    return [[turn["content"].strip() for turn in turns] for turns in table.column("chosen").to_pylist()]


def _excerpts(table: pa.Table) -> list[str]:
    return [
        " → ".join(turns[-1]["content"][:300] for turns in (row["prompt"], row["chosen"]) if turns)
        for row in table.select(["prompt", "chosen"]).to_pylist()
    ]
