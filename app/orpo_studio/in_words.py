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


class SpokenError(Exception):
    """An error told to the person; its rooms give it their own names. See :class:`InWords` for its parts."""

    def __init__(self, code: str, title: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(title)
        self.code = code
        self.title = title
        self.detail = detail
        self.hint = hint
