"""The job "export": the adapter as it is, or merged into the full-precision base, checked before it counts."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Literal

from orpo_studio.events import Stage
from orpo_studio.fit.disk import merged_bytes
from orpo_studio.models.card import ModelCard
from orpo_studio.runs import is_free
from orpo_studio.runs.room import free_bytes
from orpo_studio.trainer import unfinished
from orpo_studio.trainer.card import write_card
from orpo_studio.trainer.context import JobContext
from orpo_studio.trainer.durable import rename_durably, sync_folder
from orpo_studio.trainer.load import read_card
from orpo_studio.trainer.merge import export_merged
from orpo_studio.trainer.places import name_no_place
from orpo_studio.trainer.problems import TrainerProblem, is_disk_full
from orpo_studio.trainer.request import read_request, require_result
from orpo_studio.trainer.result import copy_adapter
from orpo_studio.trainer.unfinished import Unfinished
from orpo_studio.words import size

Kind = Literal["adapter", "merged"]


def export(context: JobContext) -> None:
    """Write what was asked for into a folder of its own, which appears only when it is whole and checked.

    Raises:
        TrainerProblem: it cannot be done, in words.
        StopNow: a stop was wanted.
    """
    settled = unfinished.settle(context)
    require_result(context)
    request = read_request(context)
    kind: Kind = "merged" if request.get("kind") == "merged" else "adapter"
    card = read_card(context.spec)
    if kind == "adapter" and context.spec.recipe.adapter == "full":
        raise TrainerProblem(
            "no-adapter",
            "Full fine-tuning makes no adapter.",
            detail="Every weight of this run's model was trained.",
            hint="Export the merged model: it is the trained model itself.",
        )
    named = str(request.get("target") or "")
    target = Path(named).expanduser().absolute() if named else context.folder.export / kind
    if settled is not None and (settled.kind, settled.target) == (kind, str(target)):
        return  # it was killed at its very end, and lacked only the word of it
    _require_free(target)
    _require_space(context, card, kind, target)
    made = Unfinished(kind, str(target))
    if made.is_ours():  # what an export of another run left
        shutil.rmtree(made.beside, ignore_errors=True)
    elif made.beside.exists() or made.beside.is_symlink():
        raise _in_the_way(made.beside)
    unfinished.note(context, made)
    made.begin()
    try:
        proof = _write(context, card, kind, made.beside)
        made = replace(made, proof=proof, size_bytes=sum(sync_folder(made.beside).values()))
        context.check_stop()
        unfinished.note(context, made)
        if target.exists():
            target.rmdir()  # it is empty, and Windows renames onto no existing folder
        made.unmark()
        rename_durably(made.beside, target)
    except BaseException as error:
        shutil.rmtree(made.beside, ignore_errors=True)
        unfinished.forget(context)
        if is_disk_full(error):
            raise _became_full(target, _bytes_needed(context, card, kind)) from error
        raise
    context.say(made.finished(context.folder.path))
    unfinished.forget(context)


def _in_the_way(beside: Path) -> TrainerProblem:
    return TrainerProblem(
        "target-exists",
        "There is something where the export would be written first.",
        detail=f"{beside} is not from an export of this version. Nothing in it was changed.",
        hint="Remove it if you do not need it, or choose another folder.",
    )


def _write(context: JobContext, card: ModelCard, kind: Kind, beside: Path) -> dict[str, float]:
    if kind == "merged":
        proof = export_merged(context, card, beside)
    else:
        context.say(Stage(name="export", title="Copy the adapter"))
        proof = copy_adapter(context.folder.adapter, beside)
    name_no_place(beside, card.name)
    write_card(beside, context.spec, card, context.state, kind=kind, proof=proof)
    return proof


def _require_free(target: Path) -> None:
    if not is_free(target):
        raise TrainerProblem(
            "target-exists",
            "There is something at this place already.",
            detail=f"{target} is not an empty folder. Nothing in it was changed.",
            hint="Choose a new folder, or empty this one first.",
        )


def _require_space(context: JobContext, card: ModelCard, kind: Kind, target: Path) -> None:
    needed = _bytes_needed(context, card, kind)
    free = free_bytes(target)
    if free is not None and free < needed:
        raise TrainerProblem(
            "disk-full",
            "The disk has too little room for this export.",
            detail=f"It takes {size(needed)}, and {size(free)} are free. It was to lie in {target.parent}.",
            hint="Make room there, or choose a folder on another disk.",
        )


def _bytes_needed(context: JobContext, card: ModelCard, kind: Kind) -> int:
    return merged_bytes(context.spec, card) if kind == "merged" else context.folder.result_bytes()


def _became_full(target: Path, needed: int) -> TrainerProblem:
    free = free_bytes(target)
    left = f", and {size(free)} are free now" if free is not None else ""
    return TrainerProblem(
        "disk-full",
        "The disk became full during the export.",
        detail=f"It takes about {size(needed)}{left}. What was written of it is removed. It was to lie in "
        f"{target.parent}.",
        hint="Make room there, or choose a folder on another disk. The run itself is untouched.",
    )
