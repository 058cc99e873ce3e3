"""What ended a process that could not say so itself: signals, Windows' status codes, and the memory it held."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

SIGKILL = 9
_SIGNALS = {
    1: "SIGHUP",
    2: "SIGINT",
    3: "SIGQUIT",
    4: "SIGILL",
    6: "SIGABRT",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    15: "SIGTERM",
}
_SIGBUS = (7, 10)
"""On Linux and on macOS."""
_WINDOWS = {
    0xC0000005: 11,
    0xC000001D: 4,
    0xC0000006: 7,
    0xC0000017: SIGKILL,
    0xC00000FD: 11,
    0xC0000409: 6,
    0xC000013A: 2,
}
"""Status codes with which Windows ends a process, as the signals that mean the same."""
_NEARLY_ALL = 0.85
"""From this share of the memory on, it is said to have been short."""
_AMPLE = 0.6

SAVE_MEMORY = "Halve the micro-batch or the maximum length, quantize the base, or close other programs."


@dataclass(frozen=True, slots=True)
class Crash:
    """Why a process ended, in words.

    Attributes:
        code: a stable name for programs.
        title: what happened; ``{what}`` stands for the run or the job.
        detail: why.
        hint: what to do; ``{kept}`` stands for what is kept of the run or the job.
    """

    code: str
    title: str
    detail: str
    hint: str


def signal_of(signal: int | None, exit_code: int | None) -> int | None:
    """Return the signal that ended a process, or the one that means the same as Windows' status code."""
    return signal or _WINDOWS.get((exit_code or 0) & 0xFFFFFFFF)


def explain_signal(number: int, machine: Mapping[str, float]) -> Crash:
    """Return what a signal means.

    Args:
        number: of the signal.
        machine: the last sample before the end, with ``memory_total_gib`` and ``oom_kills``, how many processes the
            system has ended for want of memory meanwhile, where these are known.
    """
    crash = _explain(number, machine)
    name = "SIGBUS" if number in _SIGBUS else _SIGNALS.get(number, "")
    named = f"(Signal {number}, {name}.)" if name else f"(Signal {number}.)"
    return replace(crash, detail=f"{crash.detail} {named}".strip())


def _explain(number: int, machine: Mapping[str, float]) -> Crash:
    if number == SIGKILL:
        return _killed(machine)
    if number in _SIGBUS:
        return Crash(
            "bus-error",
            "The {what} ended while it read or wrote a file.",
            "A file that it had mapped into memory was gone or shorter: the disk is full or fails, a network drive was "
            "disconnected, or somebody changed the model or the data meanwhile.",
            "Check the disk and its room. {kept}",
        )
    if number == 4:
        return Crash(
            "illegal-instruction",
            "The {what} ended: the processor does not know an instruction.",
            "The installed training packages were built for newer processors than this one.",
            "Install builds of PyTorch and its packages for this processor, or train on a newer machine.",
        )
    if number in {6, 8, 11}:
        return Crash(
            "crashed",
            "The {what} crashed.",
            "It could not say why. This comes from the training packages, from the graphics card's driver, or from "
            "faulty memory.",
            "{kept} If it comes again at the same place, update the driver and run the set-up again; the details "
            "hold the last lines of the log.",
        )
    if number in {1, 2, 3, 15}:
        return Crash(
            "ended-from-outside",
            "The {what} was ended from outside.",
            "Somebody ended it, or the machine was shut down.",
            "{kept}",
        )
    return Crash("killed", "The {what} was ended from outside.", "The system or somebody ended it.", "{kept}")


def _killed(machine: Mapping[str, float]) -> Crash:
    held, used, total = (machine.get(name, 0.0) for name in ("process_memory_gib", "memory_gib", "memory_total_gib"))
    figures = ""
    if held and total:
        figures = f" Shortly before, it held {held:.1f} of {total:.1f} GiB"
        figures += f"; all programs together held {used:.1f} GiB." if used > held * 1.1 else "."
    if machine.get("oom_kills", 0) > 0:
        return Crash(
            "memory-ran-out",
            "The {what} was ended by the system, since memory ran out.",
            figures.strip(),
            f"{SAVE_MEMORY} {{kept}}",
        )
    share = max(held, used) / total if total else 1.0
    if "oom_kills" in machine and share < _AMPLE:
        return Crash(
            "killed",
            "The {what} was ended from outside.",
            f"Memory does not seem to have been short.{figures} Somebody ended it, or a limit of the system did.",
            "{kept}",
        )
    title, hint = "The {what} was ended by the system.", f"{SAVE_MEMORY} {{kept}}"
    if total and share >= _NEARLY_ALL:
        return Crash("memory-likely-ran-out", title, f"Memory had nearly run out.{figures}", hint)
    return Crash("killed", title, f"Most often this means that memory ran out.{figures}", hint)
