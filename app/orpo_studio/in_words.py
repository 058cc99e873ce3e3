"""What an error of ours has, whichever room it comes from."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class InWords(Protocol):
    """An error that speaks to the person itself, as those of runs, models, data and the trainer do.

    Attributes:
        code: short name for programs.
        title: what happened.
        detail: why.
        hint: what to do.
    """

    code: str
    title: str
    detail: str
    hint: str
