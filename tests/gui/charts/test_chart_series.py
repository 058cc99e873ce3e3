"""Series keep every value, and views of them every extreme."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from orpo_studio.gui.charts.series import Series
from orpo_studio.gui.charts.smoothing import exponential
from orpo_studio.gui.charts.timeline import Timeline

finite = st.floats(-1e6, 1e6, allow_nan=False)
any_value = st.one_of(finite, st.sampled_from([math.nan, math.inf, -math.inf, 0.0]))


def filled(steps: list[float], values: list[float]) -> Series:
    series = Series()
    for step, value in zip(steps, values, strict=True):
        series.append(step, step / 10, step * 2, value)
    return series


def extremes_in_range(x: np.ndarray, y: np.ndarray, low: float, high: float) -> tuple[float, float] | None:
    inside = y[(x >= low) & (x <= high) & np.isfinite(y)]
    return (float(inside.min()), float(inside.max())) if len(inside) else None


@settings(max_examples=300, deadline=None)
@given(
    values=st.lists(any_value, min_size=1, max_size=700),
    columns=st.integers(1, 40),
    start=st.floats(0, 1),
    width=st.floats(0, 1),
)
def test_that_the_extremes_of_a_view_are_those_of_the_data(
    values: list[float], columns: int, start: float, width: float
) -> None:
    steps = [float(i) for i in range(len(values))]
    low = start * len(values)
    high = low + width * len(values)
    x, y = filled(steps, values).view("step", low, high, columns)
    expected = extremes_in_range(np.array(steps), np.array(values), low, high)
    assert extremes_in_range(x, y, low, high) == expected
    assert len(x) <= max(2 * columns, 1) + 2


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), any_value), min_size=1, max_size=300), st.integers(1, 30))
def test_that_steps_in_any_order_keep_their_extremes(points: list[tuple[int, float]], columns: int) -> None:
    steps = [float(step) for step, _ in points]
    values = [value for _, value in points]
    x, y = filled(steps, values).view("step", 0, 60, columns)
    assert extremes_in_range(x, y, 0, 60) == extremes_in_range(np.array(steps), np.array(values), 0, 60)


@settings(max_examples=100, deadline=None)
@given(st.lists(any_value, min_size=1, max_size=200), st.integers(1, 20))
def test_that_feeding_in_slices_gives_the_same_view_as_at_once(values: list[float], size: int) -> None:
    steps = [float(i) for i in range(len(values))]
    at_once, in_slices = filled(steps, values), Series()
    for begin in range(0, len(values), size):
        for step in range(begin, min(begin + size, len(values))):
            in_slices.append(float(step), step / 10, step * 2.0, values[step])
        in_slices.view("step", 0, len(values), 5)
    for expected, got in zip(
        at_once.view("step", 0, len(values), 5), in_slices.view("step", 0, len(values), 5), strict=True
    ):
        np.testing.assert_array_equal(expected, got)


@given(st.lists(any_value, min_size=1, max_size=100))
def test_that_what_is_not_finite_is_remembered_apart(values: list[float]) -> None:
    x, y = filled([float(i) for i in range(len(values))], values).non_finite("step", 0, len(values))
    expected = [(float(i), v) for i, v in enumerate(values) if not math.isfinite(v)]
    assert repr(list(zip(x.tolist(), y.tolist(), strict=True))) == repr(expected)


@given(st.lists(finite, min_size=1, max_size=100), st.floats(0, 0.99))
def test_that_a_smoothed_value_lies_between_the_extremes_so_far(values: list[float], weight: float) -> None:
    smoothed = exponential(np.array(values), weight)
    tolerance = 1e-9 * max(1.0, *(abs(value) for value in values))
    for end, value in enumerate(smoothed, start=1):
        assert min(values[:end]) - tolerance <= value <= max(values[:end]) + tolerance


def test_that_smoothing_follows_the_formula_with_its_bias_corrected() -> None:
    result = exponential(np.array([1.0, 3.0, math.nan, 5.0]), 0.5)
    expected = [1.0, (0.25 * 1 + 0.5 * 3) / 0.75, math.nan, (0.125 * 1 + 0.25 * 3 + 0.5 * 5) / 0.875]
    np.testing.assert_allclose(result, expected)


def test_that_smoothing_in_a_short_view_is_that_of_the_whole_history() -> None:
    values = np.random.default_rng(0).normal(size=200)
    series = filled([float(i) for i in range(200)], values.tolist())
    x, y = series.smoothed("step", 150, 160, 0.9)
    np.testing.assert_allclose(y, exponential(values, 0.9)[149:162], atol=5e-3)
    np.testing.assert_array_equal(x, np.arange(149, 162))


def test_that_smoothing_a_long_history_stays_within_its_points() -> None:
    count = 10_000
    timeline = Timeline()
    series = Series(timeline)
    steps = np.arange(count, dtype=float)
    first = timeline.extend(steps, steps, steps)
    series.extend(np.arange(first, first + count), np.where(steps % 2, 1.0, 3.0))
    x, y = series.smoothed("step", 0, count, 0.5, points=300)
    assert 150 <= len(x) <= 301
    np.testing.assert_allclose(y, 2.0, atol=0.2)
    assert x[-1] == count - 1


def test_that_a_resumed_run_is_drawn_as_two_lines() -> None:
    series = filled([1, 2, 3, 4, 3, 4, 5], [1, 2, 3, 4, 30, 40, 50])
    x, y = series.view("step", 0, 10, 100)
    np.testing.assert_array_equal(y, [1, 2, 3, 4, math.nan, 30, 40, 50])
    np.testing.assert_array_equal(x[:4], [1, 2, 3, 4])


def test_that_a_line_runs_on_to_the_point_beyond_each_edge() -> None:
    x, _ = filled([0, 10, 20, 30], [1, 2, 3, 4]).view("step", 12, 18, 100)
    np.testing.assert_array_equal(x, [10, 20])


def test_that_the_crosshair_reads_the_newest_leg() -> None:
    series = filled([1, 2, 3, 4, 3, 4, 5], [1, 2, 3, 4, 30, 40, 50])
    position = series.nearest("step", 3.9)
    assert position is not None
    assert series.sample(position).value == 40
    first = series.nearest("step", 1.2)
    assert first is not None
    assert series.sample(first).value == 1


def test_that_curves_of_one_log_line_share_its_place() -> None:
    timeline = Timeline()
    loss, nll = Series(timeline), Series(timeline)
    for step in range(10):
        loss.append(step, step, step, 1.0)
        nll.append(step, step, step, 2.0)
    assert len(timeline) == 10


def test_that_two_values_at_the_same_place_are_both_kept() -> None:
    series = filled([1, 1], [5.0, 6.0])
    assert series.newest(2).tolist() == [5.0, 6.0]
    assert len(series.timeline) == 2


def test_that_a_place_that_is_not_a_number_repeats_the_one_before() -> None:
    series = Series()
    series.append(1, 0.5, 2.0, 1.0)
    series.append(2, math.nan, 3.0, 1.0)
    assert series.sample(1) == (2.0, 0.5, 3.0, 1.0)
