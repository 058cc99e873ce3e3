"""What was asked of an evaluation or an export, and whether the run is ready for it."""

from typing import Any

from orpo_studio.runs import job_request
from orpo_studio.trainer.context import JobContext
from orpo_studio.trainer.problems import TrainerProblem


def read_request(context: JobContext) -> dict[str, Any]:
    """Return the details of a job; none were given where it was started without any.

    Raises:
        RunFolderError: they are gone or damaged.
    """
    return job_request.read_request(context.folder, context.request)


def require_result(context: JobContext) -> None:
    """Refuse a run that has not been trained to its end.

    Raises:
        TrainerProblem: there is no adapter, or no trained model, yet.
    """
    if not context.folder.has_result():
        raise TrainerProblem(
            "not-trained",
            "This run has no trained model yet.",
            detail=f"{context.folder.adapter.name}/ in the run's folder holds no weights.",
            hint="Train the run to its end first. A stopped or failed run goes on from its last checkpoint.",
        )
