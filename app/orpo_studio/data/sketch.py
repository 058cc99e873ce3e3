"""What a source's columns and speakers look like, and a first guess at a mapping by hand."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from orpo_studio.data.layouts import Row, recognize
from orpo_studio.data.layouts.guess import guessed_parts
from orpo_studio.data.layouts.sample import Sample, is_message_list, unfolded
from orpo_studio.data.mapping import Mapping, columns_text, roles_text
from orpo_studio.data.messages import ROLES, looks_like_message
from orpo_studio.data.problem import DataProblem

_EXAMPLE = 120
_DEEPEST = 2
_LOOK = 20_000
_MOST_FIELDS = 40
_SPEAKER = re.compile(r"\s*([^\W\d_][\w .#-]{0,30}?)[ \t]*:")
_TURN = re.compile(r"\n[ \t]*\n[ \t]*([^\W\d_][\w .#-]{0,30}?)[ \t]*:")


@dataclass(frozen=True, slots=True)
class ColumnSketch:
    """What stands in a column, or in a field inside it.

    Attributes:
        name: the column, or the path into it, as a mapping names it.
        kind: what stands there, in words: text, messages, number, list of texts …
        example: the beginning of one value.
    """

    name: str
    kind: str
    example: str


def columns_found(sample: Sequence[Row]) -> list[ColumnSketch]:
    """Return the columns of a sample, each followed by the fields inside it."""
    looked_at = Sample(sample)
    return [
        sketch
        for column in looked_at.columns
        for sketch in _sketches(column, [_opened(row.get(column)) for row in looked_at.rows], depth=0)
    ]


def _opened(cell: object) -> object:
    """Return the list or object that a cell spells where that holds objects, else the cell itself."""
    found = unfolded(cell)
    return found if isinstance(found, dict) or (isinstance(found, list) and _objects(found)) else cell


def _objects(values: Sequence[object]) -> bool:
    return bool(values) and all(isinstance(value, dict) for value in values)


def _sketches(path: str, cells: Iterable[object], depth: int) -> Iterator[ColumnSketch]:
    there = [cell for cell in cells if cell is not None and cell != ""]
    kinds = Counter(_kind(cell) for cell in there)
    kind = kinds.most_common(1)[0][0] if kinds else "empty"
    yield ColumnSketch(path, kind, next((_example(cell) for cell in there if _kind(cell) == kind), ""))
    if depth >= _DEEPEST or kind not in {"object", "list of objects"}:
        return
    inside = [entry for cell in there for entry in (cell if isinstance(cell, list) else [cell])]
    entries = [entry for entry in inside if isinstance(entry, dict)]
    for name in list(dict.fromkeys(str(name) for entry in entries for name in entry))[:_MOST_FIELDS]:
        yield from _sketches(f"{path}.{name}", [entry.get(name) for entry in entries], depth + 1)


def _kind(cell: object) -> str:
    if isinstance(cell, bool):
        return "true or false"
    if isinstance(cell, int | float):
        return "number"
    if isinstance(cell, str):
        return "text"
    if is_message_list(cell):
        return "messages"
    if looks_like_message(cell):
        return "one message"
    if isinstance(cell, list):
        kinds = {"list" if isinstance(entry, list) else _kind(entry) for entry in cell if entry is not None}
        names = {"text": "texts", "number": "numbers", "object": "objects"}
        return f"list of {names.get(kinds.pop(), 'values')}" if len(kinds) == 1 else "list"
    return "object" if isinstance(cell, dict) else "other"


def _example(cell: object) -> str:
    try:
        text = cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False, default=str, skipkeys=True)
    except (RecursionError, ValueError):
        text = "…"
    short = " ".join(text[: 4 * _EXAMPLE].split())
    short = short if len(short) <= _EXAMPLE else short[: _EXAMPLE - 1] + "…"
    return short.encode("utf-8", "replace").decode("utf-8")


def roles_found(sample: Sequence[Row]) -> dict[str, str]:
    """Return the names of the speakers, each with its role; the role is empty where the name is not known.

    The names are in the order in which they first speak. Speakers of transcripts count where nearly all texts of a
    column begin with a name.
    """
    looked_at = Sample(sample)
    names: dict[str, None] = {}
    for column in looked_at.columns:
        for name in _speakers(looked_at.cells(column)):
            names.setdefault(name)
    return {name: ROLES.get(name.strip().lower().lstrip("# "), "") for name in names}


def _speakers(cells: Sequence[object]) -> Iterator[str]:
    texts = [cell[:_LOOK] for cell in cells if isinstance(cell, str)]
    begun = [found for text in texts if (found := _SPEAKER.match(text))]
    if len(texts) == len(cells) and len(begun) >= 0.9 * len(texts) and any(_TURN.search(text) for text in texts):
        seen = Counter(name for text in texts for name in {found[1] for found in _TURN.finditer(text)})
        yield from dict.fromkeys(found[1] for found in begun)
        yield from (name for name, count in seen.items() if count >= 0.5 * len(texts))
        return
    for cell in cells:
        entries = cell if isinstance(cell, list) else list(cell.values()) if isinstance(cell, dict) else []
        turns = [cell, *entries, *(turn for entry in entries if isinstance(entry, list) for turn in entry)]
        for turn in turns:
            if isinstance(turn, dict) and looks_like_message(turn):
                name = turn.get("role") if turn.get("role") is not None else turn.get("from")
                if isinstance(name, str) and name.strip():
                    yield name.strip()


def suggest(sample: Sequence[Row]) -> Mapping:
    """Return a mapping to start from: what is recognized, else a guess by the names of the columns.

    It is a guess: the columns it names are there, but the pairs they make are for the person to judge.
    """
    roles = _suggested_roles(roles_found(sample))
    try:
        parts = dict(recognize(sample, Mapping(roles=roles)).parts)
    except DataProblem:
        parts = {}
    return Mapping(columns=columns_text(parts or guessed_parts(Sample(sample))), roles=roles)


def _suggested_roles(found: dict[str, str]) -> str:
    """Take the first speaker that is not known for the user, and the next one for the assistant."""
    unknown = [name for name, role in found.items() if not role]
    free = [role for role in ("user", "assistant") if role not in found.values()] if unknown else []
    return roles_text(dict(zip(unknown, free, strict=False)))
