"""Something to tell the person, without a widget: what happened, why, and what to do."""

import traceback
from dataclasses import dataclass
from typing import Literal

from orpo_studio.config import find_option
from orpo_studio.events import Problem
from orpo_studio.in_words import InWords
from orpo_studio.runs.again import Change
from orpo_studio.words import one_line

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Notice:
    """A message.

    Attributes:
        severity: how loud it is.
        title: what happened.
        detail: why.
        hint: what to do.
        more: technical detail, shown behind a fold and copied with the rest.
    """

    severity: Severity
    title: str
    detail: str = ""
    hint: str = ""
    more: str = ""

    def as_text(self) -> str:
        """Return all of it, for the clipboard."""
        return "\n\n".join(part for part in (self.title, self.detail, self.hint, self.more) if part)


def notice_of(problem: Exception | Problem) -> Notice:
    """Return the notice of an error; one that was not foreseen is told as such, with its traceback behind the fold."""
    if isinstance(problem, Problem):
        return Notice(problem.severity, problem.title, problem.detail, problem.hint, problem.more)
    if isinstance(problem, InWords):
        return Notice("error", problem.title, problem.detail, problem.hint)
    if isinstance(problem, OSError):
        where = f"{problem.filename}: " if problem.filename else ""
        return Notice(
            "error",
            "A file could not be used.",
            f"{where}{problem.strerror or problem}.",
            "Check that the place exists, that it may be written, and that the disk has room.",
        )
    return Notice(
        "error",
        "Something went wrong in ORPO Studio itself.",
        f"{type(problem).__name__}: {problem}",
        "Runs are not affected: they live in processes of their own. Copy the details and report them.",
        "".join(traceback.format_exception(problem)),
    )


def again_notice(run: str, change: Change, earlier: str) -> Notice:
    """Return what to say when a run's settings were taken over with a change: what it is, and that nothing runs yet.

    Args:
        run: name of the run whose settings they are.
        change: what is different.
        earlier: what becomes of that run, as a sentence.
    """
    options = [(find_option(name), value) for name, value in change.values.items()]
    return Notice(
        "info",
        f"These are the settings of “{run}” with one change.",
        " ".join(f"{option.title}: {one_line(option.format(value))}." for option, value in options),
        f"Nothing was started yet; it begins at step 0. {earlier} Ctrl+Z takes the change back.",
    )
