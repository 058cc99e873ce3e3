"""What a list shows of a run, without a widget."""

import math
import time
from dataclasses import dataclass
from pathlib import Path

from orpo_studio import words
from orpo_studio.config import DEMO
from orpo_studio.events import RunState
from orpo_studio.events.state import LIVE, StateName
from orpo_studio.runs import RunSummary
from orpo_studio.runs.live_words import is_unwatched


@dataclass(frozen=True, slots=True)
class StateFace:
    """How a state looks: told by shape, word and color.

    Attributes:
        sign: one character.
        word: in words.
        tint: name of a color of the theme.
    """

    sign: str
    word: str
    tint: str


STATES = {
    "created": StateFace("○", "not started", "muted"),
    "waiting": StateFace("◷", "waiting", "tuned"),
    "launching": StateFace("◐", "starting", "tuned"),
    "running": StateFace("◐", "training", "tuned"),
    "stopping": StateFace("◐", "stopping", "tuned"),
    "pausing": StateFace("◐", "pausing", "tuned"),
    "completed": StateFace("✓", "finished", "chosen"),
    "stopped": StateFace("■", "stopped", "base"),
    "paused": StateFace("◫", "paused", "attention"),
    "failed": StateFace("✕", "failed", "failure"),
    "lost": StateFace("▲", "lost", "attention"),
}
UNREADABLE = StateFace("✕", "unreadable", "failure")
SILENT = StateFace("▲", "no progress", "attention")
UNWATCHED = StateFace("▲", "no word", "attention")
UNANSWERED = StateFace("▲", "no answer", "attention")
BEING_ENDED = StateFace("▲", "being ended", "attention")
RESULT_WAITS = StateFace("▲", "not saved yet", "attention")
ENDED_EARLY = StateFace("■", "ended early", "attention")
NEWER = StateFace("▲", "newer version", "attention")


def state_face(summary: RunSummary) -> StateFace:
    """Return how the state of a run looks."""
    if summary.state not in LIVE:
        if summary.is_newer:
            return NEWER
        if summary.problem is not None:
            return UNREADABLE
    return fold_face(summary.state, summary.fold)


def fold_face(state: StateName, fold: RunState) -> StateFace:
    """Return how a state looks now, given what else the run has said, and when."""
    if state in LIVE and (troubled := _trouble(fold)) is not None:
        return troubled
    if fold.ended is not None and fold.ended.forced and state == fold.ended.outcome:
        return ENDED_EARLY
    return STATES[state]


def _trouble(fold: RunState) -> StateFace | None:
    """Return how a live run looks that is not well; the order is that of `live_words`."""
    if is_unwatched(fold, time.time()):
        return UNWATCHED
    stop = fold.stop
    if stop is not None:
        if stop.stage != "asked":
            return BEING_ENDED
        return UNANSWERED if stop.next_at is not None else None
    if fold.silent is not None:
        return SILENT
    return RESULT_WAITS if fold.waits_to_save and not fold.stopping else None


def is_live(summary: RunSummary) -> bool:
    """Tell whether a supervisor works on the run, for training or for another job."""
    return summary.state in LIVE or bool(summary.fold.job)


def may_wait(summary: RunSummary) -> bool:
    """Tell whether a run could be added to the queue."""
    unfinished = summary.state in {"created", "stopped", "paused", "failed", "lost"}
    return unfinished and not is_live(summary) and summary.problem is None and not summary.is_newer


def progress(summary: RunSummary) -> float | None:
    """Return how far a live run is, from 0 to 1; None where that is not known or the run has ended."""
    total = summary.fold.total_steps
    if summary.state not in LIVE or not total:
        return None
    return min(1.0, summary.fold.latest.step / total)


def accuracy(summary: RunSummary, moment: str) -> float | None:
    """Return the held-out reward accuracy ``before`` or ``after`` the training, or None while there is none."""
    measured = summary.fold.before if moment == "before" else summary.fold.after
    value = measured.values.get("rewards/accuracies") if measured else None
    return value if value is not None and math.isfinite(value) else None


def outcome(summary: RunSummary) -> str:
    """Return the result in a few characters: the accuracy before and after, what is the matter, or how far it is."""
    if summary.state in LIVE and (troubled := _trouble(summary.fold)) is not None:
        return troubled.word
    share = progress(summary)
    if share is not None:
        return words.percent(share)
    return gain(summary)


def gain(summary: RunSummary) -> str:
    """Return the held-out accuracy before and after: ``52 % → 91 %``; nothing while there is no result."""
    before, after = accuracy(summary, "before"), accuracy(summary, "after")
    if after is None:
        return ""
    return f"{words.percent(before)} → {words.percent(after)}" if before is not None else words.percent(after)


def place_name(path: str) -> str:
    """Return the name people know a model's folder or a data file by."""
    return "Demo" if path == DEMO else Path(path).name or path


def details(summary: RunSummary) -> str:
    """Return λ, model and data in a line; the reason where the run cannot be opened."""
    spec = summary.spec
    if spec is None:
        return state_face(summary).word.capitalize()
    model, data = place_name(spec.model.path), place_name(spec.data.source)
    return f"λ {words.figure(spec.recipe.lambda_)} · {model} · {data}"


def tooltip(summary: RunSummary) -> str:
    """Return all that is known of a run, in lines."""
    face = state_face(summary)
    job = {"evaluate": "being evaluated", "export": "being exported"}.get(summary.fold.job, "")
    lines = [summary.title, ", ".join(part for part in (face.word, job) if part)]
    if summary.problem is not None:
        lines += [summary.problem.detail, summary.problem.hint]
    else:
        lines.append(details(summary))
        if summary.fold.total_steps:
            lines.append(f"Step {summary.fold.latest.step} of {summary.fold.total_steps}")
        if (result := outcome(summary)) and summary.state not in LIVE:
            lines.append(f"Held-out accuracy {result}")
    return "\n".join([*lines, str(summary.folder.path)])


def spoken(summary: RunSummary) -> str:
    """Return what a screen reader says of a run."""
    parts = (summary.title, state_face(summary).word, outcome(summary), details(summary))
    return ", ".join(dict.fromkeys(part for part in parts if part))
