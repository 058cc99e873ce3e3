"""Errors in words for the person."""

import errno

from orpo_studio.events import Problem
from orpo_studio.in_words import InWords


class TrainerProblem(Exception):  # noqa: N818 - a problem is what the person is shown
    """Something that ends a job, and what to do about it.

    Attributes:
        code: a stable name for programs, such as ``non-finite``.
        title: what happened, in one short sentence.
        detail: why, with the evidence.
        hint: what to do about it.
    """

    def __init__(self, code: str, title: str, *, detail: str, hint: str) -> None:
        super().__init__(f"{title} {detail} {hint}")
        self.code, self.title, self.detail, self.hint = code, title, detail, hint


class StopNow(Exception):  # noqa: N818 - not an error: the person asked for it
    """The person wants the job to end, and nothing is half done that must be finished first."""


class LeaveNow(BaseException):
    """The job must end at once, without saving. No handler of errors may take it for one."""


def explain(error: BaseException) -> Problem:
    """Return what to tell the person about an exception that ended a job."""
    if isinstance(error, InWords):
        return _error(error.code, error.title, error.detail, error.hint)
    if is_out_of_memory(error):
        return _error(
            "out-of-memory",
            "The memory is not enough for this run.",
            first_line(error),
            "Halve the micro-batch and double the accumulation, which keeps the result the same. If the micro-batch is "
            "1, shorten the maximum length, switch on gradient checkpointing, or choose 4-bit quantization.",
        )
    if is_disk_full(error):
        return _error(
            "disk-full",
            "The disk is full.",
            first_line(error),
            "Make room on the disk of this workspace, then start again. Complete checkpoints are kept.",
        )
    if isinstance(error, PermissionError) or (isinstance(error, OSError) and error.errno == errno.EROFS):
        return _error(
            "not-writable",
            "A file could not be written.",
            f"{error.filename}: {error.strerror}.",
            "Allow writing there, or choose another folder, then start again.",
        )
    if isinstance(error, ImportError):
        return _error(
            "cannot-import",
            "The training packages cannot be loaded.",
            f"{type(error).__name__}: {error}",
            "The installation is not complete. Run the set-up again: it repairs the environment.",
        )
    return _error(
        "unexpected",
        "The job ended with an error that is not known.",
        f"{type(error).__name__}: {first_line(error)}",
        "The console log holds the details. A support archive of the run helps others to find the cause.",
    )


def _error(code: str, title: str, detail: str, hint: str) -> Problem:
    # A path may hold bytes that are no text; an event holds text alone.
    title, detail, hint = (text.encode(errors="backslashreplace").decode() for text in (title, detail, hint))
    return Problem(severity="error", code=code, title=title, detail=detail, hint=hint)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's words, cut, or its class where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:600]


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that memory was not enough, on whatever device."""
    # By name: this must work when torch cannot be imported.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    # The CPU's allocator, Windows', and those of Apple's and AMD's cards and of cuBLAS, each with words of its own.
    told = ("can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(words in str(error) for words in told)


def is_disk_full(error: BaseException) -> bool:
    """Tell whether an error means that the disk, or what this user may fill of it, is full."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return True
    # safetensors and torch wrap the system's error in their own classes and keep only its words; torch's writer
    # of archives keeps not even these, and says where it wanted to be and how far it came.
    told = ("No space left on device", "os error 28", "PytorchStreamWriter failed writing", ". unexpected pos ")
    return any(words in str(error) for words in told)
