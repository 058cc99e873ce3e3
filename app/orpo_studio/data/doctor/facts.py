"""What one pass over all pairs gathers for the checks."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import compress, islice

import numpy as np

from orpo_studio.data.doctor.check import RowCheck
from orpo_studio.data.doctor.columns import PARTS, Bools, Ints, Keys, PairBatch, Pairs, byte_lengths
from orpo_studio.data.doctor.overlap import nearly_held_out
from orpo_studio.data.doctor.sketch import Sketches, exact_keys, joined, sketches, word_hashes

Tell = Callable[[float], None]
"""Told which share of a piece of work is done; may raise to stop it."""
_WORKERS = 2
_AHEAD = 4
"""Batches under way at once: enough for both workers, few enough for memory."""


@dataclass(frozen=True, slots=True)
class Sketched:
    """Sketches of each pair's parts and of the whole pair, (pairs, PLACES) each."""

    prompt: Sketches
    chosen: Sketches
    rejected: Sketches
    whole: Sketches


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of all pairs.

    Attributes:
        pairs: how many there are.
        train: how many of them, from the first on, are to train on.
        keys: (pairs, 3): the same number for the same text of prompt, chosen and rejected.
        sizes: (pairs, 3): bytes of text of each.
        turns: (pairs, 3): turns of each.
        sketched: how alike texts are; None where nothing asked for it.
        nearly_held_out: (found, 2): pairs to train on, each with one held out whose prompt is nearly the same.
        masks: what each row check found, by its code.
        origins: where each pair comes from by its own account, or None.
        seconds: what each check took, by its code, in seconds of one processor.
    """

    pairs: int
    train: int
    keys: Keys
    sizes: Ints
    turns: Ints
    sketched: Sketched | None
    nearly_held_out: Ints
    masks: dict[str, Bools]
    origins: tuple[str, ...] | None
    seconds: dict[str, float]

    def only(self, kept: Bools) -> "Facts":
        """Return what is known of some of the pairs, which count from 0 anew."""
        sketched, near = self.sketched, self.nearly_held_out
        return replace(
            self,
            pairs=int(kept.sum()),
            train=int(kept[: self.train].sum()),
            keys=self.keys[kept],
            sizes=self.sizes[kept],
            turns=self.turns[kept],
            sketched=None
            if sketched is None
            else Sketched(sketched.prompt[kept], sketched.chosen[kept], sketched.rejected[kept], sketched.whole[kept]),
            nearly_held_out=(np.cumsum(kept) - 1)[near[kept[near].all(axis=1)]],
            masks={code: mask[kept] for code, mask in self.masks.items()},
            origins=None if self.origins is None else tuple(compress(self.origins, kept)),
        )


@dataclass(slots=True)
class _BatchFacts:
    keys: np.ndarray
    sizes: np.ndarray
    turns: np.ndarray
    sketched: list[Sketches]
    masks: dict[str, Bools]
    origins: list[str] | None
    seconds: dict[str, float]


def gather(pairs: Pairs, checks: Sequence[RowCheck], *, sketch: bool = True, tell: Tell | None = None) -> Facts:
    """Go over all pairs once, on two processors, and return what the checks need.

    Args:
        pairs: all pairs.
        checks: those that look at one pair by itself.
        sketch: whether to find out how alike texts are.
        tell: told how far it is; may raise to stop.
    """
    found: list[_BatchFacts] = []
    batches = pairs.batches()
    done = 0
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="data-doctor") as pool:
        waiting = [pool.submit(_look, batch, checks, sketch) for batch in islice(batches, _AHEAD)]
        try:
            while waiting:
                found.append(waiting.pop(0).result())
                waiting += [pool.submit(_look, batch, checks, sketch) for batch in islice(batches, 1)]
                done += len(found[-1].keys)
                if tell is not None:
                    tell(done / len(pairs))
        finally:
            for future in waiting:
                future.cancel()
    return _together(pairs, found, checks, sketch=sketch)


def _look(batch: PairBatch, checks: Sequence[RowCheck], sketch: bool) -> _BatchFacts:
    seconds: dict[str, float] = {}
    start = time.perf_counter()
    texts = [batch.texts(part) for part in PARTS]
    keys = np.stack([exact_keys(text) for text in texts], axis=1)
    sizes = np.stack([byte_lengths(text) for text in texts], axis=1)
    turns = np.stack([batch.turns(part) for part in PARTS], axis=1)
    seconds["reading"] = time.perf_counter() - start
    sketched: list[Sketches] = []
    if sketch:
        start = time.perf_counter()
        hashes = [word_hashes(text, whole_words=True) for text in texts]
        sketched = [sketches(*own) for own in (*hashes, joined(hashes))]
        seconds["sketches"] = time.perf_counter() - start
    masks: dict[str, Bools] = {}
    for check in checks:
        start = time.perf_counter()
        masks[check.kind.code] = check.where(batch)
        seconds[check.kind.code] = time.perf_counter() - start
    return _BatchFacts(keys, sizes, turns, sketched, masks, batch.origins(), seconds)


def _together(pairs: Pairs, found: list[_BatchFacts], checks: Sequence[RowCheck], *, sketch: bool) -> Facts:
    def all_of(parts: list[np.ndarray], empty: np.ndarray) -> np.ndarray:
        return np.concatenate(parts) if parts else empty

    three = np.zeros((0, 3), dtype=np.int64)
    seconds: dict[str, float] = {}
    for part in found:
        for name, spent in part.seconds.items():
            seconds[name] = seconds.get(name, 0.0) + spent
    sketched = None
    if sketch and found:
        sketched = Sketched(*(np.concatenate([part.sketched[place] for part in found]) for place in range(4)))
    near = np.zeros((0, 2), dtype=np.int64)
    if sketched is not None and pairs.train < len(pairs):
        near = nearly_held_out(pairs, sketched.prompt)
    origins = [part.origins for part in found]
    return Facts(
        pairs=len(pairs),
        train=pairs.train,
        keys=all_of([part.keys for part in found], three.astype(np.uint64)),
        sizes=all_of([part.sizes for part in found], three),
        turns=all_of([part.turns for part in found], three),
        sketched=sketched,
        nearly_held_out=near,
        masks={
            check.kind.code: all_of([part.masks[check.kind.code] for part in found], np.zeros(0, dtype=bool))
            for check in checks
        },
        origins=tuple(origin for own in origins for origin in own or ()) if origins and None not in origins else None,
        seconds=seconds,
    )
