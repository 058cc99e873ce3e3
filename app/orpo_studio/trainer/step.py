"""What one optimizer step is made of: its micro-batches, how much each counts, and the figures they give."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from orpo_studio.trainer.scoring.batch import PairBatch
from orpo_studio.trainer.scoring.odds_ratio import PairLogps
from orpo_studio.trainer.tokens import TokenizedPair

FIGURES = ("nll_loss", "log_odds_ratio", "log_odds_chosen", "logps/chosen", "logps/rejected", "rewards/accuracies")
"""Names of the figures, TRL's, in the order of :func:`figures`."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What the sums over a micro-batch are multiplied with: the SFT loss's over tokens, the others' over pairs."""

    tokens: float
    pairs: float


def micro_batch_weights(batch: PairBatch, micro_batches: int, *, answer_only: bool) -> Weights:
    """Return TRL's weights: each micro-batch is a mean of its own, and the step is the mean of these."""
    return Weights(1 / (batch.nll_tokens(answer_only=answer_only) * micro_batches), 1 / (len(batch) * micro_batches))


def figures(logps: PairLogps, weights: Weights) -> torch.Tensor:
    """Return a micro-batch's share of each of `FIGURES`, as one tensor, so that reading them is one wait."""
    odds = logps.log_odds
    over_pairs = torch.stack(
        [
            torch.nn.functional.logsigmoid(odds),
            odds,
            logps.chosen,
            logps.rejected,
            (logps.chosen > logps.rejected).to(odds.dtype),
        ]
    )
    return torch.cat([logps.nll.sum()[None] * weights.tokens, over_pairs.sum(1) * weights.pairs])


@dataclass(slots=True)
class Step:
    """An optimizer step under way.

    Attributes:
        batches: all its micro-batches.
        weights: of each.
        begun: how many of them have been begun.
        figures: of the parts computed.
        terms: of the parts computed, (1 + pairs,) each: the part's loss, then of each pair what is finite when its
            share of the loss is.
        parts: the parts computed.
    """

    batches: Sequence[PairBatch] = ()
    weights: Sequence[Weights] = ()
    begun: int = 0
    figures: list[torch.Tensor] = field(default_factory=list)
    terms: list[torch.Tensor] = field(default_factory=list)
    parts: list[PairBatch] = field(default_factory=list)

    def begin_again(self) -> None:
        """Forget what was computed; the micro-batches stay."""
        self.figures.clear()
        self.terms.clear()
        self.parts.clear()

    def take(self, part: PairBatch, loss: torch.Tensor, logps: PairLogps, weights: Weights) -> None:
        """Take what was computed of a part."""
        self.figures.append(figures(logps, weights))
        self.terms.append(torch.cat([loss.detach()[None], (logps.nll + logps.log_odds).to(loss.dtype)]))
        self.parts.append(part)

    @property
    def pairs(self) -> list[TokenizedPair]:
        """The pairs of all micro-batches begun."""
        return [pair for batch in self.batches[: self.begun] for pair in batch.pairs]

    def pairs_without_finite_loss(self, finite: Sequence[bool]) -> list[TokenizedPair]:
        """Return the pairs that a loss that is not finite comes from: all of a part where no single one is to blame.

        Args:
            finite: of each of `terms`, in their order.
        """
        found: list[TokenizedPair] = []
        start = 0
        for part in self.parts:
            is_finite, *of_pairs = finite[start : start + 1 + len(part)]
            start += 1 + len(part)
            if not is_finite:
                bad = [pair for pair, good in zip(part.pairs, of_pairs, strict=True) if not good]
                found += bad or part.pairs
        return found
