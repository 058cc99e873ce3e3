"""Ranges and ticks."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orpo_studio.gui.charts.axis import HorizontalAxis, VerticalAxis, multiples, nice_spacing, plain
from orpo_studio.gui.charts.limits import fit, one_per_column
from orpo_studio.gui.charts.style import format_duration, format_value


@given(
    st.one_of(
        st.tuples(st.lists(st.floats(-1e150, 1e150), min_size=1, max_size=50), st.just(False)),
        st.tuples(st.lists(st.floats(-150, 150), min_size=1, max_size=50), st.just(True)),
    )
)
def test_that_a_range_without_clipping_holds_every_value(drawn: tuple[list[float], bool]) -> None:
    values, log = drawn
    limits = fit(np.array(values), clip=False, log=log)
    assert limits is not None
    assert limits[0] <= min(values)
    assert max(values) <= limits[1]
    assert limits[0] < limits[1]


def test_that_clipping_leaves_a_spike_out_and_ordinary_noise_in() -> None:
    values = 1 + 0.1 * np.random.default_rng(0).normal(size=60)
    values[30] = 50.0
    limits = fit(values, clip=True, log=False)
    assert limits is not None
    assert limits[1] < 2
    ordinary = np.delete(values, 30)
    assert limits[0] <= ordinary.min() + 0.05
    assert ordinary.max() - 0.05 <= limits[1]


def test_that_a_constant_curve_gets_room_around_it() -> None:
    assert fit(np.array([2.0]), clip=True, log=False) == pytest.approx((1.8, 2.2))
    assert fit(np.array([0.0, 0.0]), clip=False, log=False) == (-0.5, 0.5)


def test_that_nothing_has_no_range() -> None:
    assert fit(np.empty(0), clip=False, log=False) is None


def test_that_markers_on_the_edge_stand_once_a_column() -> None:
    x = np.linspace(0, 99, 10_000)
    assert len(one_per_column(x, 0, 100, 10)) == 10


@given(st.floats(1e-9, 1e12), st.floats(1, 40))
def test_that_spacing_is_round_and_gives_no_more_ticks_than_asked(span: float, ticks: float) -> None:
    spacing = nice_spacing(span, ticks)
    assert span / spacing <= ticks * (1 + 1e-6)
    mantissa = spacing / 10 ** math.floor(math.log10(spacing) + 1e-9)
    assert min(abs(mantissa - m) for m in (1, 2, 5, 10)) < 1e-6


def test_that_ticks_are_written_with_the_digits_they_need() -> None:
    assert [plain(v, 0.5) for v in (0.0, 0.5, 1.0)] == ["0", "0.5", "1.0"]
    assert plain(20_000, 10_000) == "20k"
    assert plain(1_500_000, 500_000) == "1.5M"
    assert plain(5e-6, 5e-6) == "5e−6"
    assert plain(-2.0, 1.0) == "−2"
    assert multiples(0.1, 1.0, 0.25) == [0.25, 0.5, 0.75, 1.0]


def test_that_steps_have_whole_ticks_and_times_round_ones(qapp: object) -> None:
    axis = HorizontalAxis()
    assert all(value == int(value) for _, values in axis.tickValues(0, 3, 1000) for value in values)
    axis.set_axis("seconds")
    [(spacing, values)] = axis.tickValues(0, 7200, 500)
    assert spacing == 1800
    assert axis.tickStrings(values, 1.0, spacing) == ["0:00", "30:00", "1:00:00", "1:30:00", "2:00:00"]


def test_that_a_logarithmic_axis_writes_values_not_exponents(qapp: object) -> None:
    axis = VerticalAxis(percent=False)
    axis.set_log(True)
    [(spacing, values)] = axis.tickValues(-3, 3, 180)
    assert axis.tickStrings(values, 1.0, spacing) == ["0.001", "0.01", "0.1", "1", "10", "100", "1000"]
    [(spacing, values)] = axis.tickValues(math.log10(0.9), math.log10(2.2), 180)
    assert "1.0" in axis.tickStrings(values, 1.0, spacing)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.23456, "", "1.235"),
        (0.0, "", "0"),
        (-1.5, "", "−1.500"),
        (5e-6, "", "5.00e−6"),
        (math.nan, "", "NaN"),
        (math.inf, "", "∞"),
        (0.8333, "ratio", "83.3 %"),
        (9.1234, "GiB", "9.1 GiB"),
        (1834.2, "", "1,834"),
    ],
)
def test_that_values_are_written_for_a_glance(value: float, unit: str, text: str) -> None:
    assert format_value(value, unit) == text


def test_that_durations_are_written_like_a_clock() -> None:
    assert [format_duration(s) for s in (0, 2.5, 75, 3725)] == ["0:00", "2.5 s", "1:15", "1:02:05"]


def test_that_ticks_of_a_learning_rate_are_written_alike() -> None:
    axis = VerticalAxis(percent=False)
    assert axis.tickStrings([0.0, 2e-4, 8e-4, 1e-3], 1.0, 2e-4) == ["0", "2e−4", "8e−4", "1e−3"]
    assert axis.tickStrings([0.0, 5e-4, 1e-2], 1.0, 5e-4)[1:] == ["0.0005", "0.0100"]
