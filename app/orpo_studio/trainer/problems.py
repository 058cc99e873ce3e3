"""Errors in words for the person."""

import errno
import gc
import re
import traceback
from collections.abc import Sequence

from orpo_studio.events import Problem
from orpo_studio.in_words import InWords
from orpo_studio.runs.device_faults import find_device_fault


class TrainerProblem(Exception):  # noqa: N818 - a problem is what the person is shown
    """Something that ends a job, and what to do about it.

    Attributes:
        code: a stable name for programs, such as ``non-finite``.
        title: what happened, in one short sentence.
        detail: why, with the evidence.
        hint: what to do about it.
        rows: rows of the data that it comes from, as ``data.skip_rows`` names them.
        more: what a library said of it, see :func:`own_words`.
    """

    def __init__(
        self, code: str, title: str, *, detail: str, hint: str, rows: Sequence[str] = (), more: str = ""
    ) -> None:
        super().__init__(f"{title} {detail} {hint}")
        self.code, self.title, self.detail, self.hint = code, title, detail, hint
        self.rows, self.more = list(rows), more


class StopNow(Exception):  # noqa: N818 - not an error: the person asked for it
    """The person wants the job to end, and nothing is half done that must be finished first."""


class LeaveNow(BaseException):
    """The job must end at once, without saving. No handler of errors may take it for one."""


MORE_THAN_FREE = "More memory was asked for than is free."
_MOST_OWN_WORDS = 4000
_WHERE_IN_TORCH = re.compile(r"\[enforce fail at [^]]*\] (?:err == 0\. )?")
_STEP_ADVICE = (
    "Halve the micro-batch and double the accumulation, which keeps the result the same. If the micro-batch is "
    "1, shorten the maximum length, switch on gradient checkpointing, or choose 4-bit quantization."
)
_SHORT_OF_MEMORY = {
    "prepare_data": ("to prepare the data", "Close other programs, or take less of the data: a part of each source."),
    "tokenize": ("to tokenize the pairs", "Close other programs. What is tokenized so far is kept and not done again."),
    "load_model": (
        "to load the model",
        "Close other programs, quantize the base to 4 bits, or choose a smaller base model.",
    ),
    "measure": ("to measure the held-out pairs", "Close other programs, or shorten the maximum length."),
    "sample": ("to write a sample answer", "Close other programs, or ask for shorter or fewer sample answers."),
    "save": ("to save the result", "Close other programs, then go on with the run: only the saving is left."),
    "export": ("to merge the model", "Close other programs, or ship the adapter: that takes next to no memory."),
    "compare": (
        "to check the merged model",
        "Close other programs, or ship the adapter: that takes next to no memory.",
    ),
}
"""For what memory was not enough, by stage, and what to do."""


def explain(error: BaseException, stage: str = "") -> Problem:
    """Return what to tell the person about an exception that ended a job.

    Args:
        error: the exception.
        stage: name of the stage in which it came.
    """
    if isinstance(error, InWords):
        rows, more = getattr(error, "rows", ()), getattr(error, "more", "")
        return _error(error.code, error.title, error.detail, error.hint, rows, more=more)
    if is_out_of_memory(error):
        what, advice = _SHORT_OF_MEMORY.get(stage, ("for this run", _STEP_ADVICE))
        title = f"The memory is not enough {what}."
        return _error("out-of-memory", title, MORE_THAN_FREE, advice, more=own_words(error))
    fault = find_device_fault(str(error)) if isinstance(error, RuntimeError) else None
    if fault is not None:
        return _error("device-fault", fault.title, fault.line, fault.hint)
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


def _error(code: str, title: str, detail: str, hint: str, rows: Sequence[str] = (), *, more: str = "") -> Problem:
    # A path may hold bytes that are no text; an event holds text alone.
    title, detail, hint, more, *named = (
        text.encode(errors="backslashreplace").decode() for text in (title, detail, hint, more, *rows)
    )
    return Problem(severity="error", code=code, title=title, detail=detail, hint=hint, rows=named, more=more)


def let_go(error: BaseException | None) -> None:
    """Free what the frames of an error hold, tensors among them: saying that memory ran out takes memory as well."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
    gc.collect()


def first_line(error: BaseException) -> str:
    """Return the first line of an error's words, cut, or its class where it has none."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return _WHERE_IN_TORCH.sub("", line)[:600]


def own_words(error: BaseException) -> str:
    """Return an error's words as they are, or its class where it has none."""
    return str(error).strip()[:_MOST_OWN_WORDS] or type(error).__name__


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that memory was not enough, on whatever device."""
    # By name: this must work when torch cannot be imported.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:  # a file could not be mapped
        return True
    # The CPU's allocator, Windows', those of Apple's and AMD's cards and of cuBLAS, of C++ and of libraries in Rust
    # that keep only the system's words: each has words of its own.
    told = (
        "can't allocate memory",
        "not enough memory",
        "out of memory",
        "ALLOC_FAILED",
        "bad_alloc",
        "Cannot allocate memory",
    )
    is_wrapped = isinstance(error, RuntimeError | OSError) or type(error).__name__ == "SafetensorError"
    return is_wrapped and any(words in str(error) for words in told)


def is_disk_full(error: BaseException) -> bool:
    """Tell whether an error means that the disk, or what this user may fill of it, is full."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return True
    # safetensors and torch wrap the system's error in their own classes and keep only its words; torch's writer
    # of archives keeps not even these, and says where it wanted to be and how far it came.
    told = ("No space left on device", "os error 28", "PytorchStreamWriter failed writing", ". unexpected pos ")
    return any(words in str(error) for words in told)
