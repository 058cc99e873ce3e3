"""How much memory a process took at its highest: of its card, or of main memory."""

import contextlib
import sys
from pathlib import Path

import psutil
import torch

from orpo_studio.runs.card import GIB, CardWatch

_CLEAR_PEAK = "5"
"""What Linux takes to forget the highest resident memory so far (proc(5), ``clear_refs``)."""
_MOST_OF_DRIVER = 2 * 2**30
"""A driver takes less; a larger difference is another program's."""


class PeakMemory:
    """The highest memory since :meth:`start`. Make it before the model is loaded: what is taken by then is no model's.

    On a card it is what torch's allocator reserved, which is more than was ever in use at once but is what others
    cannot have, and what the driver took beside it. In main memory it is the resident memory of this process.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._others = _card_in_use() if device.type == "cuda" else 0
        self._before = psutil.Process().memory_info().rss

    def start(self) -> None:
        """Forget what was highest so far, where the system can: loading takes more for a moment."""
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            with contextlib.suppress(OSError):
                Path("/proc/self/clear_refs").write_text(_CLEAR_PEAK, encoding="ascii")

    def read(self) -> tuple[int, int]:
        """Return (highest, of it what driver and libraries take), in bytes."""
        if self._device.type == "cuda":
            beside = _card_in_use() - self._others - torch.cuda.memory_reserved(self._device)
            driver = min(max(beside, 0), _MOST_OF_DRIVER)
            return torch.cuda.max_memory_reserved(self._device) + driver, driver
        peak = _peak_resident()
        if self._device.type == "mps":  # its pool gives nothing back, so what it holds is the most it held
            peak = max(peak, self._before + int(torch.mps.driver_allocated_memory()))
        return peak, min(self._before, peak)


def _card_in_use() -> int:
    """Return the bytes of the card that anybody uses; 0 where the driver does not say."""
    use = CardWatch().look()
    return 0 if use.total_gib is None or use.free_gib is None else int((use.total_gib - use.free_gib) * GIB)


def _peak_resident() -> int:
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
    memory = psutil.Process().memory_info()
    if sys.platform == "win32":
        return int(memory.peak_wset)
    import resource

    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * (1 if sys.platform == "darwin" else 1024)
