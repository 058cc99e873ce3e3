"""A prompt and two answers, the chosen and the rejected one, each in a column of its own: how they are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from orpo_studio.data.layouts.cells import Asked, Scores, gap_words, question_and_answer, require, scores_of
from orpo_studio.data.layouts.layout import (
    CONVERSATION_COLUMNS,
    PROMPT_COLUMNS,
    SYSTEM_COLUMNS,
    Found,
    first_pairs,
)
from orpo_studio.data.layouts.sample import NEARLY_ALL, Row, Sample, at, share_of, unfolded
from orpo_studio.data.mapping import Mapping as ByHand
from orpo_studio.data.messages import ROLES, assemble, looks_like_message
from orpo_studio.data.pair import Pair
from orpo_studio.data.transcripts import Transcript

_MOSTLY = 0.5
_REPEATING = 0.9
"""Which share of the rows must repeat the prompt in both answers for it to be cut off there."""
_REPEATING_ROWS = 3
_TELLING = 10
"""In fewer rows, or with fewer characters, an answer may begin with the prompt's words by chance."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Which columns hold the two answers, and how they are read.

    Attributes:
        asked: where the prompt stands.
        chosen: the column of the preferred answer.
        rejected: the column of the other one, which may hold several as a list of texts.
        speakers: the speakers, where the answers are transcripts.
        repeated: whether the answers' text begins with the prompt's.
        scores: the columns of their scores.
        least_gap: pairs whose scores are closer than this are set aside.
        roles: the role of each speaker's name.
    """

    asked: Asked
    chosen: str
    rejected: str
    speakers: Transcript | None = None
    repeated: bool = False
    scores: Scores | None = None
    least_gap: float = 0.0
    roles: Mapping[str, str] = field(default_factory=lambda: ROLES)

    def convert(self, row: Row, number: int) -> list[Pair]:
        """Return the pairs of a row: one for each rejected answer.

        Raises:
            RowProblem: the row makes no pair.
        """
        require(row, self.chosen, self.rejected)
        if self.scores:
            self.scores.check(row, self.least_gap)
        prompt, chosen, rejected = self.asked.of(row), at(row, self.chosen), at(row, self.rejected)
        if self.asked.prompt and not isinstance(chosen, list):
            require(row, self.asked.prompt)
        if isinstance(rejected, list) and rejected and all(isinstance(entry, str) for entry in rejected):
            return first_pairs([partial(self._pair, row, prompt, chosen, one, number) for one in rejected])
        return [self._pair(row, prompt, chosen, rejected, number)]

    def _pair(self, row: Row, prompt: object, chosen: object, rejected: object, number: int) -> Pair:
        return assemble(
            prompt,
            self._answer(chosen, prompt, self.chosen),
            self._answer(rejected, prompt, self.rejected),
            system=self.asked.system_of(row),
            row=number,
            roles=self.roles,
        )

    def _answer(self, answer: object, prompt: object, column: str) -> object:
        if not isinstance(answer, str) or not answer.strip():
            return answer
        if self.speakers is not None and (self.asked.prompt is None or self.speakers.begins(answer)):
            return self.speakers.turns(answer, column)
        if self.repeated and isinstance(prompt, str) and answer.startswith(prompt):
            return answer[len(prompt) :]
        return self.asked.answer(answer)

    def found(self, evidence: str) -> Found:
        """Return how rows are read, with the evidence completed by what is true of all such layouts."""
        more = self.asked.system_words() + (self.scores.words() if self.scores else "")
        more += gap_words(self.least_gap, scored=self.scores is not None)
        parts = {**self.asked.parts(), "chosen": self.chosen, "rejected": self.rejected}
        return Found(evidence + more, self.convert, parts=parts | (self.scores.parts() if self.scores else {}))


def between(sample: Sample, mapping: ByHand, asked: Asked, chosen: str, rejected: str) -> Answers:
    """Return how two columns of answers are read."""
    speakers = sample.speakers(chosen, answered=True) if sample.speakers(rejected, answered=True) else None
    return Answers(
        asked,
        chosen,
        rejected,
        speakers=speakers,
        repeated=bool(asked.prompt and not speakers and _repeats_prompt(sample, asked.prompt, chosen, rejected)),
        scores=scores_of(sample),
        least_gap=mapping.least_gap,
        roles=sample.roles,
    )


def _repeats_prompt(sample: Sample, prompt: str, chosen: str, rejected: str) -> bool:
    doubled = []
    for row in sample.rows:
        asked, better, worse = (at(row, path) for path in (prompt, chosen, rejected))
        if isinstance(asked, str) and isinstance(better, str) and isinstance(worse, str) and asked.strip():
            doubled.append(len(asked) >= _TELLING and better.startswith(asked) and worse.startswith(asked))
    return len(doubled) >= _REPEATING_ROWS and sum(doubled) >= _REPEATING * len(doubled)


def asked_in(sample: Sample, prompt: str | None) -> Asked:
    """Return how a column of prompts is read, with what goes with it: Alpaca's input, earlier turns, the system."""
    return Asked(
        prompt,
        extra=_input_of(sample, prompt),
        system=sample.find(*SYSTEM_COLUMNS),
        history=_history_of(sample, prompt),
        speakers=sample.speakers(prompt, answered=False),
    )


def _input_of(sample: Sample, prompt: str | None) -> str | None:
    """Return the column that follows an instruction (Alpaca)."""
    instruction, extra = sample.find("instruction"), sample.find("input")
    if instruction is None or extra is None or prompt != instruction:
        return None
    return None if sample.any_structure(instruction) or sample.any_structure(extra) else extra


def _history_of(sample: Sample, prompt: str | None) -> str | None:
    history = sample.find("history")
    if prompt is None or history is None or history == prompt:
        return None
    return history if share_of(sample.cells(history), _is_history) >= NEARLY_ALL else None


def _is_history(cell: object) -> bool:
    turns = unfolded(cell)
    return isinstance(turns, list) and all(looks_like_message(turn) or question_and_answer(turn) for turn in turns)


def prompt_of(sample: Sample) -> str | None:
    """Return the column of the prompt, or None where there is none."""
    return sample.find(*PROMPT_COLUMNS)


def prompt_or_turns_of(sample: Sample) -> str | None:
    """Return the column of the prompt, or of conversations that wait for an answer; None where there is neither."""
    turns = sample.find(*CONVERSATION_COLUMNS)
    waiting = turns is not None and sample.any_messages(turns) and not mostly_answered(sample, turns)
    return prompt_of(sample) or (turns if waiting else None)


def mostly_answered(sample: Sample, turns: str) -> bool:
    """Tell whether most conversations of a column end with the assistant's turn."""
    return share_of(sample.cells(turns), lambda cell: ends_answered(cell, sample.roles)) > _MOSTLY


def ends_answered(cell: object, roles: Mapping[str, str]) -> bool:
    """Tell whether a message, or the last of a list of them, is the assistant's."""
    last = cell[-1] if isinstance(cell, list) and cell else cell
    name = (last.get("role") or last.get("from")) if isinstance(last, dict) else None
    return isinstance(name, str) and roles.get(name.strip().lower()) == "assistant"
