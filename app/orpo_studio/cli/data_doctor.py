"""The data doctor's report in the terminal: ``orpo-studio data doctor``."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from orpo_studio.cli.output import Output
from orpo_studio.words import count, duration, percent, printable

if TYPE_CHECKING:
    from orpo_studio.data.doctor.report import Cleanliness, Finding, Histogram, Report
    from orpo_studio.data.prepared import PreparedData

_SIGNS = {
    "serious": ("✕", "bold red"),
    "warning": ("▲", "yellow"),
    "note": ("●", "cyan"),
    "good": ("✓", "green"),
}
_EXAMPLES = 2
_BARS = " ▁▂▃▄▅▆▇█"


def examined(
    data: "PreparedData",
    model: Path | None,
    max_length: int,
    tell: Callable[[float], None],
    margins: "list[float | None] | None" = None,
) -> "Report":
    """Examine converted data.

    Args:
        data: what to examine.
        model: folder of the model whose tokenizer counts, or None for an estimate.
        max_length: longest sequence, in tokens.
        tell: told how far it is.
        margins: what a base model makes of each pair, or None.

    Raises:
        ModelProblem: the tokenizer cannot be read.
    """
    from orpo_studio.data.doctor.examination import examine
    from orpo_studio.models.token_counter import TokenCounter

    counter = TokenCounter(model) if model is not None else None
    return examine(data, counter=counter, max_length=max_length, model_margins=margins, progress=tell)


def result(report: "Report") -> dict[str, Any]:
    """Return the report as the JSON object for programs."""
    values: dict[str, Any] = json.loads(report.to_json())
    return values


def say(report: "Report", output: Output) -> None:
    """Print the report for a person: how clean, what was found and what to do, what is in order."""
    console = Console(file=output.stream, highlight=False)
    wrong = [finding for finding in report.findings if finding.severity != "good"]
    good = [finding for finding in report.findings if finding.severity == "good"]
    console.print(_cleanliness(report.cleanliness))
    for finding in wrong:
        console.print(_finding(finding))
    if good:
        console.print(Text(f"\n✓ In order: {' '.join(printable(finding.title) for finding in good)}", style="green"))
    console.print(Text("\nLengths", style="bold"))
    for histogram in report.histograms:
        console.print(_histogram(histogram))
    console.print(_foot(report))


def _cleanliness(cleanliness: "Cleanliness") -> Group:
    return Group(
        Text(f"Cleanliness {cleanliness.score:.0f} of 100", style="bold"),
        Text(
            f"About {percent(cleanliness.noise)} of the preferences look flipped; between {percent(cleanliness.low)} "
            f"and {percent(cleanliness.high)} are likely."
        ),
        *(Padding(Text(ground), (0, 0, 0, 2)) for ground in cleanliness.grounds),
        Padding(Text(f"How far to trust it: {cleanliness.trust}", style="dim"), (0, 0, 0, 2)),
    )


def _finding(finding: "Finding") -> Group:
    sign, style = _SIGNS[finding.severity]
    head = Text.assemble("\n", (f"{sign} ", style), (printable(finding.title), "bold"))
    if finding.count:
        head.append(f"  {percent(finding.share, 1)}", style="dim")
    lines = [finding.why, f"What to do: {finding.advice}"]
    if where := finding.where():
        lines.append(printable(where))
    if finding.remedy is not None:
        lines.append(f"--apply {finding.remedy.name}: {finding.remedy.words}")
    examples = (Text(f"“{printable(example)}”", style="dim") for example in finding.examples[:_EXAMPLES])
    return Group(head, *(Padding(part, (0, 0, 0, 2)) for part in (*map(Text, lines), *examples)))


def _histogram(histogram: "Histogram") -> Table:
    """Draw each series as a line of bars; the heights of a histogram's series compare."""
    most = max((height for _, counts in histogram.series for height in counts), default=0) or 1
    table = Table.grid(padding=(0, 2))
    unit = f" {histogram.unit}"
    mark = f", maximum length {count(histogram.mark)}" if histogram.mark is not None else ""
    low, high = (
        f"{edge:.0f}" if abs(edge) >= 1.5 else f"{edge:g}" for edge in (histogram.edges[0], histogram.edges[-1])
    )
    table.add_row("", Text(f"{histogram.title}: {low} to {high}{unit}{mark}", style="dim"))
    for name, counts in histogram.series:
        bars = "".join(_BARS[-(-height * (len(_BARS) - 1) // most)] for height in counts)
        table.add_row(Text(name), Text(bars))
    return table


def _foot(report: "Report") -> Text:
    counted = (
        "Lengths are counted by the tokenizer."
        if report.counted == "tokens"
        else ("Lengths are estimated, four bytes a token; name a model with --model to count them.")
    )
    notes = dict.fromkeys(check.note for check in report.checked if check.note.startswith("A sample"))
    sampled = f" {' '.join(notes)}" if notes else ""
    took = f"{count(report.pairs)} pairs were examined in {duration(report.seconds)}."
    return Text(f"\n{took} {counted}{sampled}", style="dim")
