"""Layouts that name the chosen and the rejected answer, each in a column of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from orpo_studio.data.layouts.cells import Asked, Scores, gap_words, question_and_answer, require, scores_of
from orpo_studio.data.layouts.layout import (
    CHOSEN_COLUMNS,
    CONVERSATION_COLUMNS,
    PROMPT_COLUMNS,
    REJECTED_COLUMNS,
    SYSTEM_COLUMNS,
    Found,
    Layout,
    and_,
    first_pairs,
)
from orpo_studio.data.layouts.sample import NEARLY_ALL, Row, Sample, at, is_message_list, share_of, unfolded
from orpo_studio.data.mapping import Mapping as ByHand
from orpo_studio.data.messages import ROLES, assemble, looks_like_message
from orpo_studio.data.pair import Pair
from orpo_studio.data.transcripts import Speakers

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
    speakers: Speakers | None = None
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
        if not isinstance(answer, str):
            return answer
        if self.speakers is not None and self.speakers.begins(answer):
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


def asked_in(sample: Sample, prompt: str | None, extra: str | None = None) -> Asked:
    """Return how a column of prompts is read."""
    history = sample.find("history")
    if history == prompt or prompt is None or not history or share_of(sample.cells(history), _is_history) < NEARLY_ALL:
        history = None
    speakers = sample.speakers(prompt, answered=False)
    return Asked(prompt, extra, sample.find(*SYSTEM_COLUMNS), history, speakers)


def _is_history(cell: object) -> bool:
    turns = unfolded(cell)
    return isinstance(turns, list) and all(looks_like_message(turn) or question_and_answer(turn) for turn in turns)


def prompt_of(sample: Sample) -> str | None:
    """Return the column of the prompt, or None where there is none."""
    return sample.find(*PROMPT_COLUMNS)


def _named_answers(sample: Sample, mapping: ByHand, prompt: str | None, extra: str | None = None) -> Answers | None:
    chosen, rejected = sample.find(*CHOSEN_COLUMNS), sample.find(*REJECTED_COLUMNS)
    if chosen is None or rejected is None:
        return None
    return between(sample, mapping, asked_in(sample, prompt, extra), chosen, rejected)


def _openai(sample: Sample, mapping: ByHand) -> Found | None:
    asked, chosen, rejected = (sample.find(name) for name in ("input", "preferred_output", "non_preferred_output"))
    if asked is None or chosen is None or rejected is None or not sample.any_messages(f"{asked}.messages"):
        return None
    answers = between(sample, mapping, asked_in(sample, f"{asked}.messages"), chosen, rejected)
    words = f"{asked}.messages holds the turns before the answer; {chosen} and {rejected} are the two answers."
    return answers.found(words + (" Its tools are not kept." if any(sample.cells(f"{asked}.tools")) else ""))


def _sharegpt(sample: Sample, mapping: ByHand) -> Found | None:
    turns = sample.find(*CONVERSATION_COLUMNS)
    answers = _named_answers(sample, mapping, turns)
    if turns is None or answers is None or not sample.any_messages(turns):
        return None
    if _mostly_answered(sample, turns):
        return None  # whole conversations beside pairs that have their own prompt
    return answers.found(
        f"{turns} holds the turns before the answer; {answers.chosen} and {answers.rejected} are the two answers."
    )


def _mostly_answered(sample: Sample, turns: str) -> bool:
    return share_of(sample.cells(turns), lambda cell: _ends_answered(cell, sample.roles)) > _MOSTLY


def _ends_answered(cell: object, roles: Mapping[str, str]) -> bool:
    last = cell[-1] if isinstance(cell, list) and cell else cell
    name = (last.get("role") or last.get("from")) if isinstance(last, dict) else None
    return isinstance(name, str) and roles.get(name.strip().lower()) == "assistant"


def _ms_swift(sample: Sample, mapping: ByHand) -> Found | None:
    return _beside_conversation(sample, mapping, ("rejected_messages", "rejected_response"))


def _openpipe(sample: Sample, mapping: ByHand) -> Found | None:
    return _beside_conversation(sample, mapping, ("rejected_message",))


def _beside_conversation(sample: Sample, mapping: ByHand, rejected_names: tuple[str, ...]) -> Found | None:
    turns, rejected = sample.find("messages"), sample.find(*rejected_names)
    if turns is None or rejected is None or not _mostly_answered(sample, turns):
        return None
    answers = between(sample, mapping, asked_in(sample, None), turns, rejected)
    return answers.found(f"{turns} ends with the chosen answer; {rejected} is what stands in its place when rejected.")


def _capybara(sample: Sample, mapping: ByHand) -> Found | None:
    turns = sample.find("conversation")
    if turns is None or not any(_asks_and_answers(unfolded(cell)) for cell in sample.cells(turns)):
        return None
    answers = _named_answers(sample, mapping, None)
    if answers is None or not any(map(is_message_list, sample.cells(answers.chosen))):
        return None
    if all(_is_answer_alone(cell, sample.roles) for cell in sample.cells(answers.chosen)):
        return None
    return answers.found(
        f"{answers.chosen} and {answers.rejected} are whole conversations, and the prompt is their common start; "
        f"{turns} says the same once more as inputs and outputs."
    )


def _asks_and_answers(cell: object) -> bool:
    return isinstance(cell, list) and any(
        isinstance(turn, dict) and not looks_like_message(turn) and question_and_answer(turn) for turn in cell
    )


def _is_answer_alone(cell: object, roles: Mapping[str, str]) -> bool:
    return not isinstance(cell, list) or not cell or _ends_answered(cell[0], roles)


def _prompt_and_messages(sample: Sample, mapping: ByHand) -> Found | None:
    prompt = prompt_of(sample)
    answers = _named_answers(sample, mapping, prompt)
    if prompt is None or answers is None:
        return None
    lists = [column for column in (prompt, answers.chosen, answers.rejected) if sample.any_messages(column)]
    if not lists:
        return None
    return answers.found(
        f"{and_(lists)} {'are message lists' if len(lists) > 1 else 'is a message list'}; {answers.asked.words()}, "
        "and is not doubled where the answers repeat it."
    )


def _two_conversations(sample: Sample, mapping: ByHand) -> Found | None:
    answers = _named_answers(sample, mapping, None)
    if answers is None or prompt_of(sample):
        return None
    if not sample.any_messages(answers.chosen) and not sample.any_messages(answers.rejected):
        return None
    return answers.found(
        f"{answers.chosen} and {answers.rejected} are message lists; the prompt is their common start."
    )


def _transcripts(sample: Sample, mapping: ByHand) -> Found | None:
    prompt = prompt_of(sample)
    answers = _named_answers(sample, mapping, prompt)
    if answers is None or answers.speakers is None:
        return None
    names = and_([f"“{name}:”" for name in answers.speakers.roles])
    words = f"{answers.chosen} and {answers.rejected} are transcripts, with turns that begin with {names}; "
    if prompt is None:
        return answers.found(words + "the prompt is their common start.")
    return answers.found(words + f"{answers.asked.words()}, and is not doubled.")


def _instruction_and_input(sample: Sample) -> tuple[str, str] | None:
    instruction, extra = sample.find("instruction"), sample.find("input")
    if instruction is None or extra is None or sample.find("prompt"):
        return None
    return None if sample.any_structure(instruction) or sample.any_structure(extra) else (instruction, extra)


def _alpaca(sample: Sample, mapping: ByHand) -> Found | None:
    columns = _instruction_and_input(sample)
    answers = _named_answers(sample, mapping, *columns) if columns else None
    if answers is None:
        return None
    return answers.found(f"{answers.asked.words()}; {answers.chosen} and {answers.rejected} are the two answers.")


def _prompt_and_text(sample: Sample, mapping: ByHand) -> Found | None:
    prompt = prompt_of(sample)
    answers = _named_answers(sample, mapping, prompt)
    if prompt is None or answers is None or answers.speakers is not None or _instruction_and_input(sample):
        return None
    if any(sample.any_messages(column) for column in (prompt, answers.chosen, answers.rejected)):
        return None
    repeated = " The answers repeat the prompt, which is cut off there." if answers.repeated else ""
    words = f"{answers.asked.words()}; {answers.chosen} and {answers.rejected} are the two answers, all plain text."
    return answers.found(words + repeated)


CONVERSATIONS = (
    Layout("OpenAI preference", _openai),
    Layout("ShareGPT ranking", _sharegpt),
    Layout("ms-swift", _ms_swift),
    Layout("OpenPipe", _openpipe),
)
"""Layouts that the names of their columns tell apart."""

PAIRS = (
    Layout("Capybara", _capybara),
    Layout("prompt and message lists", _prompt_and_messages),
    Layout("two conversations", _two_conversations),
    Layout("transcripts", _transcripts),
    Layout("Alpaca ranking", _alpaca),
    Layout("prompt and text", _prompt_and_text),
)
"""Layouts that what stands in the columns tells apart."""
