"""What can be wrong with preference data, in words for the person who chose it."""

from enum import StrEnum

from orpo_studio.in_words import SpokenError


class DataProblem(SpokenError):  # noqa: N818 - a problem is what the person is shown
    """Preference data that cannot be used, and what to do about it.

    Attributes:
        code: a stable name for programs, such as ``missing-columns``.
        title: what happened, in one short sentence.
        detail: the evidence: names, places and figures.
        hint: what to do about it.
    """


class ConversionCancelled(Exception):  # noqa: N818 - not an error: the person asked for it
    """The person stopped a conversion; nothing of it is left on the disk."""


class Reason(StrEnum):
    """Why a row was set aside."""

    UNREADABLE = "unreadable"
    MISSING_FIELD = "missing-field"
    NOT_TEXT = "not-text"
    TOOL_CALL = "tool-call"
    DAMAGED_TEXT = "damaged-text"
    EMPTY_PROMPT = "empty-prompt"
    EMPTY_ANSWER = "empty-answer"
    SAME_ANSWERS = "same-answers"
    ROLES = "roles"
    PROMPT_MISMATCH = "prompt-mismatch"
    TIE = "tie"
    TOO_CLOSE = "too-close"
    NO_PREFERENCE = "no-preference"
    NO_PARTNER = "no-partner"
    HELD_OUT_OVERLAP = "held-out-overlap"
    NOT_DRAWN = "not-drawn"
    SKIPPED = "skipped"
    REMEDY = "remedy"


REASON_TITLES = {
    Reason.UNREADABLE: "The row cannot be read",
    Reason.MISSING_FIELD: "A field is missing",
    Reason.NOT_TEXT: "A field is not text",
    Reason.TOOL_CALL: "A turn calls a tool, which text cannot hold",
    Reason.DAMAGED_TEXT: "The text holds broken characters",
    Reason.EMPTY_PROMPT: "The prompt is empty",
    Reason.EMPTY_ANSWER: "An answer is empty",
    Reason.SAME_ANSWERS: "Chosen and rejected are the same",
    Reason.ROLES: "The turns are in a wrong order",
    Reason.PROMPT_MISMATCH: "The prompt and the answers' own start differ",
    Reason.TIE: "Neither answer is preferred",
    Reason.TOO_CLOSE: "The scores of the two answers are too close",
    Reason.NO_PREFERENCE: "Which answer is preferred is not said",
    Reason.NO_PARTNER: "The answer has no counterpart with the same prompt",
    Reason.HELD_OUT_OVERLAP: "The prompt is also in the held-out part",
    Reason.NOT_DRAWN: "Left out by the mix",
    Reason.SKIPPED: "Skipped by hand",
    Reason.REMEDY: "Set aside by a remedy of the data doctor",
}
"""Each reason as a heading."""


class RowProblem(Exception):  # noqa: N818 - becomes a row set aside, not an error
    """One row that cannot become a pair."""

    def __init__(self, reason: Reason, words: str) -> None:
        super().__init__(words)
        self.reason = reason
        self.words = words
