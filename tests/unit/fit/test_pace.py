"""Time from measured steps: the rate, and how sure it is."""

import math
import random

import pytest

from orpo_studio.fit.pace import remaining_time


def test_that_steps_of_one_pace_give_an_exact_time() -> None:
    found = remaining_time([1.0, 2.0, 4.0], [100, 200, 400], steps=10, tokens_per_step=300)
    assert found is not None
    assert found.seconds == pytest.approx(30)
    assert found.uncertainty == pytest.approx(0, abs=1e-9)


def test_that_the_uncertainty_is_of_the_mean_and_of_the_steps_to_come() -> None:
    found = remaining_time([1.0, 3.0], [100, 100], steps=8, tokens_per_step=100)
    spread = math.sqrt(2)
    assert found is not None
    assert found.seconds == pytest.approx(16)
    assert found.uncertainty == pytest.approx(1.96 * spread * math.hypot(8 / math.sqrt(2), math.sqrt(8)))


def test_that_nothing_is_said_before_two_steps() -> None:
    assert remaining_time([], [], steps=5, tokens_per_step=10) is None
    assert remaining_time([1.0], [10], steps=5, tokens_per_step=10) is None
    assert remaining_time([1.0, 1.0], [0, 0], steps=5, tokens_per_step=10) is None


def test_that_no_step_left_takes_no_time() -> None:
    found = remaining_time([1.0, 3.0], [100, 100], steps=0, tokens_per_step=100)
    assert found is not None
    assert (found.seconds, found.uncertainty) == (0, 0)


def test_that_the_true_time_is_inside_in_about_19_of_20_runs() -> None:
    draw = random.Random(0)
    inside = 0
    for _ in range(400):
        tokens = [draw.uniform(500, 1500) for _ in range(220)]
        seconds = [count / 1000 + draw.gauss(0, 0.05) for count in tokens]
        found = remaining_time(seconds[:20], tokens[:20], steps=200, tokens_per_step=sum(tokens[20:]) / 200)
        assert found is not None
        inside += abs(found.seconds - sum(seconds[20:])) <= found.uncertainty
    assert 0.91 <= inside / 400 <= 0.99
