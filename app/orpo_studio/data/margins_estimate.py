"""What a base model's margins say of flipped pairs, and what they cannot say.

Let s be the share of clean pairs in which the model finds the better answer likelier, and f the share of pairs whose
two answers are swapped. A swap negates a margin, so if swaps strike whatever the margin, the share of positive
margins is

    q = s · (1 − f) + (1 − s) · f = s + f · (1 − 2 s).

q is what is seen; s is not. A base model was never taught which answer people prefer, and its s lies not far above
one half, often below: q = 0.55 is no swaps with s = 0.55, and 29 % of swaps with s = 0.62. Measured: SmolLM2-135M found
the better answer likelier in 53 % (43 to 62 %) of 112 English pairs; with 0, 10, 20 and 40 % of them swapped q was
52.7, 52.0, 51.2 and 50.2 %, each ± 3 to 5 points from one planting to the next. Such a model told nothing, neither by
itself nor to the doctor; the interval and the bound said so in each case. So three things are told:

- q itself, with its interval. It compares two versions of the same data under the same model: s is the same then.
- a bound: for each set of pairs chosen by how *large* their margin is, not by its sign, 1 − q − f =
  (1 − s) · (1 − 2 f) ≥ 0 as long as f ≤ ½. So f is at most the share of negative margins among the pairs that the
  model is surest of, however good the model is.
- f where s is known: from pairs of the same data that somebody checked by hand.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from orpo_studio.words import count, percent

Z95 = 1.959964
"""Standard normal quantile of a two-sided interval of 95 %."""
SUREST = (1.0, 0.5, 0.2, 0.1)
"""Shares of the pairs, those with the largest margins, that the bound is looked for in."""
_Z_BOUND = 2.241403
"""One-sided 5 % shared by the four bounds (1.25 % each), of which the lowest is taken."""
_FEWEST = 30
"""Pairs that a bound, or a comparison with checked pairs, needs."""
_WIDE, _OPEN = 0.2, 0.35
"""Widths of the flipped share's interval (at most 0.5) from which it is called wide, and from which it has no value."""
_DRAWS = 20_000
_SEED = 7


@dataclass(frozen=True, slots=True)
class Share:
    """An estimated share with its interval of 95 %, 0 to 1."""

    value: float
    low: float
    high: float

    def in_words(self) -> str:
        """Return it such as ``58 % (56 to 60 %)``."""
        return f"{percent(self.value)} ({self.low * 100:.0f} to {percent(self.high)})"


@dataclass(frozen=True, slots=True)
class Agreement:
    """In how many pairs the model finds the chosen answer likelier; a margin of exactly 0 counts as half a pair."""

    right: float
    pairs: int

    @classmethod
    def of(cls, margins: Sequence[float]) -> "Agreement":
        """Count the positive margins."""
        return cls(sum(1.0 if margin > 0 else 0.5 if margin == 0 else 0.0 for margin in margins), len(margins))

    def share(self, z: float = Z95) -> Share:
        """Return the share with its Wilson interval.

        Raises:
            ZeroDivisionError: there are no pairs.
        """
        n, p = self.pairs, self.right / self.pairs
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return Share(p, max(0.0, centre - half), min(1.0, centre + half))


@dataclass(frozen=True, slots=True)
class MarginsVerdict:
    """What margins say of a data set.

    Attributes:
        agreement: the share of pairs in which the base model finds the chosen answer likelier.
        pairs: how many margins are known.
        at_most: upper bound of the flipped share (95 %); None where there are too few pairs, 0.5 where it says nothing.
        bound_pairs: of how many pairs, those with the largest margins, the bound comes.
        flipped: the flipped share, where pairs checked by hand tell how good the model is; else None.
        checked: how many pairs were checked and have a margin.
    """

    agreement: Share
    pairs: int
    at_most: float | None
    bound_pairs: int
    flipped: Share | None
    checked: int

    def in_words(self) -> tuple[str, ...]:
        """Return it in sentences for a person: what was seen, what follows, and how far it can be trusted."""
        share = self.agreement.in_words()
        said = [f"The base model finds the chosen answer likelier in {share} of {count(self.pairs)} pairs."]
        if self.at_most is not None and self.at_most < 0.5:
            said.append(
                f"At most {percent(self.at_most)} of the pairs are flipped, if flips strike sure and unsure pairs "
                f"alike: no more disagree among the {count(self.bound_pairs)} that the model is surest of."
            )
        if self.flipped is not None and self.flipped.high - self.flipped.low > _OPEN:
            said.append(
                f"The {count(self.checked)} pairs checked by hand do not settle it: {self.flipped.low * 100:.0f} to "
                f"{percent(self.flipped.high)} of the pairs may be flipped."
            )
        elif self.flipped is not None:
            said.append(
                f"Judged by the {count(self.checked)} pairs checked by hand, {self.flipped.in_words()} of the pairs "
                "are flipped."
            )
        return (*said, self._trust())

    def _trust(self) -> str:
        if self.flipped is None:
            return (
                "How many are flipped cannot be told from this alone: a base model was not taught what people prefer, "
                "and on clean pairs, too, it is often right little more than half the time (a small one, in a test "
                "of ours, in 53 %). The share serves to compare versions of the same data under the same model, and "
                "the lowest margins to choose which pairs to read first."
            )
        if self.flipped.high - self.flipped.low > _WIDE:
            return (
                "The interval is wide, since the model is hardly better than chance or few pairs were checked. "
                "Check more pairs, or ask a model that was tuned to follow instructions."
            )
        return "This holds as far as the checked pairs were drawn by chance and flips strike whatever the margin."


def judge_margins(margins: Sequence[float | None], checked: Collection[int] = ()) -> MarginsVerdict | None:
    """Tell what the margins of a data set say.

    Args:
        margins: log-odds differences, one for each row; None where the model was not asked.
        checked: rows that somebody read, drawn by chance, and that are right as they stand, or were put right.

    Returns:
        The verdict; None where no margin is known.
    """
    known = [margin for margin in margins if margin is not None]
    if not known:
        return None
    every = Agreement.of(known)
    clean = Agreement.of([margin for row in set(checked) if (margin := margins[row]) is not None])
    at_most, bound_pairs = _bound(known)
    flipped = flipped_share(every, clean) if clean.pairs >= _FEWEST else None
    return MarginsVerdict(every.share(), len(known), at_most, bound_pairs, flipped, clean.pairs)


def flipped_share(seen: Agreement, clean: Agreement) -> Share:
    """Estimate the flipped share f = (s − q) / (2 s − 1) from the agreement seen (q) and that on clean pairs (s).

    Both shares are drawn from what their counts leave open (Jeffreys' prior), and f is cut to 0 … ½. Where s is not
    clearly above one half, nothing is known of f, and the interval says so by its width. A model that is *below*
    one half on clean pairs is as telling as one above, by the same formula.
    """
    draw = np.random.default_rng(_SEED)
    q = draw.beta(seen.right + 0.5, seen.pairs - seen.right + 0.5, _DRAWS)
    s = draw.beta(clean.right + 0.5, clean.pairs - clean.right + 0.5, _DRAWS)
    f = np.clip((s - q) / np.where(s == 0.5, np.nan, 2 * s - 1), 0.0, 0.5)
    low, middle, high = np.nanquantile(f, (0.025, 0.5, 0.975)).tolist()
    return Share(middle, low, high)


def expected_agreement(clean: float, flipped: float) -> float:
    """Return q = s + f · (1 − 2 s): the share of positive margins that a model of accuracy s shows at f swaps."""
    return clean + flipped * (1 - 2 * clean)


def _bound(margins: Sequence[float]) -> tuple[float | None, int]:
    """Return an upper bound (95 %) of the flipped share, and of how many pairs with the largest margins it comes."""
    sizes = sorted(map(abs, margins), reverse=True)
    best: float | None = None
    pairs = 0
    for share in SUREST:
        least = sizes[math.ceil(share * len(sizes)) - 1]
        some = [margin for margin in margins if abs(margin) >= least]  # all of the same size, or none
        if len(some) < _FEWEST:
            break
        bound = min(0.5, 1 - Agreement.of(some).share(_Z_BOUND).low)
        if best is None or bound < best:
            best, pairs = bound, len(some)
    return best, pairs
