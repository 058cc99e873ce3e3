"""What a training leaves: the adapter, or the trained model, in the run's folder, whole or not at all."""

import shutil
from pathlib import Path

import torch
from safetensors import safe_open

from orpo_studio.trainer.durable import replace_folder, sync_folder
from orpo_studio.trainer.load import Loaded
from orpo_studio.trainer.lora_folder import require_plain_lora
from orpo_studio.trainer.problems import TrainerProblem

ADAPTER_WEIGHTS = "adapter_model.safetensors"

_SHIPPED = {".json", ".jinja", ".model", ".safetensors", ".txt"}
"""Endings of the files of an adapter and its tokenizer."""


def save_result(loaded: Loaded, target: Path) -> None:
    """Write model and tokenizer into a folder beside the target, flush it, and rename it.

    Raises:
        OSError: the disk is full, say. An earlier result is untouched.
    """
    beside = target.with_name(f".{target.name}.writing")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        loaded.model.save_pretrained(beside)
        loaded.tokenizer.save_pretrained(beside)
        (beside / "README.md").unlink(missing_ok=True)  # PEFT's draft with empty headings; the export writes a card
        sync_folder(beside)
        replace_folder(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def copy_adapter(adapter: Path, target: Path) -> dict[str, float]:
    """Copy an adapter after reading all of it.

    Raises:
        TrainerProblem: a weight is not finite.
    """
    require_plain_lora(adapter)
    parameters = 0
    with safe_open(adapter / ADAPTER_WEIGHTS, framework="pt") as weights:
        for name in weights.keys():  # noqa: SIM118 - not a dict
            tensor = weights.get_tensor(name)
            parameters += tensor.numel()
            if not torch.isfinite(tensor).all():
                raise TrainerProblem(
                    "non-finite",
                    "The adapter holds values that are not finite numbers.",
                    detail=f"The first is in {name}.",
                    hint="Train the run again with a lower learning rate.",
                )
    for path in adapter.iterdir():  # what belongs to an adapter; a run of somebody else may bring anything besides
        if path.suffix in _SHIPPED and path.is_file() and not path.is_symlink():
            shutil.copyfile(path, target / path.name)
    return {"parameters": float(parameters)}
