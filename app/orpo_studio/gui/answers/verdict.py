"""What the held-out figures say, in words; no widget."""

import math
from dataclasses import dataclass
from typing import Literal

from orpo_studio.events import RunState

ACCURACY = "rewards/accuracies"


@dataclass(frozen=True, slots=True)
class Figures:
    """Held-out means of base and tuned model, by metric name, over the same number of pairs."""

    pairs: int
    before: dict[str, float]
    after: dict[str, float]
    is_final: bool


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric as the table shows it."""

    metric: str
    title: str
    help: str
    form: Literal["percent", "number"]

    def texts(self, figures: Figures | None) -> tuple[str, str, str]:
        """Return base, tuned and change, with a dash for what is not known."""
        before = figures.before.get(self.metric) if figures else None
        after = figures.after.get(self.metric) if figures else None
        change = after - before if before is not None and after is not None else None
        return self._one(before), self._one(after), self._one(change, sign=True)

    def _one(self, value: float | None, *, sign: bool = False) -> str:
        if value is None:
            return "–"
        if not math.isfinite(value):
            return str(value)
        plus = "+" if sign else ""
        if self.form == "percent":
            return f"{100 * value:{plus}.1f} {'points' if sign else '%'}"
        return f"{value:{plus}.4f}".replace("-", "−")


FIGURES = (
    Figure(
        ACCURACY,
        "Reward accuracy",
        "Share of held-out pairs in which the chosen answer is likelier per token than the rejected one.",
        "percent",
    ),
    Figure(
        "rewards/margins",
        "Reward margin",
        "λ × difference of the mean log-probabilities per token. Small by nature in ORPO: 0.01 is a healthy value.",
        "number",
    ),
    Figure("log_odds", "Log-odds ratio", "How much likelier, in log-odds, chosen is than rejected.", "number"),
    Figure("loss", "Held-out loss", "NLL + λ · odds-ratio term on the held-out pairs.", "number"),
    Figure(
        "nll_loss", "Held-out NLL", "The language part alone: how well chosen conversations are predicted.", "number"
    ),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict and what it rests on."""

    title: str
    grounds: str


def figures_of(fold: RunState) -> Figures | None:
    """Return the newest figures of a run: an evaluation made later, else those of the training itself."""
    if fold.evaluation is not None:
        return Figures(fold.evaluation.pairs, fold.evaluation.before, fold.evaluation.after, is_final=True)
    if fold.before is None:
        return None
    newest = fold.after or fold.latest_evaluation
    if newest is None or newest.moment == "before":
        return Figures(fold.before.pairs, fold.before.values, {}, is_final=False)
    return Figures(newest.pairs, fold.before.values, newest.values, is_final=fold.after is not None)


def verdict(figures: Figures | None) -> Verdict:
    """Return what the accuracies say, with their uncertainty.

    The interval is the 95 % normal interval of a difference of two proportions, both measured on the same pairs but
    treated as independent, which makes it wider than it is: a difference called real is real.
    """
    if figures is None or ACCURACY not in figures.before:
        return Verdict("Not measured on held-out pairs.", "")
    before = figures.before[ACCURACY]
    if ACCURACY not in figures.after:
        return Verdict(f"Before training: {100 * before:.0f} % reward accuracy", f"On {figures.pairs} held-out pairs.")
    after, pairs = figures.after[ACCURACY], max(figures.pairs, 1)
    spread = 1.96 * math.sqrt((before * (1 - before) + after * (1 - after)) / pairs)
    change = after - before
    real = abs(change) > spread
    word = ("Better" if change > 0 else "Worse") if real else "No clear difference"
    so_far = "" if figures.is_final else " so far"
    return Verdict(
        f"{word} on held-out pairs{so_far}: {100 * before:.0f} % → {100 * after:.0f} % reward accuracy",
        f"Difference {100 * change:+.0f} ± {100 * spread:.0f} points (95 %) on {figures.pairs} held-out pairs"
        + (
            ", more than chance explains." if real else ": within what chance explains. More held-out pairs would tell."
        ),
    )
