"""Whether sources are still as they were when they were converted."""

from enum import StrEnum

from orpo_studio.data.digest import state_of
from orpo_studio.data.plan import DataPlan
from orpo_studio.data.prepared import PreparedData
from orpo_studio.data.problem import DataProblem


class Standing(StrEnum):
    """How the sources are now."""

    AS_READ = "as-read"
    CHANGED = "changed"
    GONE = "gone"


def standing_of(plan: DataPlan, data: PreparedData) -> tuple[Standing, str]:
    """Return whether the sources of converted data are as they were, and the name of the first that is not.

    It goes by the files' sizes and times; nothing is read.
    """
    for portion, state in zip(plan.all_portions, data.states, strict=False):
        try:
            now = state_of(portion.source, portion.split)
        except DataProblem:
            return Standing.GONE, portion.source.name
        if now != state:
            return Standing.CHANGED, portion.source.name
    return Standing.AS_READ, ""
