"""A question before what cannot be undone, without a widget: what is at stake, and what each answer does."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the person.

    Attributes:
        title: what it is about, in a few words.
        text: the question.
        detail: what follows from each answer.
        answers: what the buttons say, and what they do.
        stay: what the button says that does nothing; it is suggested, and Esc means it too.
    """

    title: str
    text: str
    detail: str
    answers: tuple[tuple[str, Callable[[], object]], ...]
    stay: str
