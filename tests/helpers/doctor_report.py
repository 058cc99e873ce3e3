"""A report of the data doctor as tests of the window need it: something of everything, made without examining."""

import math
from itertools import pairwise

from orpo_studio.data.doctor.report import Checked, Cleanliness, Finding, Histogram, Remedy, Report, Severity

DUPLICATES = Finding(
    code="exact-duplicates",
    title="41 pairs are exact duplicates of another pair.",
    severity=Severity.WARNING,
    count=41,
    share=0.041,
    rows=tuple(range(0, 82, 2)),
    why="A pair that stands there twice pulls twice as hard, and can stand on both sides of the split.",
    advice="Keep the first of each and set the others aside.",
    remedy=Remedy("drop-exact-duplicates", "Set aside 41 duplicates", "Keeps the first of each group of equal pairs."),
    examples=("What is the capital of France?", "Write a function that reverses a list."),
)
CONTRADICTIONS = Finding(
    code="contradictions",
    title="12 pairs are contradicted: A over B, and B over A.",
    severity=Severity.SERIOUS,
    count=12,
    share=0.012,
    rows=(3, 5, 8, 13),
    why="Both directions are learned and cancel out; what is left is noise in the gradient of the odds-ratio term.",
    advice="Set both sides aside, or decide by hand which one is right.",
    remedy=Remedy(
        "drop-contradictions", "Set aside 12 contradicted pairs", "Sets aside every pair of a contradiction."
    ),
    examples=(),
)
LONGER = Finding(
    code="length-bias",
    title="The longer answer is chosen in 64 % of the pairs.",
    severity=Severity.NOTE,
    count=640,
    share=0.64,
    rows=(),
    why="The model learns that longer is better, whatever the question.",
    advice="Watch the length of the sample answers during training.",
    remedy=None,
    examples=(),
)
GOOD = Finding(
    code="encoding",
    title="No damaged characters.",
    severity=Severity.GOOD,
    count=0,
    share=0.0,
    rows=(),
    why="",
    advice="",
    remedy=None,
    examples=(),
)


def bell(middle: float, width: float, edges: tuple[float, ...], total: int) -> tuple[int, ...]:
    """Return counts of a bell shape."""
    centers = [(low + high) / 2 for low, high in pairwise(edges)]
    heights = [math.exp(-(((center - middle) / width) ** 2)) for center in centers]
    return tuple(round(total * height / sum(heights)) for height in heights)


EDGES = tuple(float(edge) for edge in range(0, 1241, 40))
LENGTHS = Histogram(
    "lengths",
    "Length of prompts and answers",
    "tokens",
    EDGES,
    (
        ("prompt", bell(80, 60, EDGES, 1000)),
        ("chosen", bell(420, 190, EDGES, 1000)),
        ("rejected", bell(330, 170, EDGES, 1000)),
    ),
    1024.0,
)
_DIFFERENCES = tuple(float(edge) for edge in range(-600, 601, 40))
DIFFERENCES = Histogram(
    "length-difference",
    "Chosen longer than rejected by",
    "tokens",
    _DIFFERENCES,
    (("pairs", bell(70, 160, _DIFFERENCES, 1000)),),
    None,
)
_LIKENESS = tuple(step / 20 for step in range(21))
SIMILARITIES = Histogram(
    "similarity",
    "Similarity of chosen and rejected",
    "",
    _LIKENESS,
    (("pairs", bell(0.35, 0.2, _LIKENESS, 1000)),),
    None,
)


def make_report(
    *findings: Finding, score: float = 84.0, noise: float = 0.08, max_length: int = 1024, seconds: float = 3.2
) -> Report:
    """Return a report with these findings, or with one of each severity."""
    return Report(
        findings=findings or (CONTRADICTIONS, DUPLICATES, LONGER, GOOD),
        histograms=(LENGTHS, DIFFERENCES, SIMILARITIES),
        cleanliness=Cleanliness(
            score,
            noise,
            max(0.0, noise - 0.05),
            min(0.5, noise + 0.06),
            ("1.2 % of the pairs are contradicted by another pair.", "A classifier disagrees with 6 % of the labels."),
            "Good enough to tell clean from noisy; not to tell 5 % from 8 %.",
        ),
        pairs=1000,
        max_length=max_length,
        counted="tokens",
        checked=(Checked("exact-duplicates", "Exact duplicates", 1000, 0.1),),
        seconds=seconds,
    )
