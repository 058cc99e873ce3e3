"""Numbers and results as people and programs read them."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orpo_studio.cli.words import figure, plain
from orpo_studio.words import duration, percent, size


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (754, "12 min"),
        (7200, "2 h"),
        (7500, "2 h 5 min"),
    ],
)
def test_that_times_read_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.123456, "0.1235"),
        (1e-7, "1e-07"),
        (192512.0, "192,512"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
    ],
)
def test_that_figures_are_short_and_counts_are_whole(value: float, words: str) -> None:
    assert figure(value) == words


def test_that_shares_and_sizes_carry_their_unit() -> None:
    assert percent(0.834) == "83 %"
    assert percent(math.nan) == "NaN"
    assert (size(12), size(5_900_000), size(16.2e9)) == ("12 bytes", "5.9 MB", "16.2 GB")


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(Path("/tmp/x")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=10,
)


@given(VALUES)
def test_that_any_result_can_be_written_as_strict_json(value: Any) -> None:
    json.loads(json.dumps(plain(value), allow_nan=False))
