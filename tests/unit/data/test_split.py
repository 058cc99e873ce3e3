"""The held-out part: exact, seeded, and never a prompt on both sides."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orpo_studio.data.problem import DataProblem
from orpo_studio.data.split import choose_held_out, held_out_count, prompt_key


@given(st.lists(st.integers(0, 12), min_size=2), st.integers(0, 40))
def test_that_no_more_is_held_out_than_wanted_unless_a_group_is_larger(keys: list[int], wanted: int) -> None:
    wanted = min(wanted, len(keys) - 1)
    held_out = choose_held_out(keys, wanted)
    rows = sum(key in held_out for key in keys)
    assert rows < len(keys)
    assert rows <= wanted or len(held_out) == 1
    assert (rows > 0) == (wanted > 0 and len(set(keys)) > 1)


def test_that_the_size_is_exact_where_prompts_differ() -> None:
    keys = [prompt_key([{"role": "user", "content": str(number)}], 0) for number in range(300)]
    for wanted in (1, 30, 299):
        assert len(choose_held_out(keys, wanted)) == wanted


def test_that_the_seed_and_only_the_seed_changes_the_draw() -> None:
    def drawn(seed: int) -> list[int]:
        keys = [prompt_key([{"role": "user", "content": str(number)}], seed) for number in range(100)]
        held_out = choose_held_out(keys, 10)
        return [number for number, key in enumerate(keys) if key in held_out]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_that_the_roles_and_turns_of_a_prompt_count_but_blanks_around_it_do_not() -> None:
    key = prompt_key([{"role": "user", "content": "a"}], 0)
    assert prompt_key([{"role": "user", "content": " a\n"}], 0) == key
    assert prompt_key([{"role": "system", "content": "a"}], 0) != key
    assert prompt_key([{"role": "user", "content": "a"}, {"role": "user", "content": ""}], 0) != key


@pytest.mark.parametrize(
    ("held_out", "count"), [(0.1, 10), (0.001, 1), (0.999, 99), (0, 0), (0.0, 0), (7, 7), (99, 99)]
)
def test_that_shares_and_counts_are_understood(held_out: float, count: int) -> None:
    assert held_out_count(held_out, 100) == count


@pytest.mark.parametrize("held_out", [-1, -0.1, 1.0, 100, 101, 2.5, math.nan, math.inf])
def test_that_sizes_without_sense_are_refused(held_out: float) -> None:
    with pytest.raises(DataProblem) as caught:
        held_out_count(held_out, 100)
    assert caught.value.code == "held-out-size"
