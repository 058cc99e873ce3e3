"""What this machine has and what that means, found without importing torch or Qt into this process."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from orpo_studio import __version__
from orpo_studio.__main__ import has_screen
from orpo_studio.cli.words import GIB
from orpo_studio.runs.launch import training_python
from orpo_studio.words import size

PROBE_SECONDS = 120
TRAINING_PACKAGES = ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "bitsandbytes")
SET_UP = "Set it up with: python3 packaging/start.py"

_TRAINING_PROBE = """
import importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
import torch
cuda = torch.cuda.is_available()
print(json.dumps({"versions": found, "python": sys.version.split()[0], "built_for": torch.version.cuda, "cuda": cuda}))
"""
_WINDOW_PROBE = "import json, PySide6, PySide6.QtWidgets; print(json.dumps({'version': PySide6.__version__}))"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        name: what was looked at.
        value: what is there.
        meaning: what that means for the work, and what to do where something is missing.
        level: a problem is something that is needed and missing.
    """

    name: str
    value: str
    meaning: str = ""
    level: Literal["ok", "note", "problem"] = "ok"


def examine(workspace: Path) -> list[Finding]:
    """Look at everything the program needs; takes some seconds, since torch is imported in another process."""
    gpus = find_gpus()
    return [
        Finding("ORPO Studio", f"{__version__}, Python {platform.python_version()}, {platform.platform()}"),
        *gpu_findings(gpus),
        training_finding(probe(training_python(), _TRAINING_PROBE, *TRAINING_PACKAGES), has_gpu=bool(gpus)),
        window_finding(probe(sys.executable, _WINDOW_PROBE)),
        screen_finding(),
        processor_finding(),
        memory_finding(psutil.virtual_memory().total, psutil.virtual_memory().available),
        disk_finding(workspace),
    ]


@dataclass(frozen=True, slots=True)
class Gpu:
    """An NVIDIA card: its memory in bytes, its driver's version and the newest CUDA that one serves."""

    name: str
    memory: int
    driver: str
    cuda: str


def find_gpus() -> list[Gpu]:
    """Return the NVIDIA cards that the driver's own library (NVML) tells of."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        version = pynvml.nvmlSystemGetCudaDriverVersion()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        driver, cuda = pynvml.nvmlSystemGetDriverVersion(), f"{version // 1000}.{version % 1000 // 10}"
        return [
            Gpu(pynvml.nvmlDeviceGetName(handle), pynvml.nvmlDeviceGetMemoryInfo(handle).total, driver, cuda)
            for handle in handles
        ]
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()


def gpu_findings(gpus: list[Gpu]) -> list[Finding]:
    """Say what the cards are good for."""
    if not gpus:
        return [
            Finding(
                "GPU",
                "no NVIDIA GPU",
                "Training runs on the CPU: fine for the demo and for models up to about 0.5 billion parameters.",
                "note",
            )
        ]
    return [
        Finding("GPU", f"{gpu.name}, {gpu.memory / GIB:.0f} GiB, driver {gpu.driver} (CUDA {gpu.cuda})", _fits(gpu))
        for gpu in gpus
    ]


def _fits(gpu: Gpu) -> str:
    memory = gpu.memory / GIB
    if memory < 7.5:
        return "Enough for 4-bit training (QLoRA) of models up to about 3 billion parameters."
    if memory < 22:
        return "Enough for 4-bit training (QLoRA) of models up to about 7 billion parameters. Recipe: gpu-8gb-qlora."
    if memory < 75:
        return "Enough for LoRA on a 16-bit model of 8 billion parameters. Recipe: gpu-24gb-lora."
    return "Enough for LoRA on models of 30 billion parameters, and for full fine-tuning of small ones."


def training_finding(probe: "Probe", *, has_gpu: bool) -> Finding:
    """Say whether the training packages load, and whether PyTorch sees the GPU."""
    if probe.answer is None:
        return Finding("Training", "the training packages do not load", f"{probe.reason} {SET_UP}", "problem")
    versions = probe.answer["versions"]
    missing = [name for name in TRAINING_PACKAGES if name not in versions]
    value = ", ".join(f"{name} {version}" for name, version in versions.items())
    if missing:
        return Finding("Training", value, f"Missing: {', '.join(missing)}. {SET_UP}", "problem")
    built_for = probe.answer["built_for"]
    if probe.answer["cuda"]:
        return Finding("Training", value, f"PyTorch uses the GPU (built for CUDA {built_for}).")
    if not has_gpu:
        return Finding("Training", value, "PyTorch computes on the CPU.")
    if built_for is None:
        meaning = f"There is a GPU, but this PyTorch is the build for CPUs, so training is slow. {SET_UP}"
    else:
        meaning = f"There is a GPU, but PyTorch (for CUDA {built_for}) cannot use it. Update the NVIDIA driver."
    return Finding("Training", value, meaning, "problem")


def window_finding(probe: "Probe") -> Finding:
    """Say whether the window's libraries load."""
    if probe.answer is None:
        meaning = f"The window cannot open; the terminal works. {probe.reason} {SET_UP}"
        return Finding("Window", "its libraries do not load", meaning, "problem")
    return Finding("Window", f"PySide6 {probe.answer['version']}", "Its libraries load.")


def screen_finding() -> Finding:
    """Say whether there is a screen."""
    if has_screen():
        return Finding("Screen", os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or "found")
    return Finding("Screen", "none", "The window needs one; every step works in the terminal.", "note")


def processor_finding() -> Finding:
    """Say how many cores may be used."""
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return Finding("Processor", f"{usable} cores to use ({platform.machine()})")


def memory_finding(total: int, available: int) -> Finding:
    """Say whether the main memory serves."""
    value = f"{total / GIB:.1f} GiB, {available / GIB:.1f} GiB of it free"
    if available < 2 * GIB:
        return Finding("Memory", value, "Little is free: the demo needs about 2 GiB. Close other programs.", "note")
    return Finding("Memory", value)


def disk_finding(workspace: Path) -> Finding:
    """Say whether the workspace can be written and has room."""
    place = next((path for path in (workspace, *workspace.parents) if path.exists()), Path(workspace.anchor))
    try:
        free = shutil.disk_usage(place).free
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"0")
    except OSError as error:
        meaning = f"{place}: {error.strerror or error}. Name another workspace with --workspace."
        return Finding("Workspace", str(workspace), f"It cannot be written. {meaning}", "problem")
    value = f"{workspace}, {size(free)} free"
    if free < 1e9:
        return Finding("Workspace", value, "Not enough for a run. Make room, or name another workspace.", "problem")
    if free < 20e9:
        return Finding("Workspace", value, "Enough for small models; a merged 8-billion model takes 16 GB.", "note")
    return Finding("Workspace", value)


@dataclass(frozen=True, slots=True)
class Probe:
    """Answer of another process, or the reason why there is none."""

    answer: dict[str, Any] | None
    reason: str = ""


def probe(python: str, program: str, *arguments: str) -> Probe:
    """Run a short program in another process and read the JSON object it prints."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    try:
        done = subprocess.run(
            [python, "-P", "-c", program, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_SECONDS,
            check=False,
            env=environment,
        )
        if done.returncode == 0:
            return Probe(json.loads(done.stdout.splitlines()[-1]))
    except subprocess.TimeoutExpired:
        return Probe(None, f"They took more than {PROBE_SECONDS} s.")
    except (OSError, ValueError, IndexError) as error:
        return Probe(None, f"{error}.")
    return Probe(None, f"{(done.stderr.strip().splitlines() or [f'Exit code {done.returncode}'])[-1]}.")
