"""What a report means for ORPO, and how severities are told apart by sign and word. No Qt."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orpo_studio.words import count, percent

if TYPE_CHECKING:
    from orpo_studio.data.doctor.report import Cleanliness, Finding, Report

Kind = Literal["chosen", "attention", "failure", "muted"]
"""Kind of a label, which decides its color."""
CLEAN, MIXED = 80.0, 60.0
"""Least score of clean data, and of data with some noise."""
MOST_NOISE, LEAST_NOISE = 0.2, 0.1
"""Surely clean is where at most so many pairs may be flipped, surely noisy where at least so many must be."""
TOO_WIDE = 0.3
"""From this width of the interval on the share of flipped pairs, the figure decides nothing."""
HARDLY_ANY = 0.005
"""A share below is told as hardly any."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How clean, in a word, and what it means."""

    word: str
    kind: Kind
    meaning: str


_CLEAN = Verdict(
    "Clean",
    "chosen",
    "ORPO is a good choice: it learns from the chosen and against the rejected answers in one training, and these "
    "preferences point the same way.",
)
_LIKELY_CLEAN = Verdict(
    "Probably clean",
    "chosen",
    "ORPO is likely a good choice. The figure leaves room for more noise than it names: read some of the pairs below, "
    "and see after training whether the held-out accuracy rose.",
)
_MIXED = Verdict(
    "Some noise",
    "attention",
    "ORPO can be used, and gains from cleaner pairs: try the remedies below first, and see after training whether the "
    "held-out accuracy rose.",
)
_NOISY = Verdict(
    "Noisy",
    "failure",
    "ORPO is a poor choice as the pairs stand: on noisy preferences SFT on the chosen answers followed by DPO does "
    "better. Clean the data first, or train that way instead.",
)
_LIKELY_NOISY = Verdict(
    "Probably noisy",
    "attention",
    "ORPO is likely not the best choice as the pairs stand: on noisy preferences SFT on the chosen answers followed by "
    "DPO does better. Read some of the pairs below before you decide.",
)
_UNKNOWN = Verdict(
    "Hard to tell",
    "muted",
    "The pairs show too little to say how clean they are. Read some of them below, and see after training whether the "
    "held-out accuracy rose.",
)


def verdict_of(cleanliness: "Cleanliness") -> Verdict:
    """Return what a cleanliness means for ORPO."""
    if cleanliness.high - cleanliness.low > TOO_WIDE:
        return _UNKNOWN
    if cleanliness.score >= CLEAN:
        return _CLEAN if cleanliness.high <= MOST_NOISE else _LIKELY_CLEAN
    if cleanliness.score >= MIXED:
        return _MIXED
    return _NOISY if cleanliness.low >= LEAST_NOISE else _LIKELY_NOISY


def noise_in_words(cleanliness: "Cleanliness") -> str:
    """Return the estimated share of flipped pairs with its interval."""
    noise, low, high = (share_in_words(share) for share in (cleanliness.noise, cleanliness.low, cleanliness.high))
    if cleanliness.high < HARDLY_ANY:
        told = "Hardly any pair looks the wrong way round."
    elif cleanliness.noise < HARDLY_ANY:
        told = f"Few pairs look the wrong way round: {high} at most."
    else:
        told = f"About {noise} of the pairs look the wrong way round, between {low} and {high}."
    return told.replace(" %", "\N{NO-BREAK SPACE}%")


SIGNS: dict[str, tuple[str, str, Kind]] = {
    "serious": ("✕", "Serious", "failure"),
    "warning": ("▲", "Warning", "attention"),
    "note": ("●", "Note", "muted"),
    "good": ("✓", "Good", "chosen"),
}
"""Sign, word and kind of each severity."""


def amount(finding: "Finding") -> str:
    """Return how many pairs a finding concerns: ``41 pairs · 3.2 %``, or ``3.2 %`` where its title begins with it.

    It is empty where it is about none in particular.
    """
    if not finding.count:
        return ""
    share = share_in_words(finding.share)
    if finding.title.startswith((f"{finding.count:,} ", f"{count(finding.count)} ", f"{finding.count} ")):
        return share
    return f"{count(finding.count)} {'pair' if finding.count == 1 else 'pairs'} · {share}"


def share_in_words(share: float) -> str:
    """Return a share as a percentage that is never 0 % for something and never 100 % for less than all."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return percent(share, 0 if share in {0, 1} or 0.1 <= share <= 0.99 else 1)


def summary(report: "Report") -> str:
    """Return a report in a few words, for a link to it: ``Clean · ✕ 1 serious · ▲ 2 warnings``."""
    serious = sum(finding.severity == "serious" for finding in report.findings)
    warnings = sum(finding.severity == "warning" for finding in report.findings)
    told = [
        f"{sign} {number} {word}"
        for sign, number, word in (
            ("✕", serious, "serious"),
            ("▲", warnings, "warning" if warnings == 1 else "warnings"),
        )
        if number
    ]
    return " · ".join([verdict_of(report.cleanliness).word, *(told or ["✓ nothing to fix"])])
