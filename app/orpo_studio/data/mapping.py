"""What the person says about a source's columns and roles, in place of or beside what is recognized."""

import re
from collections.abc import Mapping as Names
from dataclasses import dataclass
from typing import Literal

from orpo_studio.data.problem import DataProblem

Ranking = Literal["best_worst", "adjacent", "all"]
Preference = Literal["better", "safer"]

PARTS = (
    "prompt",
    "input",
    "history",
    "system",
    "chosen",
    "rejected",
    "chosen_score",
    "rejected_score",
    "answers",
    "scores",
    "ranks",
    "answer_a",
    "answer_b",
    "winner",
    "completion",
    "label",
)
"""The parts that a column can play."""

KINDS: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    (frozenset({"chosen", "rejected"}), frozenset({"chosen_score", "rejected_score"})),
    (frozenset({"prompt", "answers"}), frozenset({"scores", "ranks"})),
    (frozenset({"answer_a", "answer_b", "winner"}), frozenset()),
    (frozenset({"completion", "label"}), frozenset()),
)
"""The parts that together make a row, each kind with what it needs and what it may have besides the prompt's parts."""

ASKED = frozenset({"prompt", "input", "history", "system"})
"""The parts that a row of any kind may have."""

SPOKEN_ROLES = ("user", "assistant", "system", "tool")

_ITEM = re.compile(r'\s*(?P<part>[^=,"]*?)\s*=\s*(?P<name>"(?:[^"]|"")*"|[^,"][^,]*|)\s*(?:,|\Z)')


@dataclass(frozen=True, slots=True)
class Mapping:
    """How to read the rows of a source, as far as the person says.

    Attributes:
        columns: which column plays which part, such as ``prompt=frage, chosen=gut, rejected=schlecht``; empty where
            the layout is to be recognized. A name with a comma stands in quotation marks. ``input.messages`` is a
            field inside a column's objects.
        roles: who the names of the speakers are, such as ``user=Fragender, assistant=Bot``.
        ranking: which pairs a list of ranked answers makes: the best with the worst, each with those one step below,
            or each with all below.
        preference: which of two preferences counts where the data has both (PKU-SafeRLHF).
        least_gap: pairs whose scores are closer than this are set aside; 0 keeps all.
    """

    columns: str = ""
    roles: str = ""
    ranking: Ranking = "best_worst"
    preference: Preference = "better"
    least_gap: float = 0.0


def column_parts(text: str) -> dict[str, str]:
    """Return the column of each part that a mapping names; nothing where it is empty.

    Raises:
        DataProblem: the text is no such list, or its parts do not make a row.
    """
    parts: dict[str, str] = {}
    for part, name in _items(text, "prompt=question, chosen=good, rejected=bad"):
        if part not in PARTS:
            raise _problem(f"“{part}” is no part of a pair.", f"The parts are: {', '.join(PARTS)}.")
        if part in parts:
            raise _problem(f"{part} is given twice.", f"Keep one of {parts[part]} and {name}.")
        parts[part] = name
    if parts:
        _check_kind(parts)
    return parts


def role_names(text: str) -> dict[str, str]:
    """Return the role of each speaker that a mapping names, by the name in lower case.

    Raises:
        DataProblem: the text is no such list, or a name stands for two roles.
    """
    roles: dict[str, str] = {}
    for role, name in _items(text, "user=Customer, assistant=Agent"):
        if role not in SPOKEN_ROLES:
            raise _problem(f"“{role}” is no role.", f"The roles are: {', '.join(SPOKEN_ROLES)}.")
        if roles.setdefault(name.lower(), role) != role:
            raise _problem(f"{name} is both {roles[name.lower()]} and {role}.", "Give each speaker one role.")
    return roles


def columns_text(parts: Names[str, str]) -> str:
    """Return the text that `column_parts` reads as these parts."""
    return ", ".join(f"{part}={_quoted(parts[part])}" for part in PARTS if part in parts)


def roles_text(roles: Names[str, str]) -> str:
    """Return the text that `role_names` reads as these roles of speakers."""
    return ", ".join(f"{role}={_quoted(name)}" for name, role in roles.items())


def _quoted(name: str) -> str:
    if name and name == name.strip() and not set(name) & set(',="'):
        return name
    return '"' + name.replace('"', '""') + '"'


def _items(text: str, example: str) -> list[tuple[str, str]]:
    items = []
    place = 0
    while text[place:].strip(" \t\r\n,"):
        found = _ITEM.match(text, place)
        name = _unquoted(found["name"]) if found else ""
        if found is None or not name or not found["part"]:
            raise _problem(
                f"“{text[place:].strip(' ,')[:60]}” does not say what is what.", f"Write it like this: {example}."
            )
        items.append((found["part"].lower(), name))
        place = found.end()
    return items


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.strip()


def _check_kind(parts: Names[str, str]) -> None:
    given = frozenset(parts)
    if any(needed <= given <= needed | allowed | ASKED for needed, allowed in KINDS):
        if {"chosen_score", "rejected_score"} & given and not {"chosen_score", "rejected_score"} <= given:
            raise _problem("Only one of chosen_score and rejected_score is given.", "Give both, or none.")
        if {"scores", "ranks"} <= given:
            raise _problem("Both scores and ranks are given.", "Keep one of them.")
        if {"input", "history"} & given and "prompt" not in given:
            extra = "input" if "input" in given else "history"
            raise _problem(f"{extra} is given without prompt.", "It goes with what stands in the prompt's column.")
        return
    raise _problem(
        f"{', '.join(parts)} together make no pair.",
        "Give chosen and rejected; or prompt and answers, with scores or ranks; or answer_a, answer_b and winner; or "
        "prompt, completion and label. prompt, input, history and system go with each of them.",
    )


def _problem(what: str, hint: str) -> DataProblem:
    return DataProblem("mapping", "The mapping by hand cannot be used.", detail=what, hint=hint)
