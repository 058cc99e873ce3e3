"""What an adapter's folder may hold before anything is loaded from it: the LoRA that a run of this program leaves.

A run may come from somebody else, and PEFT does what ``adapter_config.json`` says: other methods load further models
and tokenizers from wherever they are named, layers can be copied until the memory is full, and targets given as a
pattern can take for ever to match. None of this is ever written by a training here.
"""

import json
import re
from pathlib import Path
from typing import Any

from peft import LoraConfig

from orpo_studio.plain_files import read_plain
from orpo_studio.trainer.problems import TrainerProblem

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
MOST_BYTES = 1_000_000

_OURS = {
    "auto_mapping",
    "base_model_name_or_path",
    "inference_mode",
    "lora_alpha",
    "lora_dropout",
    "peft_type",
    "peft_version",
    "r",
    "revision",
    "target_modules",
    "task_type",
    "use_dora",
    "use_rslora",
}
_NAME = re.compile(r"[\w.]{1,200}")


def require_plain_lora(folder: Path) -> None:
    """Refuse an adapter that is not such a LoRA.

    Raises:
        TrainerProblem: it is something else, or is damaged.
    """
    try:
        settings = json.loads(read_plain(folder / CONFIG, MOST_BYTES))
        why = _why_not(settings) if isinstance(settings, dict) else "It holds no settings."
        if not (folder / WEIGHTS).is_file():
            why = why or f"{WEIGHTS} is missing; other forms of weights are not opened."
    except (OSError, ValueError, RecursionError) as error:
        why = f"{CONFIG} cannot be read: {getattr(error, 'strerror', None) or error}."
    if why:
        raise TrainerProblem(
            "foreign-adapter",
            "The adapter of this run is not one that a training here leaves, so it was not loaded.",
            detail=why,
            hint="The run's folder may be damaged, or made by somebody else. Train the run again from its settings.",
        )


def _why_not(settings: dict[str, Any]) -> str:
    if settings.get("peft_type") != "LORA":
        return f"Its method is {str(settings.get('peft_type'))[:40]}, not LoRA."
    targets = settings.get("target_modules")
    if not isinstance(targets, list) or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in targets):
        return "Its layers are not named one by one."
    usual = LoraConfig().to_dict()
    other = sorted(key for key in usual.keys() - _OURS if settings.get(key, usual[key]) != usual[key])
    return f"Its settings ask for something else besides: {', '.join(other[:5])}." if other else ""
