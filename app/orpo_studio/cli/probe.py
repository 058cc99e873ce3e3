"""``orpo-studio probe``: two real steps on the longest pairs, and what they say about a whole run."""

import argparse
from typing import Any

from orpo_studio.cli.follow import Followed, follow_job
from orpo_studio.cli.output import Output
from orpo_studio.cli.preflight import look
from orpo_studio.cli.settings import specification
from orpo_studio.cli.words import GIB, CommandError, ErrorWords
from orpo_studio.config import RunSpec
from orpo_studio.config.plan import make_plan
from orpo_studio.events import ProbeFinished
from orpo_studio.fit.measured import MeasuredSteps, seconds_in_words, span_in_words
from orpo_studio.runs import Job, RunFolder
from orpo_studio.runs.probe import explain_probe, make_probe, remove_probe
from orpo_studio.words import count


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Do it; returns the exit code."""
    spec, advice = specification(arguments)
    for issue in advice:
        output.say(f"Note: {issue.name}: {issue.message}")
    look(spec, output)
    folder = make_probe(spec)
    try:
        seen = follow_job(folder, Job.PROBE, output, "Stopping.")
        found = _result(folder, seen)
    finally:
        remove_probe(folder, None)
    result = _figures(spec, found)
    for line in _lines(spec, found, result):
        output.say(line)
    output.result(result)
    return 0


def _result(folder: RunFolder, seen: Followed) -> ProbeFinished:
    """Return what was measured.

    Raises:
        CommandError: nothing was: it failed, or was stopped.
    """
    ending = None if seen.interrupts and seen.end is None else explain_probe(folder, seen.end, seen.error)
    if ending is not None:
        raise CommandError(ErrorWords(ending.code, ending.title, ending.detail, ending.hint))
    if seen.state.probe is None:
        words = ErrorWords("interrupted", "Stopped before both steps were made.", hint="Nothing of it is kept.")
        raise CommandError(words, exit_code=130)
    return seen.state.probe


def _figures(spec: RunSpec, found: ProbeFinished) -> dict[str, Any]:
    measured = MeasuredSteps.of(found)
    plan = make_plan(spec, found.training_pairs)
    time = measured.whole_run(plan.total_steps, spec.effective_batch)
    return {
        "device": found.device,
        "way": found.way,
        "pairs_at_once": found.pairs_at_once,
        "pairs": found.pairs,
        "longest": found.longest,
        "peak_bytes": found.peak_bytes,
        "library_bytes": found.library_bytes,
        "seconds": found.seconds,
        "tokens": found.tokens,
        "step_seconds": measured.step_seconds,
        "tokens_per_second": measured.tokens_per_second,
        "steps": plan.total_steps,
        "total_seconds": time.seconds if time is not None else None,
        "total_seconds_uncertainty": time.uncertainty if time is not None else None,
    }


def _lines(spec: RunSpec, found: ProbeFinished, result: dict[str, Any]) -> list[str]:
    place = "of the card" if found.device.startswith("cuda") else "of main memory"
    step, pace = seconds_in_words(result["step_seconds"]), count(result["tokens_per_second"])
    longest = f"with the longest pairs, up to {count(found.longest)} tokens"
    lines = [f"Peak memory: {found.peak_bytes / GIB:.2f} GiB {place}", f"A step: {step} {longest} ({pace} tokens/s)"]
    if found.pairs_at_once < min(spec.recipe.micro_batch, found.pairs):
        asked = spec.recipe.micro_batch
        lines.append(f"Memory was short: {found.pairs_at_once} instead of {asked} pairs at once, to the same effect.")
    time = MeasuredSteps.of(found).whole_run(result["steps"], spec.effective_batch)
    if time is not None:
        lines += [
            f"The whole run: {span_in_words(time)} for {count(result['steps'])} steps, rather less than more.",
            "It counts the tokens of all pairs at the pace of the longest ones, usually the slowest.",
            "Measurements on held-out pairs, samples and checkpoints come on top.",
        ]
    return lines
