"""Points as they were logged, sorted into curves."""

from collections.abc import Callable, Iterable

import numpy as np

from orpo_studio.gui.charts.arrays import Floats, Indices
from orpo_studio.gui.charts.style import Kind, Point
from orpo_studio.gui.charts.timeline import Timeline

Batch = dict[tuple[str, Kind], tuple[Indices, Floats]]


def sort_into_curves(points: Iterable[Point], timeline: Timeline, last_row: Callable[[str, Kind], int]) -> Batch:
    """Give each point its row of the timeline; return the rows and values of each curve.

    Args:
        points: in the order of logging.
        timeline: the places are added to it.
        last_row: tells the newest row a curve already has, by name and kind.
    """
    batch: dict[tuple[str, Kind], tuple[list[int], list[float]]] = {}
    place: tuple[float, float, float] | None = None
    row = -1
    for name, step, epoch, seconds, value, kind in points:
        key = name, kind
        column = batch.get(key)
        if column is None:
            newest = last_row(name, kind)
            column = batch[key] = ([], [])
        else:
            newest = column[0][-1]
        here = step, epoch, seconds
        if here != place or row <= newest:
            row = timeline.row(step, epoch, seconds, newest)
            place = here
        column[0].append(row)
        column[1].append(value)
    return {key: (np.array(rows), np.array(values, dtype=np.float64)) for key, (rows, values) in batch.items()}
