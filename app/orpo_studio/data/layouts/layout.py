"""What a layout is, and what recognizing one gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from orpo_studio.data.layouts.sample import Row, Sample
from orpo_studio.data.mapping import Mapping as ByHand
from orpo_studio.data.pair import Pair, Single
from orpo_studio.data.problem import RowProblem

PROMPT_COLUMNS = ("prompt", "instruction", "question", "input", "query", "history")
CHOSEN_COLUMNS = (
    "chosen",
    "chosen_response",
    "chosen_answer",
    "response_chosen",
    "accepted",
    "preferred",
    "preferred_response",
    "preferred_output",
    "response_j",
    "response",
)
REJECTED_COLUMNS = (
    "rejected",
    "rejected_response",
    "rejected_answer",
    "response_rejected",
    "non_preferred",
    "dispreferred",
    "dispreferred_response",
    "non_preferred_response",
    "non_preferred_output",
    "response_k",
)
CONVERSATION_COLUMNS = ("conversations", "conversation", "messages", "trajectory", "context")
SYSTEM_COLUMNS = ("system", "system_prompt")

Convert = Callable[[Row, int], list[Pair]]
ConvertSingle = Callable[[Row, int], Single]


@dataclass(frozen=True, slots=True)
class Recognition:
    """A layout found in the data.

    Attributes:
        layout: its name.
        evidence: what was seen, in words for the person.
        convert: from a row and its number to its pairs, at least one; raises `RowProblem`.
        single: from a row and its number to one answer, where rows are single answers that are joined by prompt;
            ``convert`` is then not used. None in all other layouts.
        alternatives: names of the other layouts that would fit too and give other pairs.
        parts: the column of each part, as somebody would name them by hand.
    """

    layout: str
    evidence: str
    convert: Convert
    single: ConvertSingle | None = None
    alternatives: tuple[str, ...] = ()
    parts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """How rows are read that are in a layout; the attributes are those of `Recognition`."""

    evidence: str
    convert: Convert
    single: ConvertSingle | None = None
    parts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to write preference data.

    Attributes:
        name: what it is called on the screen.
        find: from a sample and the person's wishes to how the rows are read, or None where they are not so.
    """

    name: str
    find: Callable[[Sample, ByHand], Found | None]


def not_pairs(row: Row, number: int) -> list[Pair]:
    """Stand in for ``convert`` where rows are single answers."""
    raise NotImplementedError(f"Row {number} with {len(row)} fields is a single answer: use Recognition.single.")


def and_(words: Sequence[str]) -> str:
    """Return words as an enumeration."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def readable(words: str) -> str:
    """Return words that can be printed: names of columns may hold half characters."""
    return words.encode("utf-8", errors="replace").decode("utf-8")


def first_pairs(attempts: Sequence[Callable[[], Pair]]) -> list[Pair]:
    """Return the pairs that can be made; where there is none, raise why the first could not be."""
    pairs: list[Pair] = []
    problems: list[RowProblem] = []
    for attempt in attempts:
        try:
            pairs.append(attempt())
        except RowProblem as problem:
            problems.append(problem)
    if not pairs:
        raise problems[0]
    return pairs
