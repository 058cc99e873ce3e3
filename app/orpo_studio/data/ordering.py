"""Pairs in the order of their lengths, which are known without reading any text."""

from typing import Literal

import numpy as np

from orpo_studio.data.pages import PARTS, Pages, PairPages
from orpo_studio.data.text_sizes import text_bytes

Length = Literal["prompt", "chosen", "rejected", "total", "difference"]
"""What pairs are ordered by: a part's length, that of all three, or by how much the chosen answer is the longer one."""


def sizes_of(pages: Pages) -> np.ndarray:
    """Return the bytes of text of all pairs: (pairs, 3) int64 for prompt, chosen and rejected."""
    if isinstance(pages, PairPages):
        return text_bytes(str(pages.path))
    pairs = [pages.pair(position) for position in pages.span()]
    rows = [[sum(len(turn["content"].encode()) for turn in getattr(pair, part)) for part in PARTS] for pair in pairs]
    return np.array(rows, np.int64).reshape(-1, len(PARTS))


def lengths(sizes: np.ndarray, by: Length) -> np.ndarray:
    """Return what pairs of some sizes are ordered by: (pairs, 3) → (pairs,) int64."""
    if by == "total":
        return sizes.sum(axis=1)
    if by == "difference":
        return sizes[:, 1] - sizes[:, 2]
    return sizes[:, PARTS.index(by)]


def ordered(positions: np.ndarray, sizes: np.ndarray, by: Length, *, longest_first: bool) -> np.ndarray:
    """Return positions ordered by length; those of one length stay in their order."""
    keys = lengths(sizes[positions], by)
    return positions[np.argsort(-keys if longest_first else keys, kind="stable")]
