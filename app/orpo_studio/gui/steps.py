"""The state of each of the six steps, from the workbench; no widget."""

from dataclasses import dataclass
from enum import StrEnum

from orpo_studio.events.state import LIVE
from orpo_studio.gui.disk import WORKSPACE
from orpo_studio.gui.workbench import Workbench


class StepState(StrEnum):
    """How far a step is."""

    EMPTY = "empty"
    READY = "ready"
    ATTENTION = "attention"
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the work."""

    key: str
    title: str


STEPS = (
    Step("model", "Model"),
    Step("data", "Data"),
    Step("recipe", "Recipe"),
    Step("train", "Train"),
    Step("evaluate", "Evaluate"),
    Step("ship", "Ship"),
)


_EDITED_ON = {"train": "recipe", "evaluate": "recipe", WORKSPACE: "train"}


def page_of(section: str) -> str:
    """Return the page on which the options of a section are edited: some belong to the recipe.

    The workspace, which is no option, is told of and changed on the Train page.
    """
    return _EDITED_ON.get(section, section)


def step_state(bench: Workbench, key: str) -> StepState:
    """Return the state of the step called ``key`` for the subject of the workbench."""
    if bench.follower is not None:
        return _of_run(bench, key)
    if any(page_of(issue.section) == key and issue.severity == "error" for issue in bench.issues()):
        chosen = {"model": bool(bench.model.path), "data": bool(bench.data.source)}.get(key, True)
        return StepState.ATTENTION if chosen else StepState.EMPTY
    if key == "model":
        return StepState.DONE if bench.model.card is not None else StepState.EMPTY
    if key == "data":
        return StepState.DONE if bench.data.prepared is not None else StepState.EMPTY
    if key == "recipe":
        return StepState.DONE
    if key == "train":
        return StepState.READY if bench.can_start() else StepState.EMPTY
    return StepState.EMPTY


def _of_run(bench: Workbench, key: str) -> StepState:
    follower = bench.follower
    if follower is None or key in {"model", "data", "recipe"}:
        is_unread = any(page_of(issue.section) == key for issue in bench.issues())
        return StepState.ATTENTION if is_unread else StepState.DONE
    fold, state = follower.fold, follower.state
    if key == "train":
        if state in LIVE:
            return StepState.RUNNING
        if state in {"waiting", "paused"}:
            return StepState.READY
        return StepState.DONE if state in {"completed", "stopped"} else StepState.ATTENTION
    if fold.job == {"evaluate": "evaluate", "ship": "export"}[key]:
        return StepState.RUNNING
    if key == "evaluate":
        return StepState.DONE if fold.after or fold.evaluation else StepState.EMPTY
    if fold.exports:
        return StepState.DONE
    return StepState.READY if state in {"completed", "stopped"} else StepState.EMPTY
