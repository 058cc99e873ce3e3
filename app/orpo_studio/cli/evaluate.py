"""``orpo-studio evaluate``: base and tuned model on the same held-out pairs, and answers to prompts."""

import argparse

from orpo_studio.cli.follow import work
from orpo_studio.cli.output import Output
from orpo_studio.cli.results import measured, require_result, show_answers, side_by_side
from orpo_studio.cli.words import figure
from orpo_studio.paths import default_workspace
from orpo_studio.runs import Job, find_run


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Do it; returns the exit code."""
    folder = find_run(arguments.workspace or default_workspace(), arguments.run)
    folder.read_spec()
    require_result(folder)
    seen = work(folder, Job.EVALUATE, output, prompts=arguments.prompt)
    result = {"run": folder.id, "folder": folder.path, "samples": side_by_side(seen.samples)}
    if seen.evaluation is not None:
        before, after = measured(seen.evaluation.before), measured(seen.evaluation.after)
        result |= {"pairs": seen.evaluation.pairs, "before": before, "after": after}
        result["file"] = folder.path / seen.evaluation.file
        for name in before.keys() & after.keys():
            output.say(f"{name.replace('_', ' ')}: {figure(before[name])} before, {figure(after[name])} after")
    show_answers(output, side_by_side(seen.samples))
    output.result(result)
    return 0
