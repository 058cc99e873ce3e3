"""The table of what was done to runs and what came of it."""

from collections.abc import Iterable, Mapping
from typing import Any

COLUMNS = ("injected", "survived", "events lost", "events doubled", "states untrue", "losses different", "half models")
FINDINGS = ("lost", "doubled", "untrue", "different", "half")
"""What a fault can have brought about, in the order of the columns."""


def tally(records: Iterable[Mapping[str, Any]], by: str) -> dict[str, dict[str, int]]:
    """Add up the faults of lives by ``phase`` or ``victim``, in the order in which they come."""
    rows: dict[str, dict[str, int]] = {}
    for record in records:
        for fault in record["faults"]:
            if fault["injected"]:
                row = rows.setdefault(fault[by] if by in fault else fault["moment"][by], dict.fromkeys(COLUMNS, 0))
                found = {column: _count(fault[kind]) for column, kind in zip(COLUMNS[2:], FINDINGS, strict=True)}
                row["injected"] += 1
                row["survived"] += not any(found.values())
                for column, count in found.items():
                    row[column] += count
    return rows


def total(rows: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Return the sums of a table's columns."""
    return {column: sum(row[column] for row in rows.values()) for column in COLUMNS}


def render(rows: Mapping[str, Mapping[str, int]], title: str) -> str:
    """Return a table as text, its sums last."""
    lines = [(title, *COLUMNS), *((name, *map(str, row.values())) for name, row in rows.items())]
    lines.append(("in all", *map(str, total(rows).values())))
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) if place == 0 else cell.rjust(width) for place, (cell, width) in enumerate(cells))
        for cells in (tuple(zip(line, widths, strict=True)) for line in lines)
    )


def _count(found: Any) -> int:
    return found if isinstance(found, int) else len(found)
