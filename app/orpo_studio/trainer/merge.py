"""Merging a run's adapter into its full-precision base, and proving that the result is the same model."""

import gc
import json
from pathlib import Path
from typing import Any

import psutil
import torch
from peft import PeftModel
from transformers import GenerationConfig

from orpo_studio.config import RunSpec
from orpo_studio.events import Problem, Stage
from orpo_studio.models.card import ModelCard
from orpo_studio.models.chat_template import ChatTemplate
from orpo_studio.models.files import read_object_if_there
from orpo_studio.trainer.adapter import attach, load_trained
from orpo_studio.trainer.context import JobContext
from orpo_studio.trainer.load import DTYPES, Loaded, load_base, load_tokenizer
from orpo_studio.trainer.pairs import prepare_pairs, read_held_out
from orpo_studio.trainer.problems import TrainerProblem
from orpo_studio.trainer.proof import Agreement, collect_logits, compare, pick_sequences
from orpo_studio.trainer.tokens import tokenize_pairs

_WORTH_A_WARNING = 1e-3
_BROKEN = 5e-2
"""Mean KL in nats per token: bf16 rounding gives about 1e-6 to 1e-5; from here on it is another model."""

_OTHER_ANSWERS = 0.1
"""Mean KL in nats per token from which answers differ in plain sight: small models lose this much to 4 bits."""

_CPU = torch.device("cpu")


def export_merged(context: JobContext, card: ModelCard, target: Path) -> dict[str, float]:
    """Write the merged model (after full fine-tuning: the trained one) and compare it, reloaded, with the original.

    An adapter trained on a quantized base is merged into the full-precision base, and the distance to the model as
    it was trained is told too: the adapter has learned around the quantization's error, which the merge removes.

    Returns:
        The figures of the comparison.

    Raises:
        TrainerProblem: the merged model is not the same model.
        StopNow: a stop was wanted.
    """
    spec = context.spec
    working = _working_dtype(card)
    context.say(Stage(name="load_model", title="Load the model in full precision"))
    loaded = _load_unmerged(context, card, working)
    sequences = _sequences(context, loaded)
    context.say(Stage(name="compare", title="Note what base and adapter say"))
    reference = collect_logits(loaded, sequences, context.check_stop)
    context.check_stop()
    context.say(Stage(name="export", title="Merge and write the model"))
    _write(loaded, card, spec, target)
    tokenizer, template = loaded.tokenizer, loaded.template
    del loaded
    gc.collect()
    context.check_stop()
    context.say(Stage(name="compare", title="Load the merged model again and compare"))
    merged = Loaded(load_base(target, dtype=working, device=_CPU), tokenizer, template, _CPU, "fp32")
    again = collect_logits(merged, sequences, context.check_stop)
    agreement = compare(reference, again)
    del merged, reference
    gc.collect()
    _judge(context, agreement)
    proof = {
        "max_abs_logit_difference": agreement.max_abs_logit_difference,
        "mean_kl": agreement.mean_kl,
        "next_token_agreement": agreement.next_token_agreement,
        "pairs": float(len(sequences)),
        "tokens": float(sum(map(len, sequences))),
    }
    if spec.recipe.quantization != "none":
        context.say(Stage(name="compare", title="Compare with the model as it was trained"))
        trained = load_trained(spec, card, context.folder.adapter)
        as_trained = compare(collect_logits(trained, sequences, context.check_stop), again)
        _tell_distance(context, as_trained)
        proof["mean_kl_as_trained"] = as_trained.mean_kl
        proof["next_token_agreement_as_trained"] = as_trained.next_token_agreement
    return proof


def merged_dtype(card: ModelCard, spec: RunSpec) -> torch.dtype:
    """Return the number format of the merged weights on disk; ``auto`` is the base's own, or bf16 if that is none."""
    if spec.ship.merge_precision != "auto":
        return DTYPES[spec.ship.merge_precision]
    return {"float32": torch.float32, "float16": torch.float16}.get(card.dtype, torch.bfloat16)


def _working_dtype(card: ModelCard) -> torch.dtype:
    """Merge and compare in float32 where the memory holds the model so, else in bfloat16."""
    return torch.float32 if psutil.virtual_memory().available > 4 * 1.3 * card.parameters else torch.bfloat16


def _load_unmerged(context: JobContext, card: ModelCard, working: torch.dtype) -> Loaded:
    adapter = context.folder.adapter
    if context.spec.recipe.adapter == "full":
        model: Any = load_base(adapter, dtype=working, device=_CPU)
    else:
        model = attach(load_base(card.path, dtype=working, device=_CPU), adapter)
    return Loaded(model, load_tokenizer(card.path, card), ChatTemplate.of(card), _CPU, "fp32")


def _sequences(context: JobContext, loaded: Loaded) -> list[list[int]]:
    texts = read_held_out(prepare_pairs(context))[:64]
    rows = tokenize_pairs(texts, loaded.tokenizer, loaded.template, max_length=context.spec.recipe.max_length)
    return pick_sequences(rows.pairs, loaded.model.config.vocab_size)


def _write(loaded: Loaded, card: ModelCard, spec: RunSpec, target: Path) -> None:
    model = loaded.model
    if isinstance(model, PeftModel):
        model = model.merge_and_unload(safe_merge=True)  # raises where a merged weight is not finite
    model = model.to(merged_dtype(card, spec))
    # The library refuses to save some makers' own generation settings, so theirs is copied as it stands.
    own = card.path / "generation_config.json"
    model.generation_config = GenerationConfig(
        eos_token_id=model.generation_config.eos_token_id,
        bos_token_id=model.generation_config.bos_token_id,
        pad_token_id=loaded.tokenizer.pad_token_id,
    )
    model.save_pretrained(target, max_shard_size=f"{round(spec.ship.shard_size * 1000)}MB")
    loaded.tokenizer.save_pretrained(target)
    if settings := read_object_if_there(own):  # read and not copied: it may be a link to anything
        (target / own.name).write_text(json.dumps(settings, indent=2), encoding="utf-8")


def _judge(context: JobContext, agreement: Agreement) -> None:
    if not agreement.mean_kl <= _BROKEN:  # NaN counts as broken
        raise TrainerProblem(
            "merge-differs",
            "The merged model does not answer as base and adapter do, and was not kept.",
            detail=f"Mean KL divergence {agreement.mean_kl:.3g} nats per token on held-out pairs.",
            hint="Export with precision float32, or ship the adapter.",
        )
    if agreement.mean_kl > _WORTH_A_WARNING:
        context.say(
            Problem(
                severity="warning",
                code="merge-rounding",
                title="The merged model differs a little from base and adapter.",
                detail=f"Mean KL divergence {agreement.mean_kl:.3g} nats per token on held-out pairs.",
                hint="A finer precision of the merged model, such as float32, brings it closer.",
            )
        )


def _tell_distance(context: JobContext, as_trained: Agreement) -> None:
    if as_trained.mean_kl > _OTHER_ANSWERS:
        context.say(
            Problem(
                severity="warning",
                code="quantized-base-differs",
                title="The merged model answers differently than the quantized model did in training.",
                detail=f"Mean KL divergence {as_trained.mean_kl:.2g} nats per token on held-out pairs. The adapter was "
                "trained beside a quantized base and is merged into the base in full precision.",
                hint="Compare its answers before you ship it. Training without quantization avoids the difference.",
            )
        )
