"""What a training leaves: the adapter, or the trained model, in the run's folder, whole or not at all."""

import shutil
from pathlib import Path

from orpo_studio.trainer.checkpoints import sync_folder
from orpo_studio.trainer.load import Loaded

WEIGHTS = ("adapter_model.safetensors", "model.safetensors", "model.safetensors.index.json")


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


def replace_folder(beside: Path, target: Path) -> None:
    """Put a finished folder in the place of an older one; at no moment is a half-written one there."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.replace(old)
    beside.replace(target)
    shutil.rmtree(old, ignore_errors=True)


def has_result(folder: Path) -> bool:
    """Tell whether a trained model or adapter lies in a folder."""
    return any((folder / name).is_file() for name in WEIGHTS)
