"""A report made: from what was kept where there is such, else by examining the pairs. No Qt; it runs in a thread."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orpo_studio import paths
from orpo_studio.gui.doctor.kept import keep_report, read_report, report_file

if TYPE_CHECKING:
    from orpo_studio.data.doctor.report import Report
    from orpo_studio.data.prepared import PreparedData
    from orpo_studio.models.card import ModelCard

    BaseModel = tuple[ModelCard, str]
    """A model and how its weights are held, such as ``none``."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a report depends on."""

    folder: Path
    tokenizer: Path | None
    max_length: int


def make_report(
    prepared: "PreparedData",
    question: Question,
    base: "BaseModel | None",
    progress: Callable[[float], None],
    cancel: Callable[[], bool],
) -> "Report":
    """Return what the doctor says of pairs, from what was kept where there is such; runs in a thread.

    Args:
        prepared: the pairs.
        question: what the report depends on.
        base: the base model, which may have been asked about the pairs before.
        progress: told how far it is, 0 to 1.
        cancel: asked whether to stop.

    Raises:
        ConversionCancelled: the person stopped it.
        DataProblem, ModelProblem: the pairs or the tokenizer cannot be used.
    """
    from orpo_studio.data.doctor.examination import examine
    from orpo_studio.data.margins_file import read_margins
    from orpo_studio.models.token_counter import TokenCounter

    counter = TokenCounter(question.tokenizer) if question.tokenizer is not None else None
    margins = _answers(prepared, question, base) if base is not None else None
    file = report_file(question.folder, question.tokenizer, question.max_length, margins)
    kept = read_report(file)
    if kept is not None:
        return kept
    report = examine(
        prepared,
        counter=counter,
        max_length=question.max_length,
        model_margins=read_margins(margins) if margins is not None else None,
        progress=progress,
        cancel=cancel,
    )
    keep_report(file, report)
    return report


def _answers(prepared: "PreparedData", question: Question, base: "BaseModel") -> Path | None:
    """Return the file of what the base model made of these pairs; None where it was not asked."""
    from orpo_studio.data.margins_file import margins_path

    card, quantization = base
    cache = paths.cache_folder()
    if not (cache / "margins").is_dir():  # nobody ever asked: spare the reading of pairs and weights
        return None
    try:
        file = margins_path(cache, prepared, card, max_length=question.max_length, quantization=quantization)
    except OSError:  # told where the model is chosen
        return None
    return file if file.is_file() else None
