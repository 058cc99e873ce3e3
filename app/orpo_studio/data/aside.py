"""Write down every row that becomes no pair, with its reason."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import TextIO

from orpo_studio.data.pair import SetAside
from orpo_studio.data.problem import Reason
from orpo_studio.data.rows import EXCERPT, Unreadable


class AsideWriter:
    """Append rows set aside to a file, and count them by reason."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.reasons: Counter[Reason] = Counter()

    def add(self, file: str, row: int, reason: Reason, words: str, excerpt: str) -> None:
        """Set one row aside; the arguments are the fields of `SetAside`."""
        self.reasons[reason] += 1
        self._file.write(json.dumps(asdict(SetAside(file, row, reason, words, excerpt)), ensure_ascii=False) + "\n")


def excerpt_of(row: Mapping[str, object] | Unreadable) -> str:
    """Return the beginning of a row as it was read."""
    if isinstance(row, Unreadable):
        return row.excerpt
    try:
        return json.dumps(row, ensure_ascii=False, skipkeys=True, default=repr)[:EXCERPT]
    except RecursionError:
        return "(nested too deeply to be shown)"
