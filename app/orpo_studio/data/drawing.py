"""How much of a source is taken: all, a share drawn by chance, or each pair several times."""

from typing import TYPE_CHECKING

from orpo_studio.data.plan import Portion

if TYPE_CHECKING:
    import numpy as np


def draw(portion: Portion, pairs: int, *, seed: int, place: int) -> "np.ndarray":
    """Return how often each of a source's pairs is taken.

    Args:
        portion: the source and how much of it is wanted.
        pairs: how many it has.
        seed: of the draw.
        place: which of the plan's sources it is, so that two of them are drawn apart.

    Returns:
        (pairs,) uint8. The sum is the share of ``pairs``, rounded, and never above the portion's bound.
    """
    import numpy as np

    generator = np.random.default_rng([seed, place])
    whole, rest = divmod(portion.share, 1)
    takes = np.full(pairs, int(whole), dtype=np.uint8)
    takes[generator.permutation(pairs)[: round(rest * pairs)]] += 1
    if portion.most is not None:
        taken = np.flatnonzero(takes)
        takes[generator.permutation(taken)[portion.most :]] = 0
    return takes
