"""The largest settings that fit into a given memory."""

from collections.abc import Callable

from orpo_studio.config import find_option
from orpo_studio.fit.memory import Case, estimate

_MOST_PAIRS = 1024
_SHORTEST = 8
_STEP = 8
"""Lengths are told in steps of 8 tokens."""


def largest_micro_batch(case: Case, free_bytes: float) -> int | None:
    """Return the most pairs at once whose highest estimate fits; 0 where not even one does, None where unknown."""
    most = _MOST_PAIRS if case.lengths is None else max(1, min(_MOST_PAIRS, len(case.lengths)))
    return _largest(case, "micro_batch", most, 1, free_bytes)


def longest_sequence(case: Case, free_bytes: float) -> int | None:
    """Return the longest maximum length whose highest estimate fits; 0 where none does, None where unknown.

    It ends at what the model was made for, and at the longest pair where the lengths are known.
    """
    most = case.shape.context or int(find_option("recipe.max_length").maximum or 0) or 1_048_576
    if case.lengths is not None and len(case.lengths):
        most = min(most, -(-max(case.lengths.longest, _SHORTEST) // _STEP) * _STEP)
    return _largest(case, "max_length", most // _STEP, _STEP, free_bytes)


def _largest(case: Case, name: str, steps: int, size: int, free_bytes: float) -> int | None:
    """Return the largest of ``size, 2·size … steps·size`` that fits; memory only grows with it, so halving finds it."""
    if not estimate(case).is_whole:
        return None
    case = case.settled()  # what would only fit at the price of time is no offer

    def fits(number: int) -> bool:
        return estimate(case.having(**{name: number * size})).high <= free_bytes

    return size * _last_true(fits, steps)


def _last_true(holds: Callable[[int], bool], most: int) -> int:
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low
