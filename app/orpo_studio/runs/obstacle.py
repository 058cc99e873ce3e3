"""Why a run should not start now: another one is under way, or another program holds the card."""

from collections.abc import Iterable
from dataclasses import dataclass

from orpo_studio import paths
from orpo_studio.events.state import LIVE
from orpo_studio.runs.card import CardUse
from orpo_studio.runs.catalogue import RunSummary
from orpo_studio.runs.folder import RunFolder
from orpo_studio.runs.launch import Job
from orpo_studio.runs.lock import is_held

_JOBS = {Job.EVALUATE.value: "is being evaluated", Job.EXPORT.value: "is being exported"}
_PASSING = {
    Job.PROBE: ("two steps are being tried", True, "when the two steps are done"),
    Job.MARGINS: ("the base model is being asked", True, "when the base model has answered"),
}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What is in the way of a start.

    Attributes:
        clause: in words, to follow “Waits:”.
        is_own: a run of the same workspace is under way; else something outside of it.
        until: when it is out of the way, to follow “starts by itself”.
        at_once: what comes of a start all the same, to follow “started now,”.
    """

    clause: str
    is_own: bool
    until: str
    at_once: str = "both are slower, and memory may run out"

    @property
    def sentence(self) -> str:
        """The words as a sentence."""
        return f"{self.clause[:1].upper()}{self.clause[1:]}."


def find_obstacle(summaries: Iterable[RunSummary], card: CardUse, *, passing: bool = True) -> Obstacle | None:
    """Return what is in the way of starting a run of a workspace, or None.

    Args:
        summaries: all runs of the workspace.
        card: who holds the card.
        passing: whether jobs that leave no run, such as a probe, are in the way as well.
    """
    for summary in summaries:
        if summary.state in LIVE:
            doing = {"stopping": "is stopping", "pausing": "is pausing", "launching": "is starting"}
            clause = f"“{summary.title}” {doing.get(summary.state, 'is training')}"
            return Obstacle(clause, is_own=True, until=f"when “{summary.title}” has ended")
        if is_held(summary.folder.lock_file):  # whatever was read of it a moment ago
            clause = f"“{summary.title}” {_JOBS.get(summary.fold.job, 'is being worked on')}"
            return Obstacle(clause, is_own=True, until=f"when the work on “{summary.title}” is done")
    if passing and (job := _passing_job()) is not None:
        return Obstacle(*_PASSING[job])
    if card.fault:
        return Obstacle(
            f"the graphics card cannot be used ({card.fault})",
            is_own=False,
            until="when the graphics card can be used again",
            at_once="it ends with an error, or trains on the processor, far slower",
        )
    if card.holders:
        others = len(card.holders) - 1
        more = f" and {others} more program{'s' if others > 1 else ''}" if others else ""
        clause = f"the graphics card is in use by {card.holders[0]}{more}"
        return Obstacle(clause, is_own=False, until="when the graphics card is free")
    return None


def _passing_job() -> Job | None:
    for job in _PASSING:
        folders = (paths.cache_folder() / job.value / "runs").glob("*/")
        if any(is_held(RunFolder(folder).lock_file) for folder in folders):
            return job
    return None
