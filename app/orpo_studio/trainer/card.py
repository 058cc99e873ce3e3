"""The model card that goes with what is shipped: what it is, what it was made from, how to load it."""

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path

from orpo_studio import words
from orpo_studio.config import DEMO, RunSpec
from orpo_studio.events import RunState
from orpo_studio.models.card import ModelCard

_MARKUP = re.compile(r"([\\`*_\[\]#!|])")
_NO_NAME = re.compile(r"[^\w. -]")
"""What has no place in a name that stands in code."""

_FIGURES = {
    "loss": "Loss",
    "nll_loss": "Negative log-likelihood per token",
    "odds_ratio_loss": "Odds-ratio term, weighted by λ",
    "rewards/accuracies": "Reward accuracy",
    "rewards/margins": "Reward margin",
}

_LOAD_MERGED = """```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("PATH_TO_THIS_FOLDER")
tokenizer = AutoTokenizer.from_pretrained("PATH_TO_THIS_FOLDER")
```"""

_LOAD_ADAPTER = """```python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = AutoModelForCausalLM.from_pretrained("PATH_TO_{base}")
model = PeftModel.from_pretrained(base, "PATH_TO_THIS_FOLDER")
tokenizer = AutoTokenizer.from_pretrained("PATH_TO_THIS_FOLDER")
```"""

_PROOF = {
    "max_abs_logit_difference": "Largest difference of a logit from base + adapter",
    "mean_kl": "Mean KL divergence from base + adapter, nats per token",
    "next_token_agreement": "Share of tokens with the same likeliest next token",
    "mean_kl_as_trained": "Mean KL divergence from the quantized model as it was trained, nats per token",
    "pairs": "Held-out pairs compared on",
}


def write_card(
    target: Path, spec: RunSpec, base: ModelCard, state: RunState, *, kind: str, proof: Mapping[str, float]
) -> None:
    """Write ``README.md``. No path is in it: a path may hold a person's name."""
    recipe = spec.recipe
    how = "all weights" if recipe.adapter == "full" else f"LoRA, rank {recipe.lora_rank}, alpha {recipe.lora_alpha:g}"
    quantized = "" if recipe.quantization == "none" else f" on a base quantized to {recipe.quantization}"
    data = "the demo pairs of ORPO Studio" if spec.data.source == DEMO else _quoted(Path(spec.data.source).name)
    what, named = "adapter for" if kind == "adapter" else "fine-tuned model from", _quoted(base.name)
    parts = [
        _front_matter(base, kind),
        f"# {_in_a_line(spec.name or base.name + ' with ORPO')}\n",
        f"This is a {what} {named}, trained with ORPO (Hong et al. 2024, arXiv 2403.07691) in ORPO Studio.\n",
        "## Training\n",
        f"- Preference pairs: {data}",
        f"- λ: {recipe.lambda_:g}",
        f"- Trained: {how}{quantized}",
        f"- Learning rate: {recipe.learning_rate:g}, {recipe.schedule} schedule",
        f"- Length: {state.latest.step} steps of {spec.effective_batch} pairs, at most {recipe.max_length} tokens each",
        f"- Seed: {recipe.seed}\n",
    ]
    parts += _held_out(state)
    if any(name in proof for name in _PROOF):
        parts += ["## Check of the merge\n", *(f"- {_PROOF[n]}: {v:.6g}" for n, v in proof.items() if n in _PROOF), ""]
    load = _LOAD_ADAPTER.replace("{base}", _NO_NAME.sub("_", base.name)) if kind == "adapter" else _LOAD_MERGED
    parts += ["## Use\n", load, ""]
    target.joinpath("README.md").write_text("\n".join(parts), encoding="utf-8")


def _in_a_line(text: str) -> str:
    """Return a text on one line in which nothing is markup: a name may come from somebody else's run."""
    return _MARKUP.sub(r"\\\1", html.escape(words.printable(" ".join(text.split())), quote=False))


def _quoted(name: str) -> str:
    """Return a name as code, which it cannot leave."""
    return f"`{words.printable(' '.join(name.split())).replace('`', chr(39))}`"


def _front_matter(base: ModelCard, kind: str) -> str:
    # JSON strings are YAML strings: a name may hold a colon or a quote.
    lines = [
        "---",
        f"base_model: {json.dumps(base.name)}",
        f"library_name: {'peft' if kind == 'adapter' else 'transformers'}",
    ]
    if base.license:
        lines.append(f"license: {json.dumps(base.license)}")
    return "\n".join([*lines, "pipeline_tag: text-generation", "tags: [orpo, trl]", "---", ""])


def _held_out(state: RunState) -> list[str]:
    before, after = state.before, state.after
    if before is None or after is None:
        return []
    rows = [
        f"| {title} | {before.values[name]:.4g} | {after.values[name]:.4g} |"
        for name, title in _FIGURES.items()
        if name in before.values and name in after.values
    ]
    return [f"## {after.pairs} held-out pairs\n", "| | Before | After |", "|---|---|---|", *rows, ""]
