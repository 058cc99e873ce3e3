"""Exponential smoothing, as the field draws it."""

import math

import numpy as np

from orpo_studio.gui.charts.arrays import Floats

MAX_WEIGHT = 0.99


def exponential(values: Floats, weight: float) -> Floats:
    """Exponential moving average with the bias of its start corrected (Kingma & Ba, 2015, section 3).

    A value that is not finite gives NaN at its place and leaves the average as it was.

    Args:
        values: the series, oldest first.
        weight: how much of the average is kept at each value, 0 (no smoothing) to 0.99.
    """
    average = 0.0
    correction = 1.0
    result = np.empty(len(values))
    for position, value in enumerate(values.tolist()):
        if not math.isfinite(value):
            result[position] = math.nan
            continue
        average = weight * average + (1.0 - weight) * value
        correction *= weight
        result[position] = average / (1.0 - correction)
    return result


def memory(weight: float) -> int:
    """How many values back still count for a thousandth in an average of this weight."""
    return 0 if weight <= 0.0 else math.ceil(math.log(1e-3) / math.log(weight))
