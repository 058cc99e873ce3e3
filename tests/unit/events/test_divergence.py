"""The watch for divergence: silent over whatever a sound run does, quick where losses climb."""

import math
import random
from collections.abc import Iterator

import pytest

from orpo_studio.events import DivergenceWatch


def sound(draw: random.Random, steps: int = 500) -> Iterator[float]:
    """Yield the losses of a sound run: falling, noisy, with like batches after each other and hard rows in between."""
    start, noise, likeness = draw.uniform(1.5, 8), draw.uniform(0.02, 0.8), draw.choice((0.0, 0.25, 0.5))
    end, pace, epochs = start * draw.uniform(0.2, 0.9), draw.uniform(0.02, 0.5) * steps, draw.randint(1, 5)
    deviation = 0.0
    for step in range(steps):
        level = (end + (start - end) * math.exp(-step / pace)) * 0.85 ** (step * epochs // steps)
        deviation = likeness * deviation + math.sqrt(1 - likeness**2) * draw.gauss(0, 1)
        hard = draw.uniform(2, 10) if draw.random() < 0.03 else 1.0
        yield level * math.exp(noise * deviation) * hard


def warnings(losses: Iterator[float]) -> list[int]:
    """Return at which logs the watch speaks."""
    watch = DivergenceWatch()
    return [log for log, loss in enumerate(losses) if watch.see(loss) is not None]


def test_that_a_thousand_noisy_but_sound_runs_are_left_in_peace() -> None:
    draw = random.Random(1)
    assert [told for _ in range(1000) if (told := warnings(sound(draw)))] == []


@pytest.mark.parametrize(("noise", "growth", "within"), [(0.02, 0.2, 12), (0.05, 0.05, 26), (0.2, 0.2, 20)])
def test_that_losses_that_grow_are_told_once_and_soon(noise: float, growth: float, within: int) -> None:
    for seed in range(20):
        draw = random.Random(seed)
        losses = [2 * math.exp(draw.gauss(0, noise)) for _ in range(100)]
        losses += [min(2 * math.exp(growth * log), 12) * math.exp(draw.gauss(0, noise)) for log in range(200)]

        (told,) = warnings(iter(losses))

        assert 100 < told <= 100 + within


def test_that_a_second_climb_is_told_again() -> None:
    level, high = [2.0, 2.1, 1.9] * 20, [7.0] * 30
    assert warnings(iter(level + high + level + high)) == [67, 157]


def test_that_a_loss_near_zero_may_multiply() -> None:
    assert warnings(iter([0.01] * 100 + [0.2] * 100)) == []


@pytest.mark.parametrize("losses", [[1.0] * 20 + [9.0] * 9, [9.0, 5.0, 3.0, 2.0, 9.0, 9.0, 9.0]])
def test_that_short_runs_are_not_judged(losses: list[float]) -> None:
    assert warnings(iter(losses)) == []


def test_that_a_loss_that_jumps_to_infinity_is_told() -> None:
    assert warnings(iter([2.0] * 40 + [math.inf] * 20)) == [47]
