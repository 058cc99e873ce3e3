"""Who holds the card: programs that compute on it with memory of their own, as NVIDIA's driver tells."""

import os
from dataclasses import dataclass, field
from typing import Any

import psutil

GIB = 1024**3
HOLDS_GIB = 1.0
"""A program with less is no hindrance: a notebook that has only imported something, a desktop's effects."""
UNSEEN_GIB = 4.0
"""More memory than this in use, of which the driver names no program, belongs to one that cannot be seen from here."""


@dataclass(frozen=True, slots=True)
class CardHolder:
    """A program that holds the card; ``pid`` is 0 where it cannot be seen from here."""

    name: str
    pid: int
    gib: float

    def __str__(self) -> str:
        who = f"process {self.pid}, " if self.pid else ""
        return f"{self.name} ({who}{self.gib:.1f} GiB)"


@dataclass(frozen=True, slots=True)
class CardUse:
    """How the card is used. Nothing is known where there is none.

    Attributes:
        holders: programs that hold it, the largest first.
        fault: why it cannot be used at all, if so.
        free_gib: memory that is free at present.
        total_gib: all of its memory.
    """

    holders: tuple[CardHolder, ...] = ()
    fault: str = ""
    free_gib: float | None = field(default=None, compare=False)
    total_gib: float | None = field(default=None, compare=False)


class CardWatch:
    """Looks at the card on which training runs: the first of those that CUDA may see.

    Args:
        nvml: the driver's library; by default the real one, where it is installed.
    """

    def __init__(self, nvml: Any = None) -> None:
        self._nvml = nvml if nvml is not None else _nvml()
        self._handle: Any = None
        self._was_seen = False

    def look(self) -> CardUse:
        """Return how the card is used at present; processes started from this one do not count."""
        if self._nvml is None or os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in {"", "-1"}:
            return CardUse()
        try:
            if self._handle is None:
                self._handle = self._open()
                self._was_seen = True
            memory = self._nvml.nvmlDeviceGetMemoryInfo(self._handle)
            used, total = memory.used / GIB, memory.total / GIB
            return CardUse(tuple(self._holders(used)), free_gib=total - used, total_gib=total)
        except self._nvml.NVMLError as error:  # after a reset the driver has to be asked anew, from the beginning
            self._handle = None
            return CardUse(fault=str(error)) if self._was_seen or not self._is_absent(error) else CardUse()

    def _open(self) -> Any:
        nvml = self._nvml
        nvml.nvmlInit()
        wanted = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
        if wanted.isdecimal():
            return nvml.nvmlDeviceGetHandleByIndex(int(wanted))
        return nvml.nvmlDeviceGetHandleByUUID(wanted)

    def _is_absent(self, error: Any) -> bool:
        """Tell whether an error says that there is no such card here, rather than that it is out of order."""
        nvml = self._nvml
        return error.value in {
            nvml.NVML_ERROR_LIBRARY_NOT_FOUND,
            nvml.NVML_ERROR_DRIVER_NOT_LOADED,
            nvml.NVML_ERROR_NOT_FOUND,
            nvml.NVML_ERROR_INVALID_ARGUMENT,
        }

    def _holders(self, used: float) -> list[CardHolder]:
        nvml = self._nvml
        computing = self._processes(nvml.nvmlDeviceGetComputeRunningProcesses)
        drawing = self._processes(nvml.nvmlDeviceGetGraphicsRunningProcesses)
        named = {**drawing, **computing}
        unseen = used - sum(named.values())
        holders = [
            CardHolder(_name(pid), pid, gib) for pid, gib in computing.items() if gib >= HOLDS_GIB and not _is_ours(pid)
        ]
        if unseen >= UNSEEN_GIB and not any(_is_ours(pid) for pid in named):
            # In a container, say, or on a driver that tells no memory of single programs.
            holders.append(CardHolder("a program that cannot be seen from here", 0, unseen))
        return sorted(holders, key=lambda holder: -holder.gib)

    def _processes(self, ask: Any) -> dict[int, float]:
        """Return memory in GiB by pid; 0 where the driver does not tell it."""
        try:
            return {int(found.pid): (found.usedGpuMemory or 0) / GIB for found in ask(self._handle)}
        except self._nvml.NVMLError as error:
            if error.value in {self._nvml.NVML_ERROR_NOT_SUPPORTED, self._nvml.NVML_ERROR_NO_PERMISSION}:
                return {}
            raise


def _nvml() -> Any:
    try:
        import pynvml
    except ImportError:
        return None
    return pynvml


def _name(pid: int) -> str:
    try:
        return psutil.Process(pid).name() or "a program"
    except psutil.Error:
        return "a program"


def _is_ours(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return pid == os.getpid() or any(parent.pid == os.getpid() for parent in process.parents())
    except psutil.Error:
        return False
