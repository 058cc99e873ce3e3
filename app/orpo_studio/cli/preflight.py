"""A look at model, data and disk before a run is made, so that what is wrong with them is said at once."""

from pathlib import Path
from typing import TYPE_CHECKING

from orpo_studio import paths
from orpo_studio.cli.output import Output
from orpo_studio.cli.words import CommandError, ErrorWords
from orpo_studio.config import RunSpec
from orpo_studio.config.plan import make_plan
from orpo_studio.runs.inputs import model_folder
from orpo_studio.runs.room import disk_of

if TYPE_CHECKING:
    from orpo_studio.data.prepared import PreparedData
    from orpo_studio.models.card import ModelCard


def look(spec: RunSpec, output: Output) -> "tuple[ModelCard, PreparedData]":
    """Inspect the base model's folder and convert the pairs, say what was found, and return it.

    Raises:
        ModelProblem: the folder cannot be trained.
        DataProblem: the pairs cannot be used.
    """
    return _look_at_model(spec, output), _look_at_data(spec, output)


def require_room(spec: RunSpec, card: "ModelCard", prepared: "PreparedData", workspace: Path, output: Output) -> None:
    """Say what the run takes of the disk, and refuse it where not even one checkpoint and the result find room.

    Raises:
        CommandError: they find none.
    """
    from orpo_studio.fit.disk import room_for_run

    try:
        disk, cache = disk_of(workspace), disk_of(paths.cache_folder())
    except OSError:  # the system does not tell what is free; what cannot be written is told when it is tried
        return
    elsewhere = cache.free if cache.device != disk.device else None
    plan = make_plan(spec, prepared.summary.train)
    room = room_for_run(spec, card, plan, pairs=prepared.folder, free=disk.free, cache_free=elsewhere)
    if room is None:
        return
    output.say(f"Disk: {room.in_words()} in {workspace}")
    if room.severity == "error":
        raise CommandError(ErrorWords("disk-full", "The disk has too little room for this run.", room.problem()))
    if room.severity == "warning":
        output.say(f"Note: {room.problem()}")


def _look_at_model(spec: RunSpec, output: Output) -> "ModelCard":
    from orpo_studio.models.card import inspect_model
    from orpo_studio.models.token_counter import TokenCounter

    folder = model_folder(spec.model.path)
    card = inspect_model(folder)
    if card.has_tokenizer:
        TokenCounter(folder)  # a broken tokenizer is to be told now, not when the trainer loads it
    output.say(
        f"Model: {card.name}, {card.architecture}, {card.parameters / 1e6:,.1f} million parameters, {card.dtype}"
    )
    return card


def _look_at_data(spec: RunSpec, output: Output) -> "PreparedData":
    from orpo_studio.data.conversion import prepare_plan  # brings pyarrow
    from orpo_studio.data.plan import plan_of

    plan = plan_of(spec.data, spec.recipe.max_length, spec.model.path)
    prepared = prepare_plan(plan, paths.cache_folder() / "data")
    summary = prepared.summary
    aside = sum(summary.set_aside.values())
    output.say(
        f"Data: {plan.source.name}, {summary.rows_in:,} rows: "
        f"{summary.train:,} to train on, {summary.held_out:,} held out" + (f", {aside:,} set aside" if aside else "")
    )
    return prepared
