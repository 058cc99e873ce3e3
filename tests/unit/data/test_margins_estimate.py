"""What a base model's margins say of flipped pairs: the identity, the bound, the estimate, and the honest words."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orpo_studio.data.margins_estimate import Agreement, expected_agreement, flipped_share, judge_margins


def margins(pairs: int, *, clean: float, flipped: float, seed: int = 0) -> list[float]:
    """Draw margins of a model that is right on a share of clean pairs, larger where it is right, and swap some."""
    draw = np.random.default_rng(seed)
    right = draw.random(pairs) < clean
    sizes = draw.gamma(2.0, 1.0, pairs) * np.where(right, 1.5, 0.7)
    signs = np.where(right, 1, -1) * np.where(draw.random(pairs) < flipped, -1, 1)
    return list((sizes * signs).tolist())


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 500), st.integers(0, 2**32 - 1))
def test_that_swapping_pairs_moves_the_share_as_the_identity_says(
    clean: float, flipped: float, pairs: int, seed: int
) -> None:
    """Averaged over which pairs are swapped, and exactly where as many right ones are swapped in proportion."""
    drawn = margins(pairs, clean=clean, flipped=0.0, seed=seed)
    share = Agreement.of(drawn).share().value
    swapped = Agreement.of([-margin for margin in drawn]).share().value
    assert swapped == pytest.approx(1 - share)
    mixed = (1 - flipped) * share + flipped * swapped
    assert mixed == pytest.approx(expected_agreement(share, flipped))


@pytest.mark.parametrize("clean", [0.45, 0.55, 0.7, 0.95])
@pytest.mark.parametrize("flipped", [0.0, 0.05, 0.2, 0.4])
def test_that_the_bound_holds_however_good_the_model_is(clean: float, flipped: float) -> None:
    held = [
        verdict.at_most is not None and verdict.at_most >= flipped
        for seed in range(20)
        if (verdict := judge_margins(margins(1_000, clean=clean, flipped=flipped, seed=seed))) is not None
    ]
    assert len(held) == 20
    assert sum(held) >= 18


def test_that_the_bound_is_close_where_the_model_is_sure_and_right() -> None:
    verdict = judge_margins(margins(2_000, clean=0.9, flipped=0.1))
    assert verdict is not None
    assert verdict.at_most is not None
    assert 0.1 <= verdict.at_most < 0.2
    assert verdict.bound_pairs < 2_000


def test_that_pairs_of_the_same_size_stand_or_fall_together() -> None:
    """Else the order of the data would decide which of them count among the surest."""
    verdict = judge_margins([1.0] * 70 + [-1.0] * 30)
    assert verdict is not None
    assert verdict.bound_pairs == 100
    assert verdict.at_most is not None
    assert verdict.at_most > 0.3


@pytest.mark.parametrize("flipped", [0.0, 0.1, 0.2, 0.4])
def test_that_checked_pairs_make_an_estimate_of_the_share(flipped: float) -> None:
    seen = Agreement(expected_agreement(0.75, flipped) * 2_000, 2_000)
    found = flipped_share(seen, Agreement(150, 200))
    assert found.low <= flipped <= found.high + 1e-9
    assert found.value == pytest.approx(flipped, abs=0.06)
    assert found.high - found.low < 0.25


def test_that_a_model_no_better_than_chance_says_nothing_and_the_words_say_so() -> None:
    found = flipped_share(Agreement(1_000, 2_000), Agreement(51, 100))
    assert found.low < 0.02
    assert found.high > 0.48
    drawn = margins(2_000, clean=0.5, flipped=0.2)
    verdict = judge_margins(drawn, checked=range(100))
    assert verdict is not None
    assert "interval is wide" in verdict.in_words()[-1]
    assert "do not settle it: 0 to" in " ".join(verdict.in_words())


def test_that_without_checked_pairs_no_share_is_claimed() -> None:
    verdict = judge_margins([None, *margins(400, clean=0.6, flipped=0.2), None])
    assert verdict is not None
    assert (verdict.pairs, verdict.flipped, verdict.checked) == (400, None, 0)
    words = " ".join(verdict.in_words())
    assert "400 pairs" in words
    assert "cannot be told from this alone" in words


def test_that_few_or_no_margins_make_no_bound_and_no_verdict() -> None:
    assert judge_margins([]) is None
    assert judge_margins([None, None]) is None
    verdict = judge_margins([1.0, -0.5, 0.0])
    assert verdict is not None
    assert verdict.at_most is None
    assert verdict.agreement.value == 0.5
    assert len(verdict.in_words()) == 2
