"""``orpo-studio doctor``: what this machine has, and what that means."""

import argparse
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orpo_studio.cli.machine_report import Finding, examine
from orpo_studio.cli.output import Output
from orpo_studio.cli.words import CommandError, ErrorWords
from orpo_studio.paths import default_workspace

SIGNS = {"ok": ("✓", "green"), "note": ("·", "yellow"), "problem": ("✗", "red")}


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Do it; returns the exit code."""
    findings = examine(arguments.workspace or default_workspace())
    if not output.as_json:
        _show(findings, output)
    problems = [finding for finding in findings if finding.level == "problem"]
    found = [asdict(finding) for finding in findings]
    if problems:
        words = ErrorWords(
            "not-ready",
            f"Something that is needed is missing: {', '.join(problem.name for problem in problems)}.",
            "\n".join(problem.meaning for problem in problems),
        )
        raise CommandError(words, findings=found)
    output.say("Everything that is needed is here.")
    output.result({"findings": found})
    return 0


def _show(findings: list[Finding], output: Output) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for finding in findings:
        sign, style = SIGNS[finding.level]
        text = Text(finding.value)
        if finding.meaning:
            text.append(f"\n{finding.meaning}", style="dim")
        table.add_row(Text(sign, style=style), Text(finding.name, style="bold"), text)
    Console(file=output.stream, highlight=False).print(table)
