"""Runs with the real trainer in this process, and the figures they should give."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from orpo_studio.config import RunSpec
from orpo_studio.events import Event, Problem, RunEnded, RunLaunched, TrainMetrics, read_events
from orpo_studio.events.log import EventLog
from orpo_studio.runs import Job, RunFolder, ask, create_run
from orpo_studio.runs.job_request import leave_request
from orpo_studio.trainer.context import Lifeline
from orpo_studio.trainer.jobs import run_job


def make_run(workspace: Path, model: Path, source: Path, /, **sections: dict[str, Any]) -> RunFolder:
    """Make a run of a few short steps; ``recipe``, ``train`` and so on change single options."""
    values: dict[str, dict[str, Any]] = {
        "model": {"path": str(model)},
        "data": {"source": str(source), "held_out": 0.25},
        "recipe": {"learning_rate": 5e-3, "max_steps": 6, "micro_batch": 2, "accumulation": 2, "max_length": 128},
        "evaluate": {"samples": 1, "max_new_tokens": 4, "pairs": 4},
    }
    for name, options in sections.items():
        values[name] = {**values.get(name, {}), **options}
    return create_run(workspace, RunSpec.model_validate(values))


def run(folder: RunFolder, job: Job = Job.TRAIN, **request: Any) -> list[Event]:
    """Do a job in this process. Returns the events of this job alone."""
    before = sum(1 for _ in read_events(folder.events_file))
    asked = ""
    if job is Job.TRAIN:
        with EventLog(folder.events_file) as log:
            log.append(RunLaunched(attempt=1))
    else:
        asked = leave_request(folder, request)
    run_job(folder, job, Lifeline(), request=asked)
    return list(read_events(folder.events_file))[before:]


def of_kind(events: Sequence[Event], kind: type[Any]) -> list[Any]:
    """Return the events of one class."""
    return [event for event in events if isinstance(event, kind)]


def losses(events: Sequence[Event], name: str = "loss") -> dict[int, float]:
    """Return a metric by step."""
    return {event.step: event.values[name] for event in of_kind(events, TrainMetrics)}


def outcome(events: Sequence[Event]) -> str:
    """Return how the training ended."""
    return str(of_kind(events, RunEnded)[-1].outcome)


def error(events: Sequence[Event]) -> Problem:
    """Return the one error that was said."""
    (problem,) = (event for event in of_kind(events, Problem) if event.severity == "error")
    return problem


def ask_at_step(monkeypatch: Any, step: int, folder: RunFolder, name: Any, **details: Any) -> None:
    """Leave a request while that step is under way."""
    from orpo_studio.trainer.reporter import Reporter

    original: Callable[..., None] = Reporter.on_step_begin

    def on_step_begin(self: Reporter, args: Any, state: Any, control: Any, **options: Any) -> None:
        if state.global_step == step - 1:
            ask(folder, name, **details)
        original(self, args, state, control, **options)

    monkeypatch.setattr(Reporter, "on_step_begin", on_step_begin)


def reference_orpo(rows: Sequence[tuple[Any, list[int], int, Any, list[int], int]], lambda_: float) -> dict[str, float]:
    """The loss of a batch by the formula of the paper (Hong et al. 2024, eq. 3 to 7), in float64 throughout.

    Args:
        rows: per pair (chosen logits (length, vocabulary), chosen ids, prompt length, the same of the rejected).
        lambda_: weight of the odds-ratio term.
    """
    nll_sum, nll_tokens, terms, odds = 0.0, 0, [], []
    for chosen_logits, chosen, chosen_prompt, rejected_logits, rejected, rejected_prompt in rows:
        chosen_logps = _logps(chosen_logits, chosen)
        rejected_logps = _logps(rejected_logits, rejected)
        nll_sum -= sum(chosen_logps)
        nll_tokens += len(chosen_logps)
        c = _mean(chosen_logps[chosen_prompt - 1 :])
        r = _mean(rejected_logps[rejected_prompt - 1 :])
        ratio = (c - math.log(1 - math.exp(c))) - (r - math.log(1 - math.exp(r)))
        odds.append(ratio)
        terms.append(-math.log(1 / (1 + math.exp(-ratio))))
    nll, term = nll_sum / nll_tokens, lambda_ * _mean(terms)
    return {"loss": nll + term, "nll_loss": nll, "odds_ratio_loss": term, "log_odds": _mean(odds)}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _logps(logits: Any, ids: list[int]) -> list[float]:
    scores = logits.double().log_softmax(-1)
    return [float(scores[place, token]) for place, token in enumerate(ids[1:])]
