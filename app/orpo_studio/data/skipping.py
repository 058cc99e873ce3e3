"""Rows that a person leaves out, named by where they stand: ``17``, ``100-120``, ``other.jsonl:17``."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orpo_studio.data.problem import DataProblem

_ROWS = re.compile(r"(?:(?P<source>.+):)?\s*(?P<first>\d{1,15})(?:\s*[-\N{EN DASH}]\s*(?P<last>\d{1,15}))?")


@dataclass(frozen=True, slots=True)
class SkippedRows:
    """Rows of one source.

    Attributes:
        source: its name, as rows set aside name it; empty for the first one.
        first: the first row, counted from 1.
        last: the last one, the first itself for a single row.
    """

    source: str
    first: int
    last: int

    def __contains__(self, row: int) -> bool:
        """Tell whether a row of that source is among them."""
        return self.first <= row <= self.last


def parse_skipped(texts: Iterable[str | int]) -> tuple[SkippedRows, ...]:
    """Read what a person typed.

    Raises:
        DataProblem: it names no rows.
    """
    return tuple(_parse(str(text)) for text in texts)


def _parse(text: str) -> SkippedRows:
    found = _ROWS.fullmatch(text.strip())
    if found is not None:
        first = int(found["first"])
        last = int(found["last"] or first)
        if 1 <= first <= last:
            return SkippedRows((found["source"] or "").strip(), first, last)
    raise DataProblem(
        "skip-rows",
        "Which rows are to be skipped is not clear.",
        detail=f"It says “{text[:60]}”.",
        hint="Write numbers counted from 1, such as 17, or 100-120 for a stretch; for a further source "
        "its name stands before it: other.jsonl:17.",
    )


def of_source(skipped: Sequence[SkippedRows], name: str, *, is_first: bool) -> tuple[SkippedRows, ...]:
    """Return those of one source."""
    return tuple(rows for rows in skipped if rows.source == name or (is_first and not rows.source))


def require_sources(skipped: Sequence[SkippedRows], names: Sequence[str]) -> None:
    """Make sure that the sources whose rows are skipped are there.

    Raises:
        DataProblem: one is not.
    """
    for rows in skipped:
        if rows.source and rows.source not in names:
            raise DataProblem(
                "skip-rows",
                f"There is no source named {rows.source}, whose rows are to be skipped.",
                detail=f"The sources are: {', '.join(names)}.",
                hint="Write the name as it stands there, or no name for the first source.",
            )
