"""The proof of a way on a run's first batch: its figures and its gradients against TRL's own forward pass."""

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import logsigmoid

from orpo_studio.trainer.problems import is_out_of_memory
from orpo_studio.trainer.quiet import quiet
from orpo_studio.trainer.scoring.batch import PairBatch
from orpo_studio.trainer.scoring.odds_ratio import PairLogps
from orpo_studio.trainer.scoring.scorer import Scorer

_PARAMETERS = 4
"""How many trained tensors' gradients are compared: the first ones, which lie behind every layer."""


class NotProvenError(Exception):
    """A way gives something else than TRL; the message says what differs, as a clause."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far the figures may lie apart, relative to 1 + their size, and the gradients, relative to theirs."""

    figures: float
    gradients: float

    @classmethod
    def of(cls, model: Any, precision: str) -> "Tolerance":
        """Return what rounding explains: of float32, of 16 bits, or of 8-bit layers, each by its batch."""
        if getattr(model, "is_loaded_in_8bit", False):
            return cls(5e-2, 0.5)
        return cls(1e-4, 1e-3) if precision == "fp32" else cls(2e-2, 0.15)


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found.

    Attributes:
        figures: largest difference of the pairs' mean log-probabilities and SFT losses, in nats a token.
        gradients: relative difference of the gradients; None where memory was not enough to compare them.
    """

    figures: float
    gradients: float | None


def prove(scorer: Scorer, model: Any, batch: PairBatch, tolerance: Tolerance, lambda_: float) -> Proof:
    """Compare a batch's figures, and the gradients of its shortest pair, with TRL's.

    TRL's side is computed a pair at a time, so that it takes no more memory than one pair.

    Raises:
        NotProvenError: they differ by more than rounding explains, or are not finite.
    """
    with quiet(model):
        ours = _figures(scorer, _score(scorer, model, batch), batch)
        theirs = torch.cat([_figures(scorer, _stock(scorer, model, one), one) for one in batch.parts(1)], 1)
    if not torch.isfinite(theirs).all():
        return Proof(0.0, None)  # TRL's is no yardstick here; a loss that is not finite is caught in the step
    apart = ((ours - theirs).abs() / (1 + theirs.abs())).max().item()
    if not apart <= tolerance.figures:
        raise NotProvenError(f"its log-probabilities differ from TRL's by {apart:.1g}")
    gradients = _compare_gradients(scorer, model, batch, lambda_)
    if gradients is not None and not gradients <= tolerance.gradients:
        raise NotProvenError(f"its gradients differ from TRL's by {100 * gradients:.1g} %")
    return Proof((ours - theirs).abs().max().item(), gradients)


def _score(scorer: Scorer, model: Any, batch: PairBatch) -> PairLogps:
    placed = scorer.lay_out(batch)
    with scorer.under_way(placed):
        return scorer.score(model, batch, placed).pairs


def _stock(scorer: Scorer, model: Any, batch: PairBatch) -> PairLogps:
    return scorer.score(model, batch, None).pairs


def _figures(scorer: Scorer, logps: PairLogps, batch: PairBatch) -> torch.Tensor:
    """Return (3, pairs): SFT loss a token, chosen and rejected mean log-probability."""
    tokens = [one.nll_tokens(answer_only=scorer.answer_only) for one in batch.parts(1)]
    counts = torch.tensor(tokens, device=logps.nll.device)
    return torch.stack([(logps.nll / counts).double(), logps.chosen.double(), logps.rejected.double()]).cpu()


def _compare_gradients(scorer: Scorer, model: Any, batch: PairBatch, lambda_: float) -> float | None:
    shortest = PairBatch((min(batch.pairs, key=lambda pair: pair.longest),))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad][:_PARAMETERS]
    count = shortest.nll_tokens(answer_only=scorer.answer_only)

    def gradients(way: Any) -> torch.Tensor:
        pairs = way(scorer, model, shortest)
        loss = pairs.nll.sum() / count - lambda_ * logsigmoid(pairs.log_odds).mean()
        found = torch.autograd.grad(loss, trained, allow_unused=True)
        return torch.cat([gradient.double().flatten().cpu() for gradient in found if gradient is not None])

    try:
        with quiet(model, gradients=True):
            theirs, ours = gradients(_stock), gradients(_score)
    except Exception as error:
        if is_out_of_memory(error):
            return None
        raise
    size = theirs.norm().item()
    if size == 0 or not torch.isfinite(theirs).all():
        return None
    return float((ours - theirs).norm().item() / size)
