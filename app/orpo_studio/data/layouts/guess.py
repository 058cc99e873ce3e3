"""A guess which columns are the prompt and the two answers, where no layout is recognized."""

from orpo_studio.data.layouts.sample import Sample, is_message_list, share_of
from orpo_studio.data.messages import looks_like_message

_HINTS = {
    "system": ("system", "persona", "context", "rolle"),
    "rejected": ("reject", "bad", "worse", "worst", "lose", "neg", "dispref", "schlecht", "abgelehnt", "not_"),
    "chosen": ("chos", "good", "better", "best", "win", "pos", "accept", "prefer", "gut", "gewählt", "right"),
    "prompt": ("prompt", "quest", "instr", "query", "input", "user", "ask", "frage", "aufgabe", "problem"),
}
"""What the names of columns contain, in the order in which parts are given out."""
_MOST = 0.5


def guessed_parts(sample: Sample) -> dict[str, str]:
    """Return the columns of prompt, chosen and rejected by what their names contain, else by their order.

    Nothing where there are not even two columns of text or messages.
    """
    free = [column for column in sample.columns if share_of(sample.cells(column), _may_be_said) > _MOST]
    parts: dict[str, str] = {}
    for part, hints in _HINTS.items():
        named = next((name for name in free if any(hint in name.lower() for hint in hints)), None)
        if named is not None:
            parts[part] = named
            free.remove(named)
    for part in ("prompt", "chosen", "rejected"):
        if part not in parts and free:
            parts[part] = free.pop(0)
    return parts if {"chosen", "rejected"} <= set(parts) else {}


def _may_be_said(cell: object) -> bool:
    return isinstance(cell, str) or is_message_list(cell) or looks_like_message(cell)
