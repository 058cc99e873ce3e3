"""The real trainer on given pairs, and what each of its steps was about to do to the weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback
from trl.experimental.orpo import ORPOConfig
from trl.experimental.utils import DPODataCollatorWithPadding

from helpers.stock import stock_orpo
from orpo_studio.config import RunSpec
from orpo_studio.trainer.adapter import load_for_training
from orpo_studio.trainer.load import Loaded, read_card
from orpo_studio.trainer.orpo import Listener, Objective, StudioOrpoTrainer
from orpo_studio.trainer.scoring.batch import PairBatch, PairDataset, trl_row


@dataclass(frozen=True, slots=True)
class WatchedStep:
    """A step just before the optimizer: its loss, the source rows computed for it, and the gradients."""

    loss: float
    rows: list[int]
    gradients: Mapping[str, torch.Tensor]


@dataclass(slots=True)
class Watch:
    """Takes down the steps of all trainers while it is in place."""

    steps: list[WatchedStep] = field(default_factory=list)
    stock: list[WatchedStep] = field(default_factory=list)
    compares: bool = False

    def __call__(self, trainer: StudioOrpoTrainer, model: Any) -> None:
        """Take down the step under way."""
        step = trainer._step
        rows = [row for part in step.parts for row in part.source_rows]
        gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        self.steps.append(WatchedStep(float(sum(terms[0] for terms in step.terms)), rows, gradients))
        if self.compares:
            pairs = [pair for batch in step.batches for pair in batch.pairs]
            with trainer.compute_loss_context_manager():
                self.stock.append(stock_step(model, PairBatch(tuple(pairs)), trainer.beta))


def stock_step(model: Any, batch: PairBatch, beta: float) -> WatchedStep:
    """Return what TRL makes of a batch with the model as it stands."""
    trl = stock_orpo(model, beta=beta)
    rows = DPODataCollatorWithPadding(pad_token_id=0, is_encoder_decoder=False)([trl_row(pair) for pair in batch.pairs])
    chosen, rejected, _, _, nll, *router = trl.concatenated_forward(model, rows)
    loss = nll - trl.odds_ratio_loss(chosen, rejected)[0].mean()
    if router:
        loss = loss + trl.aux_loss_coef * router[0]
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    found = torch.autograd.grad(loss, list(trained.values()), allow_unused=True)
    gradients = {name: one for name, one in zip(trained, found, strict=True) if one is not None}
    return WatchedStep(loss.item(), batch.source_rows, gradients)


def watch(monkeypatch: Any, *, compares: bool = False) -> Watch:
    """Watch every trainer of a test; ``compares`` computes each step by TRL as well, before it is made."""
    watching = Watch(compares=compares)
    original = StudioOrpoTrainer._get_grad_norm

    def _get_grad_norm(self: StudioOrpoTrainer, model: Any, grad_norm: Any = None) -> Any:
        norm = original(self, model, grad_norm)
        watching(self, model)
        return norm

    monkeypatch.setattr(StudioOrpoTrainer, "_get_grad_norm", _get_grad_norm)
    return watching


def load(model: Path, **recipe: Any) -> Loaded:
    """Load a model for training as a recipe says."""
    spec = RunSpec.model_validate({"model": {"path": str(model)}, "recipe": recipe})
    return load_for_training(spec, read_card(spec))


def config_of(folder: Path, **options: Any) -> ORPOConfig:
    """Return a configuration that trains in float32 on the CPU and does not cut gradients."""
    plain = {
        "output_dir": str(folder), "max_grad_norm": 0.0, "max_steps": 1, "use_cpu": True, "bf16": False,
        "disable_dropout": False, "gradient_checkpointing": False, "activation_checkpointing": False,
        "logging_strategy": "no", "save_strategy": "no", "report_to": "none", "disable_tqdm": True,
        "remove_unused_columns": False, "optim": "adamw_torch", "dataloader_pin_memory": False,
    }  # fmt: skip
    return ORPOConfig(**(plain | options))


def train_on(
    loaded: Loaded,
    batch: PairBatch,
    config: ORPOConfig,
    *,
    objective: Objective | None = None,
    listener: Listener | None = None,
) -> StudioOrpoTrainer:
    """Train on pairs, in an order that the configuration's seed decides."""
    trainer = StudioOrpoTrainer(
        loaded=loaded,
        config=config,
        pairs=PairDataset(batch.pairs),
        reporter=TrainerCallback(),
        measure=lambda _step, _epoch: None,
        seconds=lambda: 0.0,
        keep=1,
        objective=objective,
        listener=listener,
    )
    trainer.train()
    return trainer


def difference(ours: Mapping[str, torch.Tensor], theirs: Mapping[str, torch.Tensor]) -> float:
    """Return how far gradients or weights lie apart, relative to the second's size."""
    assert ours.keys() == theirs.keys()
    apart = sum(float((ours[name].double() - other.double()).square().sum()) for name, other in theirs.items())
    return (apart / sum(float(other.double().square().sum()) for other in theirs.values())) ** 0.5
