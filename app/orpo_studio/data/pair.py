"""The one form that every preference row is brought into."""

from dataclasses import dataclass
from typing import TypedDict

from orpo_studio.data.problem import Reason


class Message(TypedDict):
    """One turn of a conversation; the role is ``system``, ``user``, ``assistant`` or ``tool``."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt and two answers to it.

    Attributes:
        prompt: the conversation so far; ends with the user's (or a tool's) turn.
        chosen: the preferred answer: begins and ends with the assistant's turn.
        rejected: the other answer, likewise.
        source_row: where it stood in the source, counted from 1 (JSONL: the line).
        origin: which data set or file it comes from, as the row or its file says; empty where neither does.
        file: name of the source it stood in, as rows set aside name it; empty before that is known.
    """

    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]
    source_row: int
    origin: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class Single:
    """One answer that somebody called good or bad; a good and a bad one with the same prompt make a pair.

    Attributes:
        prompt: the conversation so far; ends with the user's (or a tool's) turn.
        answer: begins and ends with the assistant's turn.
        good: whether it was called good.
        source_row: where it stood in the source, counted from 1 (JSONL: the line).
    """

    prompt: list[Message]
    answer: list[Message]
    good: bool
    source_row: int


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row that was not converted.

    Attributes:
        file: name of the source it stood in, told apart from the others of its mix.
        source_row: where it stood, counted from 1 (JSONL: the line).
        reason: why, as a code.
        words: why, in words.
        excerpt: the beginning of the row as it was read.
    """

    file: str
    source_row: int
    reason: Reason
    words: str
    excerpt: str
