"""What was asked of an evaluation or an export, and whether the run is ready for it."""

import json
from pathlib import Path
from typing import Any

from orpo_studio.runs import Job
from orpo_studio.runs.launch import request_file
from orpo_studio.trainer.context import JobContext
from orpo_studio.trainer.problems import TrainerProblem


def read_request(context: JobContext, job: Job) -> dict[str, Any]:
    """Return the details of a job; none were given where there is no file.

    Raises:
        TrainerProblem: the file is damaged.
    """
    path = Path(request_file(context.folder, job))
    try:
        details = json.loads((context.folder.path / path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise TrainerProblem(
            "unreadable-request",
            "What was asked for cannot be read.",
            detail=f"{path}: {error}",
            hint="Ask again; the file is then written anew.",
        ) from error
    return details if isinstance(details, dict) else {}


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
