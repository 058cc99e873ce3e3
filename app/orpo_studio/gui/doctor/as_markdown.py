"""The report as Markdown, to copy or to save. No Qt."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from orpo_studio.gui.doctor.bins import in_words
from orpo_studio.gui.doctor.verdict import SIGNS, amount, noise_in_words, verdict_of
from orpo_studio.words import count, duration, one_line, printable

if TYPE_CHECKING:
    from orpo_studio.data.doctor.report import Finding, Report

_LONGEST_EXAMPLE = 300


def as_markdown(report: "Report", source: str) -> str:
    """Return a report as Markdown.

    Args:
        report: what was found.
        source: the file the pairs came from.
    """
    return printable("\n".join(_lines(report, source))).rstrip() + "\n"


def _lines(report: "Report", source: str) -> Iterator[str]:
    cleanliness = report.cleanliness
    verdict = verdict_of(cleanliness)
    yield from ("# Data doctor's report", "")
    yield f"{_escaped(source)}: {count(report.pairs)} pairs, maximum length {count(report.max_length)} tokens."
    yield ""
    if report.counted == "estimate":
        yield from ("Lengths are estimates of four bytes a token: no tokenizer was chosen.", "")
    yield from (f"## Cleanliness: {cleanliness.score:.0f} of 100, {verdict.word.lower()}", "")
    yield from (f"{noise_in_words(cleanliness)} {cleanliness.trust}".strip(), "", verdict.meaning, "")
    yield from (f"- {_escaped(ground)}" for ground in cleanliness.grounds)
    yield from ("", "## Findings", "")
    for finding in report.findings:
        if finding.severity != "good":
            yield from _finding(finding)
    good = [finding for finding in report.findings if finding.severity == "good"]
    if good:
        yield from ("### Nothing wrong", "")
        yield from (f"- {_escaped(finding.title)}" for finding in good)
        yield ""
    if report.histograms:
        yield from ("## Lengths and likeness", "")
        yield from (f"- **{_escaped(histogram.title)}**: {in_words(histogram)}" for histogram in report.histograms)
        yield ""
    yield from ("## Checks made", "")
    for check in report.checked:
        note = f" {_escaped(check.note)}" if check.note else ""
        yield f"- {_escaped(check.title)}: {count(check.pairs)} pairs.{note}"
    yield from ("", f"Examined in {duration(report.seconds)}.")


def _finding(finding: "Finding") -> Iterator[str]:
    _sign, word, _kind = SIGNS[finding.severity]
    how_many = f" ({amount(finding)})" if amount(finding) else ""
    yield from (f"### {word}: {_escaped(finding.title)}{how_many}", "")
    yield from (f"{_escaped(finding.why)} {_escaped(finding.advice)}".strip(), "")
    if where := finding.where():
        yield from (_escaped(where), "")
    if finding.examples:
        yield from (f"> {_escaped(one_line(example, _LONGEST_EXAMPLE))}\n>" for example in finding.examples)
        yield ""
    if finding.remedy is not None:
        yield from (f"Remedy `{finding.remedy.name}`: {_escaped(finding.remedy.words)}", "")


def _escaped(text: str) -> str:
    """Keep text from the data from being read as markup."""
    for sign in "\\`*_[]<>#|":
        text = text.replace(sign, f"\\{sign}")
    return text
