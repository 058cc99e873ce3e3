"""The memory estimate against what two real steps take, setting by setting.

    python tests/benchmarks/memory.py --data FILE [--model DIR] [--only WORDS]

FILE holds preference pairs in any layout the program reads. DIR is a model folder; without it, on a GPU, models with
random weights are made, of the shapes of Qwen2.5 with 0.5, 1.5 and 7 billion parameters, and need 17 GB of disk in
turn. Each setting is tried by ``orpo-studio probe`` in a process of its own, and estimated with the lengths of the
file's pairs as the window does it. The bar, on a GPU: the measured peak, what torch's allocator reserved and what the
driver took, is within 10 % of the middle of the estimate, over all settings. On a CPU the resident memory of the whole
process is measured, of which Python and its libraries are a large part; there is no bar there. The table is Markdown,
as ``resources/help/memory.md`` shows it; the last line is JSON.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from gpu import LENGTH, SHAPES
from transformers import AutoModelForCausalLM, Qwen2Config

from orpo_studio.config import RunSpec
from orpo_studio.data.conversion import convert
from orpo_studio.data.prepared import PreparedData
from orpo_studio.fit.memory import GIB, Case, MemoryEstimate, estimate
from orpo_studio.fit.rows import PairLengths
from orpo_studio.fit.shape import read_shape
from orpo_studio.models.card import inspect_model
from orpo_studio.models.chat_template import ChatTemplate
from orpo_studio.trainer.load import load_tokenizer
from orpo_studio.trainer.tokens import tokenize_pairs

BAR = 0.1
DEMO = Path(__file__).parents[2] / "resources" / "demo" / "model"


@dataclass(frozen=True)
class Setting:
    """A model's shape and what is changed of the default recipe."""

    shape: str
    words: str
    recipe: dict[str, Any] = field(hash=False)

    @property
    def name(self) -> str:
        """How the table names it."""
        return f"{self.shape} {self.words}"


class ProbeError(Exception):
    """A setting could not be tried; the message is what the probe said."""


def settings(shapes: list[str]) -> list[Setting]:
    """Return the settings, model by model."""
    again = {"gradient_checkpointing": "on"}
    kinds: dict[str, dict[str, Any]] = {
        "LoRA, 1 pair": {"micro_batch": 1},
        "LoRA, 4 pairs": {"micro_batch": 4},
        "LoRA, 4 pairs, checkpointing": {"micro_batch": 4, **again},
        "nf4, 1 pair": {"micro_batch": 1, "quantization": "nf4"},
        "nf4, 4 pairs, checkpointing": {"micro_batch": 4, "quantization": "nf4", **again},
        "8-bit, 1 pair": {"micro_batch": 1, "quantization": "8bit"},
        "full, 1 pair, checkpointing, 8-bit AdamW": {
            "micro_batch": 1, "adapter": "full", "optimizer": "adamw_8bit", **again,
        },
    }  # fmt: skip
    return [
        Setting(shape, words, {"accumulation": 1, "gradient_checkpointing": "off", **recipe})
        for shape in shapes
        for words, recipe in kinds.items()
        if shape != "7B" or "nf4" in words or words == "LoRA, 1 pair"
    ]


def main() -> None:
    """Try the settings, print the table, and the JSON line last."""
    options = _options()
    on_gpu = torch.cuda.is_available()
    if options.model is None and not on_gpu:
        sys.exit("There is no GPU here that PyTorch can use; name a small model with --model.")
    shapes = list(SHAPES) if options.model is None else [options.model.name]
    rows: list[dict[str, Any]] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        made: tuple[str, Path] | None = None if options.model is None else (shapes[0], options.model)
        for setting in settings(shapes):
            if options.only and setting.name not in options.only:
                continue
            if made is None or made[0] != setting.shape:
                if made is not None:
                    shutil.rmtree(made[1])
                made = setting.shape, _random_model(setting.shape, Path(scratch) / setting.shape)
            try:
                rows.append(_compare(setting, made[1], options.data, Path(scratch), on_gpu=on_gpu))
            except ProbeError as error:
                failed.append(f"{setting.name}: {error}")
                print(failed[-1], file=sys.stderr, flush=True)
            else:
                print(f"{setting.name}: {rows[-1]}", file=sys.stderr, flush=True)
    print("| setting | estimated, GiB | measured, GiB | measured / middle of the estimate |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row['setting']} | {row['low']:.2f} to {row['high']:.2f} | {row['peak']:.2f} | {row['ratio']:.2f} |")
    if not rows:
        sys.exit("No setting could be tried.")
    ratios = [row["ratio"] for row in rows]
    passed = on_gpu and not failed and len(rows) >= 12 and all(abs(ratio - 1) <= BAR for ratio in ratios)
    device = torch.cuda.get_device_name() if on_gpu else "cpu"
    summary = {"median": round(statistics.median(ratios), 3), "least": min(ratios), "most": max(ratios)}
    print(
        json.dumps(
            {"benchmark": "memory", "device": device, "passed": passed, **summary, "failed": failed, "rows": rows}
        )
    )


def _compare(setting: Setting, model: Path, data: Path, scratch: Path, *, on_gpu: bool) -> dict[str, Any]:
    recipe = {"max_length": LENGTH if on_gpu else 512, **setting.recipe}
    spec = RunSpec.model_validate({"model": {"path": str(model)}, "data": {"source": str(data)}, "recipe": recipe})
    expected = _estimate(spec, data, scratch, on_gpu=on_gpu)
    options = [f"--set=recipe.{name}={value}" for name, value in recipe.items()]
    command = [sys.executable, "-m", "orpo_studio.cli", "probe", "--model", str(model), "--data", str(data), "--json"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProbeError(f"{done.stdout}{done.stderr}".strip())
    found = json.loads(done.stdout.splitlines()[-1])
    middle = (expected.low + expected.high) / 2
    return {
        "setting": setting.name,
        "low": round(expected.low / GIB, 3),
        "high": round(expected.high / GIB, 3),
        "peak": round(found["peak_bytes"] / GIB, 3),
        "libraries": round(found["library_bytes"] / GIB, 3),
        "ratio": round(found["peak_bytes"] / middle, 3),
    }


def _estimate(spec: RunSpec, data: Path, scratch: Path, *, on_gpu: bool) -> MemoryEstimate:
    card = inspect_model(Path(spec.model.path))
    folder = scratch / "data"
    if not folder.exists():
        convert(data, folder, held_out=spec.data.held_out, seed=spec.data.split_seed)
    with PreparedData.open(folder).pages() as pages:
        pairs = pages.page(0, pages.count("train"), "train")
    length = spec.recipe.max_length
    tokens = tokenize_pairs(pairs, load_tokenizer(card.path, card), ChatTemplate.of(card), max_length=length).pairs
    lengths = PairLengths.of(
        [
            (prompt, len(pair.chosen) - prompt, len(pair.rejected) - prompt)
            for pair in tokens
            for prompt in (min(pair.chosen_prompt, pair.rejected_prompt),)
        ]
    )
    return estimate(Case(spec.recipe, read_shape(card), on_gpu=on_gpu, lengths=lengths))


def _random_model(shape: str, folder: Path) -> Path:
    """Write a model of a shape with random weights, and the demo's tokenizer beside it."""
    shutil.copytree(DEMO, folder, ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
    torch.manual_seed(0)
    with torch.device("cuda"):
        model = AutoModelForCausalLM.from_config(
            Qwen2Config(**SHAPES[shape], max_position_embeddings=2 * LENGTH), dtype=torch.bfloat16
        )
    model.save_pretrained(folder)
    del model
    torch.cuda.empty_cache()
    return folder


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="preference pairs")
    parser.add_argument("--model", type=Path, help="folder of a small model, in place of the random ones")
    parser.add_argument("--only", action="append", help="a setting, such as '7B nf4, 1 pair'; may be given again")
    return parser.parse_args()


if __name__ == "__main__":
    main()
