"""What happened along a run, looked up by place: a long run has thousands of evaluations and checkpoints."""

import numpy as np

from orpo_studio.gui.charts.arrays import Floats, GrowingArray, Indices
from orpo_studio.gui.charts.style import Mark, MarkKind
from orpo_studio.gui.charts.timeline import X_AXES, XAxis

_RANK: dict[MarkKind, int] = {"failure": 0, "warning": 1, "back-off": 2, "checkpoint": 3, "evaluation": 4}
"""What is more worth knowing where there is room for one only."""


class Marks:
    """The marks of a chart, in the order they were made."""

    def __init__(self) -> None:
        self._marks: list[Mark] = []
        self._at = {axis: GrowingArray(np.float64) for axis in X_AXES}
        self._ranks = GrowingArray(np.int8)

    def __len__(self) -> int:
        return len(self._marks)

    def add(self, mark: Mark) -> None:
        """Add one."""
        self._marks.append(mark)
        self._ranks.append(_RANK[mark.kind])
        for axis in X_AXES:
            self._at[axis].append(mark.at(axis))

    def places(self, axis: XAxis, x_from: float, x_to: float) -> dict[MarkKind, Floats]:
        """Return the places of each kind between two x; the kinds most worth knowing come first."""
        x, ranks = self._at[axis].values, self._ranks.values
        inside = (x >= x_from) & (x <= x_to)
        by_kind = ((kind, x[inside & (ranks == rank)]) for kind, rank in _RANK.items())
        return {kind: at for kind, at in by_kind if len(at)}

    def near(self, axis: XAxis, x: float, reach: float) -> list[Mark]:
        """Return those at most so far from x, those most worth knowing first."""
        found: Indices = np.flatnonzero(np.abs(self._at[axis].values - x) <= reach)
        order = np.argsort(self._ranks.values[found], kind="stable")
        return [self._marks[place] for place in found[order].tolist()]
