"""Samples of the machine: its memory and load, one process with its children, and the GPU where there is one."""

import contextlib
from typing import Any

import psutil

from orpo_studio.events import Machine

GIB = 1024**3


class MachineSampler:
    """Samples of the machine, and of the process ``pid`` with its children when one is named."""

    def __init__(self, pid: int | None = None) -> None:
        self._process = psutil.Process(pid) if pid is not None else None
        self._gpus = _open_gpus()
        self.gpu_name = self._gpus.name if self._gpus else ""
        self.gpu_total_gib = self._gpus.total_gib if self._gpus else 0.0
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
