"""One metric of one run: every value is kept, and any view of it costs about the same."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from orpo_studio.gui.charts.arrays import Floats, GrowingArray, Indices
from orpo_studio.gui.charts.column import CHUNK, Column
from orpo_studio.gui.charts.pyramid import FACTOR, Pyramid, finite_mean
from orpo_studio.gui.charts.rows import Rows
from orpo_studio.gui.charts.smoothing import exponential, memory
from orpo_studio.gui.charts.timeline import X_AXES, Timeline, XAxis

# A run that was resumed goes back in its steps; each stretch that does not go back is a leg and is drawn
# as a line of its own. More legs than this in one series are no resumed run but a jumble: see `_jumble`.
_MAX_LEGS = 32
_TREND_REACH = 50


class Sample(NamedTuple):
    """One logged value and its place."""

    step: float
    epoch: float
    seconds: float
    value: float


class _Legs:
    """The stretches of a series along one axis in which x does not go back."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.seen = 0


class Series:
    """Append-only values of one metric, with their places in a `Timeline`.

    Every value is kept as it was logged. In memory stay the newest ones, the pyramid (0.7 bytes a value), and a share
    in the timeline's 8 bytes a row; the rest (8 bytes a value) goes to the timeline's place on the disk, if it has
    one, and is read from there where a view is so close that it shows single values.
    """

    def __init__(self, timeline: Timeline | None = None) -> None:
        self.timeline = timeline if timeline is not None else Timeline()
        self._rows = Rows()
        self._values = Column(self.timeline.spill)
        self._bad = GrowingArray(np.int32)
        self._bad_values = GrowingArray(np.float16)
        """NaN, inf and -inf, which are exact in any width."""
        self._pyramid = Pyramid(self._values)
        self._legs = {axis: _Legs() for axis in X_AXES}

    def __len__(self) -> int:
        return len(self._values)

    @property
    def last_row(self) -> int:
        """The timeline row of the newest value, -1 before the first."""
        return self._rows.last

    @property
    def size(self) -> int:
        """Bytes of the pyramid."""
        return self._pyramid.size

    def newest(self, count: int = 1) -> Floats:
        """Return the last values, ``count`` at most."""
        return self._values.newest(count)

    def frozen(self) -> tuple[Rows, Column]:
        """Return row and value of all that is there now, for a thread to read."""
        return self._rows.frozen(), self._values.frozen()

    def append(self, step: float, epoch: float, seconds: float, value: float) -> None:
        """Add one value at one place."""
        row = self.timeline.row(step, epoch, seconds, after=self.last_row)
        self.extend(np.array([row], np.int32), np.array([value]))

    def extend(self, rows: Indices, values: Floats) -> None:
        """Add values at rows of the timeline; rows ascend and are later than those already here."""
        finite = np.isfinite(values)
        if not finite.all():
            bad = np.flatnonzero(~finite)
            self._bad.extend(bad + len(self))
            self._bad_values.extend(values[bad])
        self._rows.extend(rows)
        for begin in range(0, len(values), CHUNK):
            self._values.extend(values[begin : begin + CHUNK])
            # While they are still in memory; and an axis nobody looks at would have a million to catch up with.
            if self._pyramid.behind >= CHUNK // 2:
                self._pyramid.catch_up()
            for axis in X_AXES:
                if len(self) - self._legs[axis].seen >= CHUNK // 2:
                    self._catch_up(axis)

    def sample(self, position: int) -> Sample:
        """Return the value at a position of arrival, with its place."""
        return Sample(*self.timeline.at(self._rows.at(position)), self._values.at(position))

    def view(self, axis: XAxis, x_from: float, x_to: float, columns: int) -> tuple[Floats, Floats]:
        """Points to draw between two x: every minimum and maximum, at most about two a pixel column and leg.

        One point beyond each end is added so that the line runs to the edge. Legs, and values that are not
        finite, leave a NaN between. A view without gaps is as cheap for a million points as for a thousand.
        """
        if self._is_jumble(axis):
            return self._jumble(axis, x_from, x_to, columns)
        self._pyramid.catch_up()
        xs: list[Floats] = []
        ys: list[Floats] = []
        gap = np.array([math.nan])
        for start, first, last, stop in self._visible_legs(axis, x_from, x_to):
            positions, values = self._pyramid.select(first, last, columns)
            if first > start:
                positions = np.append(first - 1, positions)
                values = np.append(self._values.at(first - 1), values)
            if last < stop:
                positions, values = np.append(positions, last), np.append(values, self._values.at(last))
            if not len(positions):
                continue
            xs += [self._x(axis, positions), gap]
            ys += [values, gap]
        if not xs:
            return np.empty(0), np.empty(0)
        y = np.concatenate(ys[:-1])
        y[~np.isfinite(y)] = math.nan
        return np.concatenate(xs[:-1]), y

    def smoothed(
        self, axis: XAxis, x_from: float, x_to: float, weight: float, points: int = 300
    ) -> tuple[Floats, Floats]:
        """Bias-corrected exponential average at the resolution of the view, at most `points` a leg.

        While the view holds no more than `points` values this is the average over the values themselves;
        beyond that it is the average over means of 2, 3, 4, 8, 12, 16, 32, … values, aligned so that it does not
        flicker as values arrive. Before the view as much is read as the weight remembers.
        """
        if self._is_jumble(axis):
            return np.empty(0), np.empty(0)
        self._pyramid.catch_up()
        xs: list[Floats] = []
        ys: list[Floats] = []
        gap = np.array([math.nan])
        for start, first, last, stop in self._visible_legs(axis, x_from, x_to):
            begin, end = max(start, first - 1), min(stop, last + 1)
            if begin == end:
                continue
            level, group = _block((end - begin) / points)
            size = group * FACTOR**level
            first_block, last_block = begin // size, -(-end // size)
            context = max(0, first_block - memory(weight))
            means = self._pyramid.means(level, context * group, min(last_block * group, -(-len(self) // FACTOR**level)))
            means = np.append(means, np.repeat(math.nan, -len(means) % group))
            averages = exponential(finite_mean(means.reshape(-1, group)), weight)
            ends = np.minimum(np.arange(first_block + 1, last_block + 1) * size, end) - 1
            xs += [self._x(axis, ends), gap]
            ys += [averages[first_block - context :], gap]
        if not xs:
            return np.empty(0), np.empty(0)
        return np.concatenate(xs[:-1]), np.concatenate(ys[:-1])

    def non_finite(self, axis: XAxis, x_from: float, x_to: float) -> tuple[Floats, Floats]:
        """Return x and value (NaN, inf or -inf) of what cannot stand on a y axis."""
        x = self._x(axis, self._bad.values)
        inside = (x >= x_from) & (x <= x_to)
        return x[inside], self._bad_values.values[inside].astype(np.float64)

    def nearest(self, axis: XAxis, x: float) -> int | None:
        """Position of the value nearest to x, in the newest leg that reaches x; None while there is no value."""
        legs = self._catch_up(axis)
        best, best_distance = None, math.inf
        stop = len(self)
        for start in reversed(legs.starts[-_MAX_LEGS:]):
            after = bisect_left(range(stop), x, lo=start, key=lambda i: self._at(axis, i))
            for position in (after, after - 1):
                if start <= position < stop and abs(self._at(axis, position) - x) < best_distance:
                    best, best_distance = position, abs(self._at(axis, position) - x)
            if start < after < stop:
                break
            stop = start
        return best

    def trend(self) -> float | None:
        """Change between the mean of the last tenth (at most 50 values) and of as many before; None if too few."""
        reach = min(_TREND_REACH, max(1, len(self) // 10))
        newest = self.newest(2 * reach)
        recent, before = newest[-reach:], newest[:-reach]
        recent, before = recent[np.isfinite(recent)], before[np.isfinite(before)]
        if not len(recent) or not len(before):
            return None
        return float(recent.mean() - before.mean())

    def _x(self, axis: XAxis, positions: Indices) -> Floats:
        x: Floats = self.timeline.column(axis)[self._rows.of(positions)]
        return x

    def _at(self, axis: XAxis, position: int) -> float:
        return float(self.timeline.column(axis)[self._rows.at(position)])

    def _catch_up(self, axis: XAxis) -> _Legs:
        legs = self._legs[axis]
        if legs.seen < len(self):
            rows = self._rows.of(np.arange(max(0, legs.seen - 1), len(self)))
            x = self.timeline.read(axis, int(rows[0]), int(rows[-1]) + 1)[rows - rows[0]]
            backwards = np.flatnonzero(np.diff(x) < 0) + 1 + max(0, legs.seen - 1)
            if not legs.starts:
                legs.starts.append(0)
            legs.starts.extend(backwards.tolist())
            legs.seen = len(self)
        return legs

    def _visible_legs(self, axis: XAxis, x_from: float, x_to: float) -> Iterator[tuple[int, int, int, int]]:
        """For each leg that meets the view: its start, the first and last (exclusive) inside, its stop."""
        starts = self._catch_up(axis).starts
        if not starts:
            return
        for start, stop in zip(starts, [*starts[1:], len(self)], strict=True):
            if self._at(axis, stop - 1) < x_from or self._at(axis, start) > x_to:
                continue
            first, last = start, stop
            if self._at(axis, start) < x_from:
                first = bisect_left(range(stop), x_from, lo=start, key=lambda i: self._at(axis, i))
            if self._at(axis, stop - 1) > x_to:
                last = bisect_right(range(stop), x_to, lo=first, key=lambda i: self._at(axis, i))
            yield start, first, last, stop

    def _is_jumble(self, axis: XAxis) -> bool:
        return len(self._catch_up(axis).starts) > _MAX_LEGS

    def _jumble(self, axis: XAxis, x_from: float, x_to: float, columns: int) -> tuple[Floats, Floats]:
        """View of values whose x goes back and forth: sorted by x first, at the cost of a look at each."""
        x, y = self._x(axis, np.arange(len(self))), self._values.read(0, len(self))
        inside = np.flatnonzero((x >= x_from) & (x <= x_to) & np.isfinite(y))
        inside = inside[np.argsort(x[inside], kind="stable")]
        ordered = Column()
        ordered.extend(y[inside])
        pyramid = Pyramid(ordered)
        pyramid.catch_up()
        chosen, values = pyramid.select(0, len(inside), columns)
        return x[inside[chosen]], values


def _block(ratio: float) -> tuple[int, int]:
    """Return the pyramid level, and how many of its blocks to join, for blocks of at least `ratio` values."""
    level = max(0, math.floor(math.log(max(ratio, 1.0), FACTOR) + 1e-9))
    return level, max(1, math.ceil(ratio / FACTOR**level - 1e-9))
