"""What two measured steps say: memory in place of the sum, and time."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from orpo_studio.config import RunSpec
from orpo_studio.config.sections import RecipeSection
from orpo_studio.fit.measured import (
    MeasuredSteps,
    measured_memory,
    seconds_in_words,
    span_in_words,
    what_a_step_depends_on,
)
from orpo_studio.fit.memory import GIB, MemoryEstimate
from orpo_studio.fit.pace import Duration

SUM = MemoryEstimate(
    weights=4 * GIB,
    adapter=1 * GIB,
    optimizer=1 * GIB,
    activations=9 * GIB,
    head=2 * GIB,
    reserve_low=0.5 * GIB,
    reserve_high=2 * GIB,
)
STEPS = MeasuredSteps(
    peak=12 * GIB, libraries=1 * GIB, on_gpu=True, seconds=(2.0, 2.2), tokens=(1000, 1000), pair_tokens=50.0
)


def test_that_the_measured_peak_is_the_whole_and_the_activations_are_what_is_left() -> None:
    found = measured_memory(STEPS, SUM)
    assert found.measured
    assert found.low == found.high == pytest.approx(12 * GIB)
    assert (found.weights, found.activations, found.reserve_high) == (4 * GIB, 3 * GIB, 1 * GIB)


def test_that_parts_shrink_alike_where_the_peak_leaves_them_no_room() -> None:
    found = measured_memory(replace(STEPS, peak=5 * GIB), SUM)
    assert found.high == pytest.approx(5 * GIB)
    assert (found.weights, found.head, found.activations) == (2 * GIB, 1 * GIB, 0)


def test_that_a_measurement_is_whole_where_the_architecture_is_not_known() -> None:
    unknown = replace(SUM, adapter=None, optimizer=None, activations=None)
    assert not unknown.is_whole
    found = measured_memory(STEPS, unknown)
    assert found.is_whole
    assert found.adapter is None
    assert found.high == pytest.approx(12 * GIB)


def test_that_the_run_is_counted_by_its_own_tokens_at_the_measured_pace() -> None:
    time = STEPS.whole_run(100, 8)
    assert time is not None
    assert time.seconds == pytest.approx(100 * 8 * 50 * 4.2 / 2000)
    assert time.uncertainty > 0
    assert STEPS.step_seconds == pytest.approx(2.1)
    assert STEPS.tokens_per_second == pytest.approx(2000 / 4.2)


@pytest.mark.parametrize(("seconds", "kept"), [([3.0, 1.0], (3.0, 1.0)), ([3.0, 1.0, 1.1], (1.0, 1.1))])
def test_that_the_first_of_several_steps_tells_no_pace(seconds: list[float], kept: tuple[float, ...]) -> None:
    probe = SimpleNamespace(
        device="cuda:0",
        peak_bytes=1,
        library_bytes=0,
        seconds=seconds,
        tokens=[7] * len(seconds),
        pair_tokens=1.0,
    )
    found = MeasuredSteps.of(probe)
    assert found.seconds == kept
    assert found.tokens == (7,) * len(kept)
    assert found.on_gpu


def test_that_every_setting_counts_but_those_known_not_to() -> None:
    recipe = RunSpec().recipe
    changes: dict[str, object] = {"lambda_": 0.9, "learning_rate": 1e-3, "epochs": 7.0, "max_steps": 9, "seed": 1}
    assert what_a_step_depends_on(recipe) == what_a_step_depends_on(recipe.model_copy(update=changes))
    names = set(RecipeSection.model_fields)
    kept = {name for name, _ in what_a_step_depends_on(recipe)}
    assert kept < names
    assert {"micro_batch", "accumulation", "max_length", "adapter", "quantization", "precision", "optimizer"} <= kept


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (Duration(840, 120), "12 min to 16 min"),
        (Duration(13, 1), "12 s to 14 s"),
        (Duration(5.2, 0.01), "5 s"),
        (Duration(3, 9), "0 s to 12 s"),
        (Duration(7000, 400), "1 h 50 min to 2 h 3 min"),
    ],
)
def test_that_times_are_written_with_the_digits_that_are_known(time: Duration, words: str) -> None:
    assert span_in_words(time) == words


def test_that_short_steps_are_written_in_parts_of_a_second() -> None:
    assert [seconds_in_words(s) for s in (0.0421, 2.31, 34.2)] == ["0.042 s", "2.3 s", "34 s"]
