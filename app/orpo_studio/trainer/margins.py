"""The job "margins": how much likelier the base model finds each pair's chosen answer, before any training."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from orpo_studio import paths
from orpo_studio.config import RunSpec
from orpo_studio.data.margins_file import (
    SAMPLE,
    AnswerLogps,
    Margins,
    margins_path,
    read_margins_file,
    rows_to_ask,
    write_margins,
)
from orpo_studio.data.prepared import PreparedData
from orpo_studio.data.problem import DataProblem
from orpo_studio.events import MarginsFinished, Stage
from orpo_studio.models.card import ModelCard
from orpo_studio.models.chat_template import ChatTemplate
from orpo_studio.runs import Job
from orpo_studio.trainer.context import JobContext
from orpo_studio.trainer.leaving import leaving_at_once
from orpo_studio.trainer.load import (
    DTYPES,
    Loaded,
    choose_device,
    choose_precision,
    freeze_quantized,
    load_base,
    load_tokenizer,
    read_card,
)
from orpo_studio.trainer.measure import measure_pairs
from orpo_studio.trainer.problems import MORE_THAN_FREE, StopNow, TrainerProblem, is_out_of_memory, own_words
from orpo_studio.trainer.request import read_request
from orpo_studio.trainer.tokens import TokenizedPair, tokenize_pairs

_PIECE = 16
"""Pairs measured in one go, by length; a stop loses those of a piece that is under way."""
_CARD_PIECE = 64
"""Likewise on a card, which takes as long for one pair as for many short ones."""
_KEEP_SECONDS = 5.0
"""Time between two moments at which the file is written: what a killed job may lose."""
_READ = 1_024
"""Pairs tokenized at once."""
_CARD_TOKENS = 16_384
"""Tokens computed at once on a card, where a micro-batch as it is trained would leave most of it idle."""


def ask_base_model(context: JobContext) -> None:
    """Measure a random sample of the pairs under the base model and keep the figures in the cache folder.

    What an earlier job measured of the same pairs under the same model is not measured again.

    The request names the folder of the prepared pairs (``pairs``), and how many of them to ask about (``sample``,
    0 for all).

    Raises:
        TrainerProblem, ModelProblem, DataProblem: model or pairs cannot be used, in words.
        StopNow: a stop was wanted; what is measured so far is kept.
    """
    request = read_request(context)
    data = PreparedData.open(Path(str(request.get("pairs", ""))))
    sample = int(request.get("sample", SAMPLE))
    with leaving_at_once(context, Job.MARGINS):
        context.say(Stage(name="load_model", title="Load the model"))
        card = read_card(context.spec)
        recipe = context.spec.recipe
        path = margins_path(
            paths.cache_folder(), data, card, max_length=recipe.max_length, quantization=recipe.quantization
        )
        found = _known(path, data)
        wanted = rows_to_ask(data.summary.kept, sample or None)
        missing = [row for row in wanted if row not in found]
        loaded = load_frozen(context.spec, card) if missing else None
    if loaded is not None:
        _keep_what_is_measured(path, card, data, found, _measured(context, loaded, data, missing))
    asked = [found[row] for row in wanted]
    if not any(asked):
        raise _nothing_known(context.spec)
    context.say(MarginsFinished(file=str(path), asked=len(asked), unknown=asked.count(None), total=data.summary.kept))


def load_frozen(spec: RunSpec, card: ModelCard) -> Loaded:
    """Load the base as a LoRA run would hold it, with nothing to train.

    Raises:
        TrainerProblem: it cannot be loaded.
    """
    recipe = spec.recipe
    device = choose_device()
    precision = choose_precision(recipe.precision, device)
    model = load_base(card.path, dtype=DTYPES[precision], device=device, quantization=recipe.quantization)
    if recipe.quantization != "none":
        model = freeze_quantized(model, precision)
    model.requires_grad_(False)
    return Loaded(model, load_tokenizer(card.path, card), ChatTemplate.of(card), device, precision)


Found = dict[int, AnswerLogps | None]
"""By row; None where the pair leaves no room for an answer, or its figures are no finite numbers."""


def _known(path: Path, data: PreparedData) -> Found:
    if not path.is_file():
        return {}
    try:
        kept = read_margins_file(path)
    except DataProblem:  # what is damaged is made again
        return {}
    path.touch()  # in use
    return dict(kept.rows) if kept.total == data.summary.kept else {}


def _keep_what_is_measured(
    path: Path, card: ModelCard, data: PreparedData, found: Found, measured: Iterator[Found]
) -> None:
    """Add what is measured to what was found, and write it now and then, whatever ends the work."""
    margins = Margins(data.summary.kept, card.name, found)
    written = time.monotonic()
    try:
        for piece in measured:
            found.update(piece)
            if time.monotonic() - written >= _KEEP_SECONDS:
                write_margins(path, margins)
                written = time.monotonic()
    finally:
        if found:
            write_margins(path, margins)


def _measured(context: JobContext, loaded: Loaded, data: PreparedData, rows: Sequence[int]) -> Iterator[Found]:
    """Measure rows piece by piece in their order, so that what is kept is always a random sample."""
    advance = context.stage("ask_model", "Ask the base model about the pairs", total=len(rows), unit="pairs")
    done = 0
    for piece in _tokenized(context.spec, loaded, data, rows):
        pairs = [pair for pair in piece.values() if pair is not None]
        logps = iter(_logps(context.spec, loaded, pairs, _behind(done, advance)))
        yield {row: None if pair is None else next(logps) for row, pair in piece.items()}
        done += len(piece)
        advance(done)


def _behind(done: int, advance: Callable[[int], None]) -> Callable[[int], None]:
    return lambda count: advance(done + count)


def _tokenized(
    spec: RunSpec, loaded: Loaded, data: PreparedData, rows: Sequence[int]
) -> Iterator[dict[int, TokenizedPair | None]]:
    with data.pages() as pages:
        for start in range(0, len(rows), _READ):
            some = rows[start : start + _READ]
            texts = [pages.page(row, 1)[0] for row in some]
            tokenized = tokenize_pairs(texts, loaded.tokenizer, loaded.template, max_length=spec.recipe.max_length)
            # Rows set aside are missing from the result; the texts in it are the very objects that were given.
            by_text = {id(text): pair for text, pair in zip(tokenized.texts, tokenized.pairs, strict=True)}
            every = [(row, by_text.get(id(text))) for row, text in zip(some, texts, strict=True)]
            piece = _CARD_PIECE if loaded.device.type == "cuda" else _PIECE
            for first in range(0, len(every), piece):
                yield dict(every[first : first + piece])


def _logps(
    spec: RunSpec, loaded: Loaded, pairs: Sequence[TokenizedPair], advance: Callable[[int], None]
) -> list[AnswerLogps | None]:
    if not pairs:
        return []
    at_once = spec.recipe.micro_batch
    if loaded.device.type == "cuda":
        at_once = max(at_once, _CARD_TOKENS // (2 * max(pair.longest for pair in pairs)))
    try:
        measures = measure_pairs(loaded, pairs, batch=at_once, advance=advance)
    except StopNow:
        raise
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise _not_enough_memory(error) from error
    return [
        AnswerLogps(found.chosen_logp, found.rejected_logp)
        if math.isfinite(found.chosen_logp) and math.isfinite(found.rejected_logp)
        else None
        for found in measures
    ]


def _not_enough_memory(error: BaseException) -> TrainerProblem:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return TrainerProblem(
        "out-of-memory",
        "The memory is not enough to ask the base model about one pair.",
        detail=MORE_THAN_FREE,
        more=own_words(error),
        hint="Shorten the maximum length, choose 4-bit quantization, or close other programs. Then ask again: what was "
        "measured is kept.",
    )


def _nothing_known(spec: RunSpec) -> TrainerProblem:
    return TrainerProblem(
        "no-margins",
        "The base model says nothing of these pairs.",
        detail=f"None leaves room for an answer at {spec.recipe.max_length} tokens, or no figure is a finite number.",
        hint="Choose a larger maximum length, or the precision float32.",
    )
