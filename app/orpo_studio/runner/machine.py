"""Samples of the machine: memory of the trainer and its children, and the GPU where there is one."""

import contextlib
from typing import Any

import psutil

from orpo_studio.events import Machine

GIB = 1024**3


class MachineSampler:
    """Samples for one trainer process."""

    def __init__(self, pid: int) -> None:
        self._trainer = psutil.Process(pid)
        self._gpus = _open_gpus()
        psutil.cpu_percent()  # the first call only sets the mark from which the next one measures

    def sample(self) -> Machine:
        """Return the present values; what cannot be read is left out."""
        values = {"cpu_load": psutil.cpu_percent(), "memory_gib": psutil.virtual_memory().used / GIB}
        with contextlib.suppress(psutil.Error):
            family = [self._trainer, *self._trainer.children(recursive=True)]
            values["process_memory_gib"] = sum(process.memory_info().rss for process in family) / GIB
        if self._gpus is not None:
            values |= self._gpus.values()
        return Machine(values=values)


class _Gpus:
    """NVIDIA's first card, by NVML. Every figure of it is optional: laptops and MIG slices lack some."""

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self._handle = nvml.nvmlDeviceGetHandleByIndex(0)

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
