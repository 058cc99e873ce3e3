"""Pairs in which nothing is wrong, to put what is wrong among them."""

import random

import pytest

from helpers.prepared_pairs import pair
from orpo_studio.data.pair import Pair

_SYLLABLES = ("ba", "ko", "mi", "ra", "tel", "san", "vor", "du", "gli", "pem", "xo", "nar")


@pytest.fixture(scope="session")
def clean() -> list[Pair]:
    """Return 60 pairs of invented words, no two alike."""
    draw = random.Random(7)

    def words(count: int) -> str:
        return " ".join("".join(draw.choices(_SYLLABLES, k=draw.randint(2, 4))) for _ in range(count))

    return [pair(f"{words(12)}?", f"{words(20)}.", f"{words(20)}.") for _ in range(60)]
