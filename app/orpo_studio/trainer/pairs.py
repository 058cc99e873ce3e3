"""The run's preference pairs: converted once into the run's folder, tokenized once for all runs like it."""

import shutil
from pathlib import Path

from orpo_studio import paths
from orpo_studio.data.conversion import convert_plan
from orpo_studio.data.pair import Pair
from orpo_studio.data.plan import plan_of
from orpo_studio.data.prepared import PreparedData
from orpo_studio.data.problem import ConversionCancelled, DataProblem
from orpo_studio.runs.inputs import model_folder
from orpo_studio.trainer.context import JobContext
from orpo_studio.trainer.durable import sync_folder, sync_names
from orpo_studio.trainer.load import Loaded
from orpo_studio.trainer.problems import StopNow, TrainerProblem
from orpo_studio.trainer.token_cache import TokenizedSplit, tokenize_data


def prepare_pairs(context: JobContext) -> PreparedData:
    """Return the run's converted pairs, converting them when the run has none yet.

    Once converted they stay: a resumed run trains on the same rows even if the source has changed since.

    Raises:
        DataProblem: the source cannot be used.
        TrainerProblem: nothing can be held out.
        StopNow: a stop was wanted.
    """
    try:
        data = PreparedData.open(context.folder.data)
        data.pages().close()  # a power cut may have left the file short
    except DataProblem:
        data = _convert(context)
    if data.summary.held_out == 0:
        raise TrainerProblem(
            "nothing-held-out",
            "No pairs can be held out to measure on.",
            detail="All pairs have the same prompt, and a prompt is never on both sides.",
            hint="Add pairs with other prompts, or name a held-out file.",
        )
    return data


def _convert(context: JobContext) -> PreparedData:
    for left in context.folder.path.glob(f".{context.folder.data.name}.*"):
        shutil.rmtree(left, ignore_errors=True)  # by a killed attempt; the run's lock is held, so it is nobody's
    advance = context.stage("prepare_data", "Prepare the data", total=100, unit="%")
    try:
        data = convert_plan(
            plan_of(context.spec.data, context.spec.recipe.max_length, context.spec.model.path),
            context.folder.data,
            progress=lambda share: advance(int(100 * share)),
            cancel=context.stop_wanted,
        )
    except ConversionCancelled:
        raise StopNow from None
    sync_folder(data.folder)
    sync_names(context.folder.path)
    return data


def read_held_out(data: PreparedData) -> list[Pair]:
    """Return all held-out pairs."""
    with data.pages() as pages:
        return pages.page(0, pages.count("held_out"), "held_out")


def tokenize_run(context: JobContext, data: PreparedData, loaded: Loaded) -> tuple[TokenizedSplit, TokenizedSplit]:
    """Return the run's training and held-out pairs as ids, made once for all runs with the same data and tokenizer.

    Raises:
        StopNow: a stop was wanted; what is done so far is kept.
    """
    total = data.summary.kept
    advance = context.stage("tokenize", "Tokenize the pairs", total=total, unit="pairs")

    def tokenize(cache: Path) -> tuple[TokenizedSplit, TokenizedSplit]:
        return tokenize_data(
            data,
            loaded.tokenizer,
            loaded.template,
            model=model_folder(context.spec.model.path),
            max_length=context.spec.recipe.max_length,
            cache=cache,
            advance=advance,
        )

    try:
        return tokenize(paths.cache_folder() / "tokens")
    except OSError:  # the person's own folder is full or may not be written; the run's can be
        return tokenize(context.folder.data / "tokens")
