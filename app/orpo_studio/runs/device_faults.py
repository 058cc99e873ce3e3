"""What graphics cards and their drivers say when they fail, in words; by text alone, without torch."""

import re
from dataclasses import dataclass, replace

_RESUME = "What was saved is kept: go on from the last checkpoint."


@dataclass(frozen=True, slots=True)
class DeviceFault:
    """A failure of a graphics card or of its driver.

    Attributes:
        title: what happened.
        hint: what to do.
        signs: beginnings of the driver's words for it, in small letters.
        line: the line that says so.
    """

    title: str
    hint: str
    signs: tuple[str, ...] = ()
    line: str = ""


_FAULTS = (
    DeviceFault(
        title="A number was out of range on the graphics card.",
        hint="Most often the data holds a token that the model does not know: check that tokenizer and model belong "
        "together. The card itself is well.",
        signs=("device-side assert",),
    ),
    DeviceFault(
        title="The installed PyTorch does not support this graphics card.",
        hint="The card is newer or older than those that PyTorch was built for. Install the build of PyTorch for it.",
        signs=("no kernel image is available", "invalid device function"),
    ),
    DeviceFault(
        title="The graphics card's driver is too old for the installed PyTorch.",
        hint="Update the driver and restart the machine.",
        signs=("driver version is insufficient", "driver on your system is too old", "unsupported toolchain"),
    ),
    DeviceFault(
        title="The graphics card's memory is faulty (ECC error).",
        hint=f"Restart the machine, which takes the faulty place out of use. {_RESUME} If it comes again, have the "
        "card checked.",
        signs=("uncorrectable ecc", "uncorrectable nvlink", "hardware error"),
    ),
    DeviceFault(
        title="The graphics card's driver ended a computation that took too long.",
        hint="A card that also shows the screen has such a limit. Halve the micro-batch or the maximum length, or use "
        f"a card without a screen. {_RESUME}",
        signs=("launch timed out",),
    ),
    DeviceFault(
        title="The graphics card is taken by another program.",
        hint=f"End the other program, or wait for it. {_RESUME}",
        signs=("busy or unavailable", "devices are busy"),
    ),
    DeviceFault(
        title="The connection to the graphics card was lost.",
        hint=f"The driver was updated or reset, or the machine slept. Restart the machine. {_RESUME}",
        signs=(
            "no cuda-capable device",
            "no hip-capable device",
            "no cuda gpus are available",
            "gpu is lost",
            "driver shutting down",
            "initialization error",
            "system not yet initialized",
        ),
    ),
    DeviceFault(
        title="The graphics card failed in the middle of a computation.",
        hint=f"{_RESUME} If it comes again: update the driver, undo overclocking, and watch the card's temperature.",
        signs=(
            "unspecified launch failure",
            "illegal memory access",
            "illegal instruction",
            "misaligned address",
            "invalid program counter",
            "unknown error",
            "_status_execution_failed",
            "_status_internal_error",
        ),
    ),
)
_OTHER = DeviceFault(
    title="The graphics card reported an error.",
    hint=f"{_RESUME} If it comes again: update the driver and restart the machine.",
)
_NAMED = re.compile(r"CUDA|NVIDIA|\bHIP\b|CUBLAS|CUDNN|HIPBLAS|MIOpen|GPU", re.IGNORECASE)
_ERROR = re.compile(r"(?:CUDA|HIP|cuBLAS|cuDNN|MIOpen) (?:driver )?error|(?:CUBLAS|CUDNN|HIPBLAS)_STATUS_")
_ELSEWHERE = re.compile(r"out of memory|ALLOC_FAILED|warn", re.IGNORECASE)
"""Memory that ran out has words of its own, and what was only warned of has ended nothing."""


def find_device_fault(text: str) -> DeviceFault | None:
    """Return the failure that an error or the end of a log tells of; None where it tells of none."""
    for line in text.splitlines():
        if not _NAMED.search(line) or _ELSEWHERE.search(line):
            continue
        told = line.lower()
        fault = next((known for known in _FAULTS if any(sign in told for sign in known.signs)), None)
        if fault is None and _ERROR.search(line):
            fault = _OTHER
        if fault is not None:
            return replace(fault, line=line.strip()[:600])
    return None
