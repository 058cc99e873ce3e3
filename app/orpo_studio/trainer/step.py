"""What one optimizer step is made of: its micro-batches, how much each counts, and the figures they give."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from orpo_studio.trainer.scoring.batch import PairBatch
from orpo_studio.trainer.scoring.odds_ratio import PairLogps

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
        losses: of the parts computed, with the source rows of each.
    """

    batches: Sequence[PairBatch] = ()
    weights: Sequence[Weights] = ()
    begun: int = 0
    figures: list[torch.Tensor] = field(default_factory=list)
    losses: list[tuple[torch.Tensor, list[int]]] = field(default_factory=list)

    def begin_again(self) -> None:
        """Forget what was computed; the micro-batches stay."""
        self.figures.clear()
        self.losses.clear()

    @property
    def rows(self) -> list[int]:
        """Source rows of all micro-batches begun."""
        return [row for batch in self.batches[: self.begun] for row in batch.source_rows]

    def rows_without_finite_loss(self) -> list[int]:
        """Return the source rows of the parts whose loss is not finite. Waits for the device."""
        if not self.losses:
            return []
        finite = torch.stack([loss for loss, _ in self.losses]).isfinite().tolist()
        return [row for (_, rows), good in zip(self.losses, finite, strict=True) if not good for row in rows]
