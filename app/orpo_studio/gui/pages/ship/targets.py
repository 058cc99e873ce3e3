"""What can be shipped, how large it is, where it goes and how it is loaded; no widget."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orpo_studio import words
from orpo_studio.runs import RunFolder, is_free
from orpo_studio.runs.room import disk_of

Kind = Literal["adapter", "merged"]


@dataclass(frozen=True, slots=True)
class Place:
    """A target folder.

    Attributes:
        free_bytes: free on its disk; None where that cannot be told.
        problem: why nothing can be written there, or the empty string.
    """

    free_bytes: int | None
    problem: str = ""


def default_target(folder: RunFolder, kind: Kind) -> Path:
    """Return the first folder for exports of this kind that is not taken, inside the run's own."""
    names = (kind if number == 1 else f"{kind}-{number}" for number in range(1, 1000))
    return next(target for name in names if is_free(target := folder.export / name))


def look_at(target: Path) -> Place:
    """Look at a target folder: its disk, and whether an export may go there. It takes a call to the disk."""
    try:
        if not is_free(target):
            return Place(None, "This folder is not empty. Choose a new folder, or an empty one.")
        existing = next(place for place in (target, *target.parents) if place.exists())
        if not existing.is_dir():
            return Place(None, f"{existing} is a file, so no folder can be made in it.")
        if not os.access(existing, os.W_OK | os.X_OK):
            return Place(None, f"{existing} is read-only, or not yours to write to. Choose another folder.")
        return Place(disk_of(existing).free)
    except (OSError, StopIteration) as error:
        return Place(None, f"This place cannot be used: {error or 'no such folder'}.")


def proof_in_words(kind: Kind, proof: Mapping[str, float]) -> list[str]:
    """Return the figures of an export's check as sentences."""
    lines = []
    if "next_token_agreement" in proof:
        parts = [f"next token equal {words.percent(proof['next_token_agreement'], 2)}"]
        if "max_abs_logit_difference" in proof:
            parts.append(f"largest difference {scientific(proof['max_abs_logit_difference'])}")
        if "mean_kl" in proof:
            parts.append(f"mean KL {scientific(proof['mean_kl'])} nats")
        lines.append(f"Loaded again and compared with what was trained: {', '.join(parts)}.")
    if proof.get("tokens"):
        lines.append(
            f"Compared on {words.count(proof['tokens'])} tokens of {words.count(proof.get('pairs', 0))} pairs."
        )
    if "next_token_agreement_as_trained" in proof:
        lines.append(
            "Beside the quantized model as it was trained: next token equal "
            f"{words.percent(proof['next_token_agreement_as_trained'], 2)}, mean KL "
            f"{scientific(proof.get('mean_kl_as_trained', 0.0))} nats. "
            "The merge goes into the full-precision base, so a small distance is expected."
        )
    if kind == "adapter" and proof.get("parameters"):
        lines.append(f"Read back whole: {words.parameters(proof['parameters'])} parameters, all finite.")
    return lines


def scientific(value: float) -> str:
    """Write a small number with one significant digit: ``3e-5``; from 0.01 on as usual."""
    if value == 0 or abs(value) >= 0.01:
        return words.figure(value)
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa}e{int(exponent)}".replace("-", "−")


def how_to_load(kind: Kind, folder: str, base: str) -> str:
    """Return the code that loads an export."""
    if kind == "merged":
        return (
            "from transformers import AutoModelForCausalLM, AutoTokenizer\n"
            f"model = AutoModelForCausalLM.from_pretrained({folder!r}, dtype='auto')\n"
            f"tokenizer = AutoTokenizer.from_pretrained({folder!r})"
        )
    return (
        "from peft import PeftModel; from transformers import AutoModelForCausalLM, AutoTokenizer\n"
        f"model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained({base!r}), {folder!r})\n"
        f"tokenizer = AutoTokenizer.from_pretrained({folder!r})"
    )
