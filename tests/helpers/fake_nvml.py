"""NVIDIA's management library as far as the program asks it, without a card."""

from types import SimpleNamespace
from typing import Any

GIB = 1024**3


class NVMLError(Exception):
    """An error of the driver, with its number."""

    def __init__(self, value: int, words: str = "") -> None:
        super().__init__(words or f"error {value}")
        self.value = value


class FakeNvml:
    """A driver with one card.

    Attributes:
        computing: memory in GiB by pid of what computes; None where the driver does not tell it.
        drawing: the same of what draws.
        used: memory in use in GiB; by default the sum of these.
        capability: compute capability; None where the driver does not tell it.
        error: what each question is answered with, if anything.
        asked: what was asked for: an index or an identifier.
    """

    NVMLError = NVMLError
    NVML_ERROR_INVALID_ARGUMENT = 2
    NVML_ERROR_NOT_SUPPORTED = 3
    NVML_ERROR_NO_PERMISSION = 4
    NVML_ERROR_NOT_FOUND = 6
    NVML_ERROR_DRIVER_NOT_LOADED = 9
    NVML_ERROR_LIBRARY_NOT_FOUND = 12

    def __init__(self, computing: dict[int, float | None] | None = None) -> None:
        self.computing = computing or {}
        self.drawing: dict[int, float | None] = {}
        self.used: float | None = None
        self.capability: tuple[int, int] | None = (8, 6)
        self.error: NVMLError | None = None
        self.lists_error: NVMLError | None = None
        self.asked: list[int | str] = []

    def nvmlInit(self) -> None:
        self._answer()

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        self.asked.append(index)
        return "card"

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        self.asked.append(uuid)
        return "card"

    def nvmlDeviceGetName(self, _handle: str) -> str:
        self._answer()
        return "Test Card"

    def nvmlDeviceGetCudaComputeCapability(self, _handle: str) -> tuple[int, int]:
        if self.capability is None:
            raise NVMLError(self.NVML_ERROR_NOT_SUPPORTED)
        return self.capability

    def nvmlDeviceGetComputeRunningProcesses(self, _handle: str) -> list[Any]:
        return self._processes(self.computing)

    def nvmlDeviceGetGraphicsRunningProcesses(self, _handle: str) -> list[Any]:
        return self._processes(self.drawing)

    def nvmlDeviceGetMemoryInfo(self, _handle: str) -> Any:
        self._answer()
        used = self.used
        if used is None:
            used = sum(gib or 0.0 for gib in {**self.drawing, **self.computing}.values())
        return SimpleNamespace(used=int(used * GIB), total=24 * GIB)

    def _processes(self, found: dict[int, float | None]) -> list[Any]:
        self._answer()
        if self.lists_error is not None:
            raise self.lists_error
        return [
            SimpleNamespace(pid=pid, usedGpuMemory=None if gib is None else int(gib * GIB))
            for pid, gib in found.items()
        ]

    def _answer(self) -> None:
        if self.error is not None:
            raise self.error
