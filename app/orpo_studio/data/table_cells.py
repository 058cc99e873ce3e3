"""Rows and cells of tables, whether they come as CSV or out of a spreadsheet."""

import ast
import json
from collections import Counter
from collections.abc import Sequence

from orpo_studio.data.messages import looks_like_message
from orpo_studio.data.problem import DataProblem
from orpo_studio.data.rows import EXCERPT, Unreadable


def require_names_once(columns: Sequence[str], file: str) -> None:
    """Make sure that no two columns have the same name; columns without one do not count.

    Raises:
        DataProblem: two have.
    """
    twice = sorted(column for column, count in Counter(columns).items() if column and count > 1)
    if twice:
        raise DataProblem(
            "column-twice",
            f"{file} names a column twice.",
            detail=f"Named more than once: {', '.join(twice)[:1_000]}.",
            hint="Rename or remove one of them.",
        )


def named_row(header: Sequence[str], record: Sequence[object]) -> dict[str, object] | Unreadable:
    """Return a row's cells by the names of their columns; more cells than columns cannot be told apart."""
    if len(record) > len(header):
        words = f"The row has {len(record)} cells under {len(header)} columns; a quotation mark may be missing."
        return Unreadable(words, " | ".join(map(str, record))[:EXCERPT])
    return dict(zip(header, record, strict=False))


def cell_value(cell: str) -> object:
    """Return messages where a cell holds them, as JSON or as Python prints them, else the text."""
    if not cell.lstrip().startswith(("{", "[")) or not ("role" in cell or "from" in cell):
        return cell
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(cell.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if looks_like_message(value):
            return value
        if isinstance(value, list) and value and all(looks_like_message(entry) for entry in value):
            return value
    return cell
