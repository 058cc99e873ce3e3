"""From a specification and its plan to TRL's configuration."""

from pathlib import Path
from typing import Any

from trl.experimental.orpo import ORPOConfig

from orpo_studio.config import RunSpec
from orpo_studio.config.plan import Plan
from orpo_studio.trainer.load import Precision

_SCHEDULES = {
    "linear": "linear",
    "cosine": "cosine",
    "constant": "constant_with_warmup",
    "inverse_sqrt": "inverse_sqrt",
}
_OPTIMIZERS = {
    "adamw": "adamw_torch",
    "adamw_8bit": "adamw_bnb_8bit",
    "paged_adamw_8bit": "paged_adamw_8bit",
    "rmsprop": "rmsprop",
}
_ON_A_CARD = {"adamw": "adamw_torch_fused"}
"""One kernel for all weights, which needs no memory of its own. Not in float16: it skips steps by itself when loss
scaling overflows, and accelerate does not hear of it."""
RECOMPUTING = {"use_reentrant": False}
"""How activations are computed again."""


def trl_config(
    spec: RunSpec, plan: Plan, precision: Precision, *, device: str, home: Path, recomputes: bool
) -> ORPOConfig:
    """Return TRL's configuration. When to log, measure and save is the reporter's to say, hence the three "no"."""
    recipe = spec.recipe
    optimizer = _OPTIMIZERS[recipe.optimizer]
    if device == "cuda" and precision != "fp16":
        optimizer = _ON_A_CARD.get(recipe.optimizer, optimizer)
    options: dict[str, Any] = {
        "output_dir": str(home),
        "beta": recipe.lambda_,
        "max_length": recipe.max_length,
        # TRL's own switch would also turn off the adapter's dropout; the base's is turned off when it is loaded.
        "disable_dropout": False,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": _SCHEDULES[recipe.schedule],
        "warmup_steps": plan.warmup_steps,
        "optim": optimizer,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "max_steps": plan.total_steps,
        "per_device_train_batch_size": recipe.micro_batch,
        "gradient_accumulation_steps": recipe.accumulation,
        "seed": recipe.seed,
        "bf16": precision == "bf16",
        "fp16": precision == "fp16",
        "use_cpu": device == "cpu",
        "dataloader_pin_memory": device == "cuda",
        "gradient_checkpointing": False,
        "activation_checkpointing": recomputes,
        "activation_checkpointing_kwargs": RECOMPUTING if recomputes else None,
        "logging_strategy": "no",
        "eval_strategy": "no",
        "save_strategy": "no",
        "logging_nan_inf_filter": False,
        "remove_unused_columns": False,
        "report_to": "none",
        "disable_tqdm": True,
    }
    return ORPOConfig(**options)
