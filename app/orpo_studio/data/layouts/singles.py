"""Layouts with one answer in a row, called good or bad; rows with the same prompt make pairs (KTO)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from orpo_studio.data.layouts.answers import asked_in, prompt_or_turns_of
from orpo_studio.data.layouts.cells import Asked, number, require
from orpo_studio.data.layouts.layout import CONVERSATION_COLUMNS, Found, Layout, not_pairs
from orpo_studio.data.layouts.sample import NEARLY_ALL, Row, Sample, at, share_of
from orpo_studio.data.mapping import Mapping as ByHand
from orpo_studio.data.messages import ROLES, assemble_single
from orpo_studio.data.pair import Single
from orpo_studio.data.problem import Reason, RowProblem

_COMPLETIONS = ("completion", "response", "answer", "output")
_LABELS = ("label", "kto_tag", "is_desirable", "desirable", "is_good", "thumbs_up")
_GOOD = {"true", "yes", "good", "desirable", "chosen", "accepted", "positive", "up", "like", "thumbs_up", "👍", "1"}
_BAD = {
    "false", "no", "bad", "undesirable", "rejected", "negative", "down", "dislike", "thumbs_down", "👎", "0", "-1",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Labelled:
    """Which columns hold an answer and what it was called.

    Attributes:
        asked: where the prompt stands.
        completion: the column of the answer.
        label: the column that calls it good or bad.
        roles: the role of each speaker's name.
    """

    asked: Asked
    completion: str
    label: str
    roles: Mapping[str, str] = field(default_factory=lambda: ROLES)

    def convert(self, row: Row, row_number: int) -> Single:
        """Return the answer of a row.

        Raises:
            RowProblem: the row makes no answer to a prompt, or is not called good or bad.
        """
        require(row, self.completion, *([self.asked.prompt] if self.asked.prompt else []))
        good = is_good(at(row, self.label))
        if good is None:
            raise RowProblem(Reason.NO_PREFERENCE, f"{self.label} does not say whether the answer is good or bad.")
        return assemble_single(
            self.asked.of(row),
            self.asked.answer(at(row, self.completion)),
            good=good,
            system=self.asked.system_of(row),
            row=row_number,
            roles=self.roles,
        )

    def found(self) -> Found:
        """Return how rows are read."""
        prompt = self.asked.words() if self.asked.prompt else "the prompt is what precedes the last answer"
        words = (
            f"{prompt}; {self.completion} is one answer, which {self.label} calls good or bad; answers to the same "
            "prompt are joined to pairs."
        )
        parts = {**self.asked.parts(), "completion": self.completion, "label": self.label}
        return Found(words + self.asked.system_words(), not_pairs, self.convert, parts)


def is_good(label: object) -> bool | None:
    """Return whether a label calls an answer good; None where it says neither."""
    if isinstance(label, bool):
        return label
    if isinstance(label, str):
        word = label.strip().lower()
        if word in _GOOD | _BAD:
            return word in _GOOD
    counted = number(label)
    return {1.0: True, 0.0: False, -1.0: False}.get(counted) if counted is not None else None


def _labelled(sample: Sample, mapping: ByHand) -> Found | None:  # noqa: ARG001 - every layout is asked in one way
    label = sample.find(*_LABELS)
    if label is None or share_of(sample.cells(label), lambda cell: is_good(cell) is not None) < NEARLY_ALL:
        return None
    turns = sample.find(*CONVERSATION_COLUMNS)
    prompt, completion = prompt_or_turns_of(sample), sample.find(*_COMPLETIONS)
    if prompt and completion:
        return Labelled(asked_in(sample, prompt), completion, label, sample.roles).found()
    if turns and sample.any_messages(turns):
        return Labelled(asked_in(sample, None), turns, label, sample.roles).found()
    return None


SINGLES = Layout("labelled singles", _labelled)
