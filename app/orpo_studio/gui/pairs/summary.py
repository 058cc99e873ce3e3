"""What became of the sources' rows, in words for the line above the pairs. No Qt."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orpo_studio.data.prepared import Summary

_MOST_NAMED = 4
"""Sources of a mix that are named in the line; the tooltip names all."""


def counts_of(summary: "Summary") -> str:
    """Return the equation that accounts for every row."""
    aside = f"{sum(summary.set_aside.values()):,} set aside"
    sides = f"{summary.train:,} to train on + {summary.held_out:,} held out"
    if summary.kept == summary.rows_used:
        return f"{summary.rows_in:,} rows = {sides} + {aside}"
    return f"{summary.rows_in:,} rows = {summary.rows_used:,} used + {aside} → {summary.kept:,} pairs = {sides}"


def evidence_of(summary: "Summary") -> str:
    """Return what the rows were recognized by; of a mix, how many pairs come from where."""
    mixed = summary.sources[:-1] if summary.held_out_source is not None else summary.sources
    if len(mixed) < 2:
        return summary.evidence
    named = [f"{source.name} {source.pairs:,}" for source in mixed[:_MOST_NAMED]]
    if more := len(mixed) - len(named):
        named.append(f"{more} more")
    return f"Pairs of {' · '.join(named)}"


def all_evidence_of(summary: "Summary") -> str:
    """Return of each source, a line each, what it was recognized as and by what."""
    return "\n".join(f"{source.name}: {source.layout}. {source.evidence}" for source in summary.sources)
