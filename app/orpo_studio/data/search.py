"""Find text in a million pairs: on two cores, from the beginning to the end, with what is found as it is found.

The texts of a record batch lie one after the other in one buffer, so that a batch without the text is told by one
look. The search itself is RE2's, which lets go of Python's lock. Letters are given to it in both cases: its own way
to ignore case also knows K for the Kelvin sign, which makes words with a k or an s eight times slower to find.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from orpo_studio.data.pages import PARTS, Pages, PairPages
from orpo_studio.data.turns import Turns

if TYPE_CHECKING:
    import pyarrow as pa

_WORKERS = 2
_MANY = 0.3
_BATCHES_AT_ONCE = 4
"""So many batches are mapped into memory and searched at a time by each worker; a cancelled search ends after them."""


@dataclass(frozen=True, slots=True)
class TextQuery:
    """What is looked for.

    Attributes:
        text: as it stands; nothing in it has a special meaning.
        parts: where, of `PARTS`.
        match_case: whether capital letters differ from small ones.
    """

    text: str
    parts: tuple[str, ...] = PARTS
    match_case: bool = False

    def pattern(self, *, match_case: bool = False) -> str:
        """Return the text as a regular expression of RE2's."""
        text = self.text.encode("utf-8", errors="replace").decode("utf-8")
        return "".join(re.escape(letter) if match_case else _either_case(letter) for letter in text)


@dataclass(frozen=True, slots=True)
class Hits:
    """What a stretch of the pairs has.

    Attributes:
        positions: of the pairs with the text, ascending, int64.
        share: how much has been searched by now, 0 to 1.
    """

    positions: np.ndarray
    share: float


def search(pages: Pages, query: TextQuery, span: range, cancelled: Callable[[], bool]) -> Iterator[Hits]:
    """Yield the pairs within a span of positions that hold a text, stretch by stretch, in their order.

    Args:
        pages: the pairs.
        query: what is looked for; an empty text is in every pair.
        span: positions to look at, one after the other.
        cancelled: asked now and then whether to stop; what was found until then has been yielded.
    """
    if not span:
        yield Hits(np.zeros(0, np.int64), 1.0)
    elif isinstance(pages, PairPages):
        yield from _search_file(pages, query, span, cancelled)
    else:
        yield Hits(_search_list(pages, query, span), 1.0)


def _either_case(letter: str) -> str:
    cases = {letter, letter.lower(), letter.upper()}
    single = sorted(case for case in cases if len(case) == 1)
    return f"[{''.join(single)}]" if len(single) > 1 else re.escape(letter)


def _search_list(pages: Pages, query: TextQuery, span: range) -> np.ndarray:
    pattern = re.compile(query.pattern(match_case=query.match_case))
    found = []
    for position in span:
        pair = pages.pair(position)
        turns = (turn for part in query.parts for turn in getattr(pair, part))
        if any(pattern.search(turn["content"]) for turn in turns):
            found.append(position)
    return np.array(found, np.int64)


def _search_file(pages: PairPages, query: TextQuery, span: range, cancelled: Callable[[], bool]) -> Iterator[Hits]:
    places = pages.batches_of(span)
    stretches = [places[start : start + _BATCHES_AT_ONCE] for start in range(0, len(places), _BATCHES_AT_ONCE)]
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="search") as workers:
        waiting: deque[Future[np.ndarray]] = deque()
        done = 0
        for stretch in stretches:
            waiting.append(workers.submit(_search_stretch, pages.path, query, stretch, cancelled))
            if len(waiting) > 2 * _WORKERS:
                done += 1
                yield _within(waiting.popleft().result(), span, done / len(stretches))
            if cancelled():
                break
        while waiting:
            done += 1
            yield _within(waiting.popleft().result(), span, done / len(stretches))


def _within(positions: np.ndarray, span: range, share: float) -> Hits:
    return Hits(positions[(positions >= span.start) & (positions < span.stop)], share)


def _search_stretch(
    path: Path, query: TextQuery, places: list[tuple[int, int]], cancelled: Callable[[], bool]
) -> np.ndarray:
    """Search some batches through a mapping of their own, which is gone afterwards and with it its memory."""
    import pyarrow as pa

    with pa.memory_map(str(path)) as file:
        reader = pa.ipc.open_file(file)
        if cancelled():
            return np.zeros(0, np.int64)
        found = _search_batches([reader.get_batch(place) for place, _ in places], query)
    return np.concatenate([np.flatnonzero(rows) + first for rows, (_, first) in zip(found, places, strict=True)])


def _search_batches(batches: "list[pa.RecordBatch]", query: TextQuery) -> list[np.ndarray]:
    """Return which rows of each batch hold the text, each (rows,) bool.

    All batches go to one search: making the pattern takes as long as looking through a hundred texts, and each search
    has to have Python's lock back before the next.
    """
    found = [np.zeros(batch.num_rows, np.bool_) for batch in batches]
    loose, exact = query.pattern(), query.pattern(match_case=True)
    for part in query.parts:
        columns = [_Column(batch.column(part), rows) for batch, rows in zip(batches, found, strict=True)]
        if not any(rows.any() for rows in found):  # else it is common enough to be in the other parts too
            held = _matches([column.whole() for column in columns], loose)
            columns = [column for column, holds in zip(columns, held, strict=True) if holds[0]]
        if not columns:
            continue
        for column in columns:
            column.leave_out_found()
        # RE2 finds a word in either case faster than in one: look closer only where it is.
        for pattern in (loose, exact) if query.match_case else (loose,):
            for column, hits in zip(columns, _matches([column.texts() for column in columns], pattern), strict=True):
                column.keep(hits)
        for column in columns:
            column.mark_found()
    return found


class _Column:
    """The texts of one part of a batch, of which fewer and fewer come into question."""

    def __init__(self, column: "pa.ListArray", found: np.ndarray) -> None:
        self._all: pa.StringArray = column.values.field("content")
        self._turns = Turns(column)
        self._found = found
        """Which rows hold the text."""
        self._left: np.ndarray | None = None
        """The places of the texts that come into question; None for all."""

    def whole(self) -> "pa.StringArray":
        """Return all texts as one."""
        import pyarrow as pa

        ends = np.array([self._turns.texts[0], self._turns.texts[-1]], np.int32)
        return pa.StringArray.from_buffers(1, pa.py_buffer(ends), self._all.buffers()[2] or pa.py_buffer(b""))

    def texts(self) -> "pa.StringArray":
        """Return the texts that come into question."""
        return self._all if self._left is None else self._all.take(self._left)

    def leave_out_found(self) -> None:
        """Look only where a common word was not found in another part."""
        if len(self._found) and self._found.mean() > _MANY:
            self._left = np.flatnonzero(~np.repeat(self._found, np.diff(self._turns.rows)))

    def keep(self, wanted: np.ndarray) -> None:
        """Keep those of the texts that are wanted."""
        self._left = np.flatnonzero(wanted) if self._left is None else self._left[wanted]

    def mark_found(self) -> None:
        """Say that the rows of the texts that are left hold what is looked for."""
        if self._left is not None:
            self._found[np.searchsorted(self._turns.rows, self._left, side="right") - 1] = True


def _matches(texts: "list[pa.StringArray]", pattern: str) -> list[np.ndarray]:
    """Return which texts of each array match."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.match_substring_regex(pa.chunked_array(texts, pa.string()), pattern)
    ends = np.cumsum([len(array) for array in texts])
    return np.split(found.to_numpy(), ends[:-1])
