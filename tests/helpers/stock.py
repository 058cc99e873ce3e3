"""TRL's ORPO computed beside ours: its functions without a trainer around them, and all of it in float64."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch.nn.functional import logsigmoid
from torch.overrides import TorchFunctionMode
from trl.experimental.orpo import ORPOTrainer

from orpo_studio.trainer.scoring.batch import PairBatch
from orpo_studio.trainer.scoring.ladder import Choice, Way
from orpo_studio.trainer.scoring.parts import causal_model
from orpo_studio.trainer.scoring.scorer import Scorer

CPU = torch.device("cpu")


def stock_orpo(model: Any, *, beta: float = 0.1) -> ORPOTrainer:
    """Return TRL's trainer for its functions alone; it cannot train."""
    trainer = ORPOTrainer.__new__(ORPOTrainer)
    trainer.is_encoder_decoder, trainer.padding_value, trainer.beta = False, 0, beta
    trainer.accelerator = SimpleNamespace(device=CPU)
    trainer.aux_loss_enabled = bool(getattr(model.config, "output_router_logits", False))
    trainer.aux_loss_coef = getattr(model.config, "router_aux_loss_coef", 0.0)
    return trainer


def make_scorer(model: Any, way: Way, *, answer_only: bool = False) -> Scorer:
    """Return a scorer that computes a model by a way."""
    scorer = Scorer(Choice(way, "a test"), 0, answer_only, CPU, stock_orpo(model).concatenated_forward)
    scorer.prepare(model)
    return scorer


@dataclass(frozen=True, slots=True)
class Computed:
    """What a way gives for a batch.

    Attributes:
        loss: of the batch.
        figures: SFT loss, then the mean log-probability of each chosen and of each rejected answer.
        gradients: of each trained parameter by name; None where it has no part in the loss.
    """

    loss: float
    figures: torch.Tensor
    gradients: Mapping[str, torch.Tensor | None]


def compute(model: Any, way: Way, batch: PairBatch, *, lambda_: float) -> Computed:
    """Compute loss, figures and the gradients of all trained parameters by a way."""
    scorer = make_scorer(model, way)
    placed = None if way is Way.STOCK else scorer.lay_out(batch)
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    with scorer.under_way(placed):
        scored = scorer.score(model, batch, placed)
        nll = scored.pairs.nll.sum() / batch.nll_tokens(answer_only=False)
        loss = nll - lambda_ * logsigmoid(scored.pairs.log_odds).mean()
        if scored.router is not None:
            loss = loss + model.config.router_aux_loss_coef * scored.router
        found = torch.autograd.grad(loss, list(trained.values()), allow_unused=True)
    figures = torch.cat([nll[None], scored.pairs.chosen, scored.pairs.rejected]).double().detach()
    gradients = {name: None if one is None else one.double() for name, one in zip(trained, found, strict=True)}
    return Computed(loss.double().item(), figures, gradients)


def compute_in_float64(model: Any, batch: PairBatch, *, lambda_: float) -> Computed:
    """Compute the same by TRL's forward pass with nothing in less than float64."""
    wide = copy.deepcopy(model).double()
    causal_model(wide).__dict__.pop("forward", None)  # one that takes scored batches computes with the original
    wide.config._experts_implementation = "eager"  # the kernel for grouped experts knows no float64
    with _InFloat64():
        return compute(wide, Way.STOCK, batch, lambda_=lambda_)


class _InFloat64(TorchFunctionMode):
    """Where a model asks for float32, in its norms, rotations and softmax, it gets float64."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.float:
            func = torch.Tensor.double
        return func(*map(_wider, args), **{name: _wider(value) for name, value in (kwargs or {}).items()})


def _wider(value: Any) -> Any:
    return torch.float64 if value is torch.float32 else value


def apart(ours: Computed, theirs: Computed) -> float:
    """Return how far all gradients together lie apart, relative to the second's size."""
    pairs = [(one, theirs.gradients[name]) for name, one in ours.gradients.items()]
    difference = sum((one - other).square().sum() for one, other in pairs if one is not None and other is not None)
    size = sum(other.square().sum() for _, other in pairs if other is not None)
    return float((difference / size) ** 0.5)
