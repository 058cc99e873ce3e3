"""The job "evaluate": base and tuned model on the same held-out pairs, and their answers side by side."""

import gc
import json
from pathlib import Path
from typing import Any

from orpo_studio.config import RunSpec
from orpo_studio.data.pair import Message
from orpo_studio.events import EvaluationFinished, Stage
from orpo_studio.models.card import ModelCard
from orpo_studio.models.chat_template import ChatTemplate
from orpo_studio.trainer.adapter import load_trained, storage_dtype
from orpo_studio.trainer.context import JobContext
from orpo_studio.trainer.generate import in_words
from orpo_studio.trainer.heldout import HeldOut, select_held_out
from orpo_studio.trainer.load import Loaded, choose_device, choose_precision, load_base, load_tokenizer, read_card
from orpo_studio.trainer.measure import PairMeasure, summarize
from orpo_studio.trainer.pairs import prepare_pairs, read_held_out
from orpo_studio.trainer.problems import TrainerProblem
from orpo_studio.trainer.request import read_request, require_result
from orpo_studio.trainer.tokens import tokenize_pairs

RESULT = "result.json"


def evaluate(context: JobContext) -> None:
    """Measure base and tuned model, answer the prompts asked for, and write ``evaluation/result.json``.

    A request with ``measure`` false only has the prompts answered, and leaves the figures as they are.

    Raises:
        TrainerProblem: the run is not trained, or a part cannot be loaded.
        StopNow: a stop was wanted.
    """
    require_result(context)
    request = read_request(context)
    card = read_card(context.spec)
    count = int(request.get("pairs") or context.spec.evaluate.pairs)
    measure = request.get("measure") is not False
    context.say(Stage(name="load_model", title="Load the model"))
    if context.spec.recipe.adapter == "full":
        # Two whole models: one after the other, so that memory holds one.
        held_out = _held_out(context, _load_base(context.spec, card), count)
        prompts = _prompts(request, held_out)
        before, base_answers = _one_side(held_out, prompts, "base", measure=measure)
        del held_out
        gc.collect()
        held_out = _held_out(context, load_trained(context.spec, card, context.folder.adapter), count)
    else:
        held_out = _held_out(context, load_trained(context.spec, card, context.folder.adapter), count)
        prompts = _prompts(request, held_out)
        with held_out.loaded.base():
            before, base_answers = _one_side(held_out, prompts, "base", measure=measure)
    after, tuned_answers = _one_side(held_out, prompts, "tuned", measure=measure)
    if measure:
        _finish(context, held_out, before, after, list(zip(prompts, base_answers, tuned_answers, strict=True)))


def _load_base(spec: RunSpec, card: ModelCard) -> Loaded:
    device = choose_device()
    precision = choose_precision(spec.recipe.precision, device)
    model = load_base(card.path, dtype=storage_dtype(precision, full=True), device=device)
    return Loaded(model, load_tokenizer(card.path, card), ChatTemplate.of(card), device, precision)


def _held_out(context: JobContext, loaded: Loaded, count: int) -> HeldOut:
    texts = read_held_out(prepare_pairs(context))
    rows = tokenize_pairs(texts, loaded.tokenizer, loaded.template, max_length=context.spec.recipe.max_length)
    if not rows.pairs:
        raise TrainerProblem(
            "no-room",
            "No held-out pair is left to measure on.",
            detail=f"None leaves room for an answer at {context.spec.recipe.max_length} tokens.",
            hint="Train a run with a larger maximum length or with other data.",
        )
    return select_held_out(context, loaded, rows, count)


def _prompts(request: dict[str, Any], held_out: HeldOut) -> list[list[Message]]:
    asked = request.get("prompts")
    texts = [str(text) for text in asked] if isinstance(asked, list) else []
    prompts = [[Message(role="user", content=text)] for text in texts if text.strip()]
    return prompts or [pair.prompt for pair in held_out.texts[: held_out.context.spec.evaluate.samples]]


def _one_side(
    held_out: HeldOut, prompts: list[list[Message]], source: Any, *, measure: bool
) -> tuple[list[PairMeasure], list[str]]:
    step = held_out.context.state.latest.step
    measures = held_out.measure("before" if source == "base" else "after") if measure else []
    return measures, held_out.sample(prompts, step=step, source=source)


def _finish(
    context: JobContext,
    held_out: HeldOut,
    before: list[PairMeasure],
    after: list[PairMeasure],
    answers: list[tuple[list[Message], str, str]],
) -> None:
    lambda_ = context.spec.recipe.lambda_
    figures = {"before": summarize(before, lambda_), "after": summarize(after, lambda_)}
    rows = zip(held_out.pairs, held_out.texts, before, after, strict=True)
    result = {
        "pairs": len(before),
        "lambda": lambda_,
        **figures,
        "per_pair": [
            {
                "source_row": pair.source_row,
                "prompt": in_words(text.prompt),
                "margin_before": base.margin,
                "margin_after": tuned.margin,
                "log_odds_before": base.log_odds,
                "log_odds_after": tuned.log_odds,
            }
            for pair, text, base, tuned in rows
        ],
        "answers": [{"prompt": in_words(prompt), "base": base, "tuned": tuned} for prompt, base, tuned in answers],
    }
    path = context.folder.evaluation / RESULT
    _write(path, result)
    file = path.relative_to(context.folder.path).as_posix()
    context.say(EvaluationFinished(file=file, pairs=len(before), **figures))


def _write(path: Path, result: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    beside = path.with_name(f".{path.name}")
    try:
        beside.write_text(json.dumps(result, indent=1, ensure_ascii=False), encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
