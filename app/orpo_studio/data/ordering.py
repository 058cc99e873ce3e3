"""Pairs in the order of their lengths, which are known without reading any text."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

from orpo_studio.data.pages import PARTS, Pages, PairPages
from orpo_studio.data.skipping import parse_skipped
from orpo_studio.data.text_sizes import text_bytes

Length = Literal["prompt", "chosen", "rejected", "total", "difference"]
"""What pairs are ordered by: a part's length, that of all three, or by how much the chosen answer is the longer one."""


def sizes_of(pages: Pages) -> np.ndarray:
    """Return the bytes of text of all pairs: (pairs, 3) int32 for prompt, chosen and rejected."""
    if isinstance(pages, PairPages):
        return text_bytes(str(pages.path))
    pairs = [pages.pair(position) for position in pages.span()]
    rows = [[sum(len(turn["content"].encode()) for turn in getattr(pair, part)) for part in PARTS] for pair in pairs]
    return np.array(rows, np.int32).reshape(-1, len(PARTS))


def lengths(sizes: np.ndarray, by: Length) -> np.ndarray:
    """Return what pairs of some sizes are ordered by: (pairs, 3) → (pairs,) int64."""
    wanted: np.ndarray
    if by == "total":
        wanted = sizes.sum(axis=1)
    elif by == "difference":
        wanted = sizes[:, 1] - sizes[:, 2]
    else:
        wanted = sizes[:, PARTS.index(by)]
    return wanted


def ordered(positions: np.ndarray, sizes: np.ndarray, by: Length, *, longest_first: bool) -> np.ndarray:
    """Return positions ordered by length; those of one length stay in their order."""
    keys = lengths(sizes[positions], by)
    return positions[np.argsort(-keys if longest_first else keys, kind="stable")]


def source_rows(pages: Pages) -> np.ndarray:
    """Return where each pair stood in its source: (pairs,) int64."""
    if not isinstance(pages, PairPages):
        return np.array([pages.pair(position).source_row for position in pages.span()], np.int64)
    return _source_rows_of(pages)


@lru_cache(maxsize=1)
def _source_rows_of(pages: PairPages) -> np.ndarray:
    """Read them once: eight bytes a pair, and the numbers lie apart in the whole file."""
    import pyarrow as pa

    with pa.memory_map(str(pages.path)) as file:
        reader = pa.ipc.open_file(file)
        batches = (reader.get_batch(place) for place in range(reader.num_record_batches))
        rows = [np.array(batch.column("source_row"), np.int64) for batch in batches]
    return np.concatenate([np.zeros(0, np.int64), *rows])


class RowPlace(NamedTuple):
    """Where a row was found: its place among those shown, its number, and which of how many with it this is."""

    place: int
    row: int
    number: int
    of: int


def place_of_row(rows: np.ndarray, wanted: int, behind: int = -1) -> RowPlace | None:
    """Return the place of a number among rows, or that of the least one above it; None where all are below.

    Of several with the number it is the first, or, where ``behind`` is the place of one, the next one behind that.
    """
    same = np.flatnonzero(rows == wanted)
    if len(same):
        number = int(np.searchsorted(same, behind, side="right")) if behind in same else 0
        number %= len(same)
        return RowPlace(int(same[number]), wanted, number + 1, len(same))
    above = np.flatnonzero(rows > wanted)
    if not len(above):
        return None
    place = int(above[np.argmin(rows[above])])
    return RowPlace(place, int(rows[place]), 1, 1)


def positions_of(pages: Pages, rows: Sequence[str]) -> np.ndarray:
    """Return the positions, ascending, of the training pairs of some rows, named as ``data.skip_rows`` names them.

    Raises:
        DataProblem: a name is none.
    """
    numbers = source_rows(pages)[: pages.span("train").stop]  # a held-out file counts its own rows
    found: set[int] = set()
    for named in parse_skipped(rows):
        there = np.flatnonzero((numbers >= named.first) & (numbers <= named.last)).tolist()
        found.update(place for place in there if not named.source or pages.pair(place).file == named.source)
    return np.array(sorted(found), np.int64)
