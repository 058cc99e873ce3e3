"""Histograms in words, for the line below a chart, for screen readers and for the saved report. No Qt."""

from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from orpo_studio.words import count, figure

if TYPE_CHECKING:
    from orpo_studio.data.doctor.report import Histogram


def in_percent(histogram: "Histogram") -> "Histogram":
    """Return a histogram of shares as one of percentages, and any other as it is."""
    if histogram.unit != "share":
        return histogram
    edges = tuple(100 * edge for edge in histogram.edges)
    return replace(histogram, edges=edges, mark=None if histogram.mark is None else 100 * histogram.mark, unit="%")


def quantile(edges: tuple[float, ...], counts: tuple[int, ...], share: float) -> float | None:
    """Return about where a share of all values lies below, evenly within a bin; None without any value."""
    total = sum(counts)
    if not total:
        return None
    before = 0
    for number, upto in enumerate(accumulate(counts)):
        if upto >= share * total:
            inside = (share * total - before) / counts[number] if counts[number] else 0.0
            return edges[number] + inside * (edges[number + 1] - edges[number])
        before = upto
    return edges[-1]


def middle(histogram: "Histogram") -> str:
    """Return the median of each series, as one line."""
    found = [(name, quantile(histogram.edges, counts, 0.5)) for name, counts in histogram.series]
    parts = [
        f"{_lower(name)} {_number(histogram, half)}" if len(found) > 1 else _number(histogram, half)
        for name, half in found
        if half is not None
    ]
    return f"Half lie below: {' · '.join(parts)}{_unit(histogram)}" if parts else "Nothing to count."


def reading(histogram: "Histogram", number: int) -> str:
    """Return what one bin holds, as one line."""
    low, high = histogram.edges[number], histogram.edges[number + 1]
    is_last = number == len(histogram.edges) - 2
    place = f"{_number(histogram, low)}{' and more' if is_last else f'–{_number(histogram, high)}'}{_unit(histogram)}"
    if len(histogram.series) == 1:
        return f"{place}: {_pairs(histogram.series[0][1][number])}"
    return f"{place}: " + " · ".join(f"{_lower(name)} {count(counts[number])}" for name, counts in histogram.series)


def in_words(histogram: "Histogram") -> str:
    """Return the whole histogram as a few sentences: median, upper tenth and mark."""
    histogram = in_percent(histogram)
    sentences = []
    for name, counts in histogram.series:
        half, most = (quantile(histogram.edges, counts, share) for share in (0.5, 0.9))
        if half is not None and most is not None:
            sentences.append(
                f"{name.capitalize()}: half lie below about {_number(histogram, half)}, nine of ten below about "
                f"{_number(histogram, most)}{_unit(histogram)}."
            )
    if histogram.mark is not None:
        sentences.append(f"The line marks {_number(histogram, histogram.mark)}{_unit(histogram)}.")
    return " ".join(sentences) or "Nothing to count."


def _number(histogram: "Histogram", value: float) -> str:
    span = histogram.edges[-1] - histogram.edges[0]
    return (count(value).replace("-", "−") if span > 8 else figure(round(value, 2))) if value else "0"


def _unit(histogram: "Histogram") -> str:
    return f" {histogram.unit}" if histogram.unit else ""


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _pairs(number: int) -> str:
    return f"{count(number)} {'pair' if number == 1 else 'pairs'}"
