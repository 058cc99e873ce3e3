"""ORPO's loss from the log-probabilities of tokens (Hong et al. 2024, arXiv 2403.07691, eq. 3 to 7)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from orpo_studio.trainer.scoring.layout import Span

CERTAIN = -1e-12
"""Mean log-probabilities above this count as this: at 0 the odds are infinite."""


@dataclass(frozen=True, slots=True)
class PairLogps:
    """What the loss is made of, for each pair of a batch: tensors of (pairs,), float64 where the device has it.

    Attributes:
        nll: summed negative log-probability of the tokens that the SFT loss counts, in nats.
        chosen: mean log-probability per token of the chosen answer, in nats.
        rejected: likewise of the rejected answer.
    """

    nll: torch.Tensor
    chosen: torch.Tensor
    rejected: torch.Tensor

    @property
    def log_odds(self) -> torch.Tensor:
        """Log of the ratio of the odds of chosen and rejected."""
        return log_odds(self.chosen) - log_odds(self.rejected)


def pair_logps(logps: torch.Tensor, spans: Sequence[Span], *, answer_only: bool) -> PairLogps:
    """Sum the log-probabilities of scored tokens up to pairs.

    Args:
        logps: (scored,) in the order of the spans.
        spans: the pairs.
        answer_only: count the chosen answer alone in the SFT loss, as the authors' paper has it, not the prompt.
    """
    # Sums over thousands of tokens: float64 costs nothing here and makes the order of summation immaterial.
    wide = logps if logps.device.type == "mps" else logps.double()
    nll, chosen, rejected = [], [], []
    parts = wide.split([count for span in spans for count in (span.shared, span.chosen, span.rejected)])
    for index, span in enumerate(spans):
        shared, own, other = parts[3 * index : 3 * index + 3]
        answer = _tail_sum(shared, own, span.chosen_answer)
        nll.append(-answer if answer_only else -(shared.sum() + own.sum()))
        chosen.append(answer / (span.shared + span.chosen - span.chosen_answer))
        rejected.append(
            _tail_sum(shared, other, span.rejected_answer) / (span.shared + span.rejected - span.rejected_answer)
        )
    return PairLogps(torch.stack(nll), torch.stack(chosen), torch.stack(rejected))


def _tail_sum(shared: torch.Tensor, own: torch.Tensor, first: int) -> torch.Tensor:
    """Return the sum from the ``first``-th token on, counted over both parts."""
    return shared[first:].sum() + own[max(first - len(shared), 0) :].sum()


def log_odds(mean_logp: torch.Tensor) -> torch.Tensor:
    """Return log(P / (1 − P)) for P = e^p̄, with finite values and gradients from −1e-12 down.

    P / (1 − P) = 1 / (e^−p̄ − 1). Each branch is given harmless values where the other is meant, since
    ``torch.where`` carries the gradient of both and 0 · ∞ is not a number.
    """
    depth = -mean_logp.clamp(max=CERTAIN)
    is_near = depth < math.log(2)
    near = torch.where(is_near, depth, 1.0)
    far = torch.where(is_near, 1.0, depth)
    return -torch.where(is_near, torch.log(torch.expm1(near)), far + torch.log1p(-torch.exp(-far)))
