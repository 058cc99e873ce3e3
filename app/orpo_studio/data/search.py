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
_BATCHES_AT_ONCE = 8
"""So many batches are mapped into memory at a time by each worker; a cancelled search ends after them."""


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

    found = [np.zeros(0, np.int64)]
    with pa.memory_map(str(path)) as file:
        reader = pa.ipc.open_file(file)
        for place, first in places:
            if cancelled():
                break
            rows = _search_batch(reader.get_batch(place), query)
            found.append(np.flatnonzero(rows) + first)
    return np.concatenate(found)


def _search_batch(batch: "pa.RecordBatch", query: TextQuery) -> np.ndarray:
    """Return which rows hold the text: (rows,) bool."""
    found = np.zeros(batch.num_rows, np.bool_)
    loose, exact = query.pattern(), query.pattern(match_case=True)
    for part in query.parts:
        column = batch.column(part)
        texts, turns = column.values.field("content"), Turns(column)
        if not len(texts) or not _holds(texts, turns, loose):
            continue
        if found.mean() > _MANY:  # a common word: look only where it was not found in another part
            rows = np.repeat(np.arange(batch.num_rows), np.diff(turns.rows))
            looked_at = np.flatnonzero(~found[rows])
            hits = looked_at[_matches(texts.take(looked_at), loose)]
        else:
            hits = np.flatnonzero(_matches(texts, loose))
        if query.match_case:  # RE2 finds a word in either case faster than in one: look closer only where it is
            hits = hits[_matches(texts.take(hits), exact)]
        found[np.searchsorted(turns.rows, hits, side="right") - 1] = True
    return found


def _holds(texts: "pa.StringArray", turns: Turns, pattern: str) -> bool:
    """Tell whether a pattern is anywhere in the texts, taken as one."""
    import pyarrow as pa

    ends = np.array([turns.texts[0], turns.texts[-1]], np.int32)
    whole = pa.StringArray.from_buffers(1, pa.py_buffer(ends), texts.buffers()[2])
    return bool(_matches(whole, pattern)[0])


def _matches(texts: "pa.StringArray", pattern: str) -> np.ndarray:
    import pyarrow.compute as pc

    found: np.ndarray = pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)
    return found
