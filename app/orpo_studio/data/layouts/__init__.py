"""The layouts that preference data comes in, and how each is recognized.

A layout is an entry of `LAYOUTS`; the first whose ``recognize`` finds its evidence in the columns and a sample of
the rows is taken. What a recognized layout does with a row is a function from the row's cells to a pair.
"""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Mapping as Cells
from dataclasses import dataclass
from typing import Protocol

from orpo_studio.data.mapping import Mapping
from orpo_studio.data.messages import assemble, looks_like_message
from orpo_studio.data.pair import Pair, Single
from orpo_studio.data.problem import DataProblem, Reason, RowProblem

Row = Cells[str, object]

PROMPT_COLUMNS = ("prompt", "instruction", "question", "input", "query", "history")
CHOSEN_COLUMNS = ("chosen", "chosen_response", "accepted", "preferred", "preferred_output", "response")
REJECTED_COLUMNS = ("rejected", "rejected_response", "rejected_answer", "non_preferred_output")
CONVERSATION_COLUMNS = ("conversations", "conversation")
SYSTEM_COLUMNS = ("system", "system_prompt")


@dataclass(frozen=True, slots=True)
class Recognition:
    """A layout found in the data.

    Attributes:
        layout: its name.
        evidence: what was seen, in words for the person.
        convert: from a row and its number to its pairs, at least one; raises `RowProblem`.
        single: from a row and its number to one answer, where rows are single answers that are joined by prompt;
            ``convert`` is then not used. None in all other layouts.
        alternatives: names of the other layouts that would fit too.
    """

    layout: str
    evidence: str
    convert: Callable[[Row, int], list[Pair]]
    single: Callable[[Row, int], Single] | None = None
    alternatives: tuple[str, ...] = ()


class Layout(Protocol):
    """One way to write preference data."""

    @property
    def name(self) -> str:
        """What the layout is called on the screen."""

    def recognize(self, columns: Sequence[str], sample: Sequence[Row]) -> Recognition | None:
        """Return how to read the rows, or None where they are not in this layout."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which column plays which part; a part without a column is None."""

    prompt: str | None
    chosen: str
    rejected: str
    system: str | None

    def convert(self, row: Row, number: int) -> list[Pair]:
        _require(row, *(column for column in (self.prompt, self.chosen, self.rejected) if column))
        pair = assemble(
            row[self.prompt] if self.prompt else None,
            row[self.chosen],
            row[self.rejected],
            system=row.get(self.system) if self.system else None,
            row=number,
        )
        return [pair]


def _require(row: Row, *columns: str) -> None:
    for column in columns:
        if row.get(column) is None:
            raise RowProblem(Reason.MISSING_FIELD, f"{column} is missing.")


def _find(columns: Iterable[str], names: Sequence[str]) -> str | None:
    """Return the column with the first of the names, whatever its case and the blanks around it."""
    by_name: dict[str, str] = {}
    for column in columns:
        by_name.setdefault(column.strip().lower().replace(" ", "_"), column)
    return next((by_name[name] for name in names if name in by_name), None)


def _answers(columns: Sequence[str]) -> tuple[str, str] | None:
    chosen, rejected = _find(columns, CHOSEN_COLUMNS), _find(columns, REJECTED_COLUMNS)
    return (chosen, rejected) if chosen and rejected else None


def _is_message_list(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(looks_like_message(entry) for entry in value)


def _any_messages(sample: Sequence[Row], column: str) -> bool:
    return any(_is_message_list(row.get(column)) or looks_like_message(row.get(column)) for row in sample)


def _system_words(system: str | None) -> str:
    return f" {system} holds the system prompt." if system else ""


@dataclass(frozen=True, slots=True)
class ShareGptRanking:
    """``conversations`` with the turns so far, and two answers (LLaMA-Factory)."""

    name: str = "ShareGPT ranking"

    def recognize(self, columns: Sequence[str], sample: Sequence[Row]) -> Recognition | None:
        """Return how to read the rows, or None where they are not in this layout."""
        turns, answers = _find(columns, CONVERSATION_COLUMNS), _answers(columns)
        if turns is None or answers is None or not _any_messages(sample, turns):
            return None
        chosen, rejected = answers
        system = _find(columns, SYSTEM_COLUMNS)
        evidence = f"{turns} holds the turns before the answer; {chosen} and {rejected} are the two answers."
        return Recognition(
            self.name, evidence + _system_words(system), _Columns(turns, chosen, rejected, system).convert
        )


@dataclass(frozen=True, slots=True)
class AlpacaRanking:
    """``instruction`` with an ``input`` that is appended where it is not empty, and two answers."""

    name: str = "Alpaca ranking"

    def recognize(self, columns: Sequence[str], sample: Sequence[Row]) -> Recognition | None:
        """Return how to read the rows, or None where they are not in this layout."""
        answers = _answers(columns)
        instruction, extra = _find(columns, ("instruction",)), _find(columns, ("input",))
        if answers is None or instruction is None or extra is None or _find(columns, ("prompt",)):
            return None
        if any(isinstance(row.get(column), list | dict) for row in sample for column in (instruction, extra)):
            return None
        parts = _Columns(instruction, *answers, _find(columns, SYSTEM_COLUMNS))

        def convert(row: Row, number: int) -> list[Pair]:
            _require(row, instruction)
            return parts.convert({**row, instruction: _joined(row[instruction], row.get(extra))}, number)

        evidence = (
            f"{instruction} is the prompt, with {extra} after it where that is not empty; {answers[0]} and "
            f"{answers[1]} are the two answers."
        )
        return Recognition(self.name, evidence + _system_words(parts.system), convert)


def _joined(instruction: object, extra: object) -> object:
    if not isinstance(instruction, str) or extra is None:
        return instruction
    if not isinstance(extra, str):
        raise RowProblem(Reason.NOT_TEXT, "input is not text.")
    return f"{instruction}\n\n{extra}" if extra.strip() else instruction


@dataclass(frozen=True, slots=True)
class PromptAndMessages:
    """A prompt as text or messages, and answers as messages, which may repeat the prompt."""

    name: str = "prompt and message lists"

    def recognize(self, columns: Sequence[str], sample: Sequence[Row]) -> Recognition | None:
        """Return how to read the rows, or None where they are not in this layout."""
        prompt, answers = _find(columns, PROMPT_COLUMNS), _answers(columns)
        if prompt is None or answers is None:
            return None
        lists = [column for column in (prompt, *answers) if _any_messages(sample, column)]
        if not lists:
            return None
        system = _find(columns, SYSTEM_COLUMNS)
        evidence = (
            f"{_and(lists)} {'are message lists' if len(lists) > 1 else 'is a message list'}; {prompt} is the prompt, "
            "and is not doubled where the answers repeat it."
        )
        return Recognition(self.name, evidence + _system_words(system), _Columns(prompt, *answers, system).convert)


@dataclass(frozen=True, slots=True)
class ImplicitPrompt:
    """Two whole conversations; the prompt is their common start."""

    name: str = "two conversations"

    def recognize(self, columns: Sequence[str], sample: Sequence[Row]) -> Recognition | None:
        """Return how to read the rows, or None where they are not in this layout."""
        answers = _answers(columns)
        if answers is None or _find(columns, PROMPT_COLUMNS) or not any(_any_messages(sample, c) for c in answers):
            return None
        system = _find(columns, SYSTEM_COLUMNS)
        evidence = f"{answers[0]} and {answers[1]} are message lists; the prompt is their common start."
        return Recognition(self.name, evidence + _system_words(system), _Columns(None, *answers, system).convert)


@dataclass(frozen=True, slots=True)
class PromptAndText:
    """A prompt and two answers, all plain text."""

    name: str = "prompt and text"

    def recognize(self, columns: Sequence[str], sample: Sequence[Row]) -> Recognition | None:  # noqa: ARG002 - names suffice
        """Return how to read the rows, or None where they are not in this layout."""
        prompt, answers = _find(columns, PROMPT_COLUMNS), _answers(columns)
        if prompt is None or answers is None:
            return None
        system = _find(columns, SYSTEM_COLUMNS)
        evidence = f"{prompt} is the prompt; {answers[0]} and {answers[1]} are the two answers, all plain text."
        return Recognition(self.name, evidence + _system_words(system), _Columns(prompt, *answers, system).convert)


LAYOUTS: tuple[Layout, ...] = (
    ShareGptRanking(),
    AlpacaRanking(),
    PromptAndMessages(),
    ImplicitPrompt(),
    PromptAndText(),
)
"""In the order in which they are tried: the more particular first."""


_NO_MAPPING = Mapping()


def recognize(sample: Sequence[Row], mapping: Mapping = _NO_MAPPING) -> Recognition:  # noqa: ARG001
    """Return the layout of the data that the sample is taken from.

    Args:
        sample: some rows.
        mapping: what the person says about the columns and roles.

    Raises:
        DataProblem: no layout fits, with the columns found and those needed.
    """
    columns = list(dict.fromkeys(column for row in sample for column in row))
    for layout in LAYOUTS:
        found = layout.recognize(columns, sample)
        if found is not None:
            return found
    raise DataProblem(
        "missing-columns",
        "The columns of a preference pair are not in this file.",
        detail=f"Found: {_listed(columns) or 'none'}. Missing: {_missing(columns)}.",
        hint="A row needs a prompt, a chosen and a rejected answer; or chosen and rejected as whole conversations; or "
        "conversations with chosen and rejected. Rename the columns, or choose another file.",
    )


def _listed(columns: Sequence[str]) -> str:
    words = ", ".join(column[:60] for column in columns[:20])
    return words.encode("utf-8", errors="replace").decode("utf-8")


def _missing(columns: Sequence[str]) -> str:
    parts = {
        "prompt": (*PROMPT_COLUMNS, *CONVERSATION_COLUMNS),
        "chosen": CHOSEN_COLUMNS,
        "rejected": REJECTED_COLUMNS,
    }
    return _and([part for part, names in parts.items() if _find(columns, names) is None])


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
