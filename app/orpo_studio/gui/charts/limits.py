"""Which stretch of y a lane shows."""

import numpy as np

from orpo_studio.gui.charts.arrays import Floats, Indices

_PADDING = 0.08
_ENOUGH_TO_CLIP = 8
# Beyond this a range and its padding leave what a float64 and Qt's transforms can hold.
_LARGEST_POWER = 150.0


def fit(values: Floats, *, clip: bool, log: bool) -> tuple[float, float] | None:
    """Return the y range that shows all values, or with `clip` all but rare outliers; None without values.

    Outliers are what lies further from the middle nine tenths than half their spread: with sixty points
    one or two spikes, and never the ordinary noise of a loss.
    """
    if not len(values):
        return None
    bound = _LARGEST_POWER if log else 10.0**_LARGEST_POWER
    values = np.clip(values, -bound, bound)
    low, high = float(values.min()), float(values.max())
    smallest = low
    if clip and len(values) >= _ENOUGH_TO_CLIP:
        bottom, top = (float(q) for q in np.quantile(values, (0.05, 0.95)))
        reach = (top - bottom) / 2 or abs(top) / 10
        low, high = max(low, bottom - reach), min(high, top + reach)
    span = high - low
    around_one_value = 0.5 if log else abs(high) / 10 or 0.5
    margin = span * _PADDING if span > abs(high) * 1e-9 else around_one_value
    bottom = low - margin
    if not log and smallest >= 0 and bottom < 0 and span > 0:
        bottom = -span * 0.03
    return bottom, high + margin


def one_per_column(x: Floats, x_from: float, x_to: float, columns: int) -> Floats:
    """Keep one x of each pixel column, for markers on the edge."""
    kept: Floats = x[first_per_column(x, x_from, x_to, columns)]
    return kept


def first_per_column(x: Floats, x_from: float, x_to: float, columns: int) -> Indices:
    """Return the positions of the first x in each of so many columns, column by column."""
    if not len(x) or x_to <= x_from:
        return np.arange(min(1, len(x)))
    column = np.floor((x - x_from) / (x_to - x_from) * columns)
    return np.unique(column, return_index=True)[1]
