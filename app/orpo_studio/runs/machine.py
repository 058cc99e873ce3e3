"""Samples of the machine: its memory and load, one process with its children, and the GPU where there is one."""

import contextlib
import sys
from pathlib import Path
from typing import Any

import psutil

from orpo_studio.events import Machine

if sys.platform == "win32":
    resource = None
else:
    import resource

GIB = 1024**3
_BF16_FROM = (8, 0)
"""Compute capability from which on cards have bfloat16 in hardware: Ampere's."""


def memory_limit() -> int:
    """Return how much main memory this process can have, in bytes: the machine's, or less where there is a limit."""
    limits = [psutil.virtual_memory().total]
    for path in _control_groups():
        for name in ("memory.max", "memory.limit_in_bytes"):  # version 2 and 1
            with contextlib.suppress(OSError, ValueError):
                limits.append(int((path / name).read_text()))
    if resource is not None:
        for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
            soft, _ = resource.getrlimit(kind)
            if soft != resource.RLIM_INFINITY:
                limits.append(soft)
    return min(limits)


def _control_groups() -> list[Path]:
    """Return the folders of this process's control groups, with those above them; none but on Linux."""
    found = []
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers not in {"", "memory"}:
                continue
            root = Path("/sys/fs/cgroup") / controllers
            here = root / path.lstrip("/")
            found += [here, *(above for above in here.parents if above.is_relative_to(root))]
    return found


def oom_kills() -> int | None:
    """Return how many processes the system has ended so far for want of memory; None where it does not say."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/vmstat").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("oom_kill ")).split()[1])
    return None


class MachineSampler:
    """Samples of the machine, and of the process ``pid`` with its children when one is named."""

    def __init__(self, pid: int | None = None) -> None:
        self._process = psutil.Process(pid) if pid is not None else None
        self._gpus = _open_gpus()
        self.gpu_name = self._gpus.name if self._gpus else ""
        self.gpu_total_gib = self._gpus.total_gib if self._gpus else 0.0
        self.gpu_has_bf16 = self._gpus.has_bf16 if self._gpus else False
        self.memory_total_gib = psutil.virtual_memory().total / GIB
        psutil.cpu_percent()  # the first call only sets the mark from which the next one measures

    def sample(self) -> Machine:
        """Return the present values; what cannot be read is left out."""
        values = {"cpu_load": psutil.cpu_percent(), "memory_gib": psutil.virtual_memory().used / GIB}
        if self._process is not None:
            with contextlib.suppress(psutil.Error):
                family = [self._process, *self._process.children(recursive=True)]
                values["process_memory_gib"] = sum(process.memory_info().rss for process in family) / GIB
        if self._gpus is not None:
            values |= self._gpus.values()
        return Machine(values=values)


class _Gpus:
    """NVIDIA's first card, by NVML. Every figure of it is optional: laptops and MIG slices lack some."""

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self._handle = nvml.nvmlDeviceGetHandleByIndex(0)
        name = nvml.nvmlDeviceGetName(self._handle)
        self.name = name.decode() if isinstance(name, bytes) else str(name)
        self.total_gib = nvml.nvmlDeviceGetMemoryInfo(self._handle).total / GIB
        self.has_bf16 = True
        with contextlib.suppress(nvml.NVMLError):
            self.has_bf16 = nvml.nvmlDeviceGetCudaComputeCapability(self._handle) >= _BF16_FROM

    def values(self) -> dict[str, float]:
        nvml, found = self._nvml, {}
        with contextlib.suppress(nvml.NVMLError):
            found["gpu_memory_gib"] = nvml.nvmlDeviceGetMemoryInfo(self._handle).used / GIB
        with contextlib.suppress(nvml.NVMLError):
            found["gpu_load"] = float(nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu)
        with contextlib.suppress(nvml.NVMLError):
            found["gpu_temperature"] = float(nvml.nvmlDeviceGetTemperature(self._handle, 0))
        with contextlib.suppress(nvml.NVMLError):
            found["gpu_power_w"] = nvml.nvmlDeviceGetPowerUsage(self._handle) / 1000
        return found


def _open_gpus() -> _Gpus | None:
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        return _Gpus(pynvml)
    except pynvml.NVMLError:
        return None
