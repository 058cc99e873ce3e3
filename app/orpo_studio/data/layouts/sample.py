"""The rows that a layout is recognized by, and how to reach into a row."""

import ast
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from orpo_studio.data.messages import ROLES, looks_like_message
from orpo_studio.data.problem import Reason, RowProblem
from orpo_studio.data.transcripts import Transcript, speakers_of

Row = Mapping[str, object]

NEARLY_ALL = 0.9
"""Which share of a column's cells must be of one kind; some rows are damaged in every large set."""

_BEGINS_LIKE_MESSAGES = re.compile(r"""\s*\[?\s*\{\s*['"](role|content|from|value)['"]""")
_LONGEST_LITERAL = 1 << 18
"""Longest text that is read as Python prints it, in characters; that parser takes much memory."""


def normalized(name: str) -> str:
    """Return a column's name as it is compared: in lower case, without blanks around it, blanks and hyphens as _."""
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def at(row: Row, path: str) -> object:
    """Return what stands in a column, or in a field inside its objects such as ``input.messages``; None where nothing.

    In a list each entry is reached into, unless a number says which: ``completions.response``, ``messages.0.content``.
    """
    if path in row:
        return row[path]
    for dot in (place for place, character in enumerate(path) if character == "."):
        if path[:dot] in row:
            return _inside(row[path[:dot]], path[dot + 1 :])
    return None


def _inside(value: object, path: str) -> object:
    value = unfolded(value)
    if isinstance(value, dict):
        return at(value, path)
    if not isinstance(value, list):
        return None
    head, _, rest = path.partition(".")
    if not re.fullmatch(r"-?[0-9]{1,9}", head):
        return [_inside(entry, path) for entry in value]
    place = int(head)
    entry = value[place] if -len(value) <= place < len(value) else None
    return _inside(entry, rest) if rest else entry


def unfolded(value: object) -> object:
    """Return the list or object that a text spells, as JSON or as Python or numpy prints it; else the value itself."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text.startswith(("[", "{")) or not text.endswith(("]", "}")):
        return value
    for parse in (json.loads, _printed):
        try:
            found: object = parse(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError, Warning):
            continue
        return found if isinstance(found, list | dict) else value
    return value


def _printed(text: str) -> object:
    if len(text) > _LONGEST_LITERAL:
        return None
    # an array of objects that numpy printed has no commas between them; inside of strings no line ends
    return ast.literal_eval(re.sub(r"\}[ \t]*\n\s*\{", "}, {", text))


def is_message_list(value: object) -> bool:
    """Tell whether a value is a list of turns, and not empty."""
    return isinstance(value, list) and bool(value) and all(looks_like_message(entry) for entry in value)


class Sample:
    """Some rows of a source, and what their columns hold.

    Attributes:
        rows: the rows, with messages that are written as text (as in cells of a table) as messages.
        columns: all columns, in the order in which they appear.
        roles: the role of each speaker's name, in lower case.
        named: the roles that the person gave by hand.
    """

    def __init__(self, rows: Sequence[Row], named: Mapping[str, str] | None = None) -> None:
        self.named = dict(named or {})
        self.roles = {**ROLES, **self.named}
        self.columns = list(dict.fromkeys(column for row in rows for column in row))
        self._of_messages = tuple(
            column
            for column in self.columns
            if share_of((row.get(column) for row in rows), _holds_messages) >= NEARLY_ALL
        )
        self.rows = [{**row, **self._unfolded_cells(row)} for row in rows] if self._of_messages else list(rows)
        self._speakers: dict[tuple[str, bool], Transcript | None] = {}
        self._by_name: dict[str, str] = {}
        for column in self.columns:
            self._by_name.setdefault(normalized(column), column)

    def unfold(self, row: Row) -> Row:
        """Return a row with its messages as messages.

        Raises:
            RowProblem: a cell begins like a list of messages, as nearly all of its column are, and cannot be read.
        """
        cells = self._unfolded_cells(row)
        for column, cell in cells.items():
            if isinstance(cell, str) and _BEGINS_LIKE_MESSAGES.match(cell):
                raise RowProblem(Reason.UNREADABLE, f"{column} begins like a list of messages, and cannot be read.")
        return {**row, **cells} if cells else row

    def _unfolded_cells(self, row: Row) -> dict[str, object]:
        return {column: unfolded(row[column]) for column in self._of_messages if isinstance(row.get(column), str)}

    def find(self, *names: str) -> str | None:
        """Return the column with the first of the names, whatever its case and the blanks around it."""
        return next((self._by_name[name] for name in names if name in self._by_name), None)

    def cells(self, path: str) -> list[object]:
        """Return what stands in a column, without the empty cells."""
        return [cell for row in self.rows if (cell := at(row, path)) is not None and cell != ""]

    def any_messages(self, path: str) -> bool:
        """Tell whether a turn or a list of turns stands in a column."""
        return any(is_message_list(cell) or looks_like_message(cell) for cell in self.cells(path))

    def any_structure(self, path: str) -> bool:
        """Tell whether a list or an object stands in a column."""
        return any(isinstance(cell, list | dict) for cell in self.cells(path))

    def speakers(self, path: str | None, *, answered: bool) -> Transcript | None:
        """Return the speakers of a column of transcripts, or None where it holds none."""
        if path is None:
            return None
        if (path, answered) not in self._speakers:
            cells = self.cells(path)
            texts = [cell for cell in cells if isinstance(cell, str)]
            found = speakers_of(texts, answered=answered, named=self.named) if len(texts) == len(cells) else None
            self._speakers[path, answered] = found
        return self._speakers[path, answered]


def share_of(cells: Iterable[object], fits: Callable[[object], bool]) -> float:
    """Return which share of the cells that are not empty fits; 0 where all are empty."""
    found = [cell for cell in cells if cell is not None and cell != ""]
    return sum(map(fits, found)) / len(found) if found else 0.0


def _holds_messages(cell: object) -> bool:
    if isinstance(cell, str):
        if not ("role" in cell or "from" in cell):
            return False
        cell = unfolded(cell)
    return is_message_list(cell) or looks_like_message(cell)
