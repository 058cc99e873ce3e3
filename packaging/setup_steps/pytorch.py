"""Which build of PyTorch this machine should have, and where it can come from."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PYTORCH_INDEX = "https://download.pytorch.org/whl"
CUDA_INDEX = "cu130"  # the CUDA that the locked version is built for on the plain registry as well
INDEX_PATIENCE = 3.0  # seconds; where the index is out of reach, name look-ups alone can take a minute

DRIVER_FILES = ("/proc/driver/nvidia/version", "/dev/nvidia0", "/usr/lib/wsl/lib/nvidia-smi")


@dataclass(frozen=True)
class Choice:
    """A build of PyTorch ("cuda", "cpu", or "any" where a system has only one) and why it was chosen."""

    build: str
    reason: str


def choose(system: str, gpu: str) -> Choice:
    """Choose the build for a system (as `platform.system()` names it) and a GPU as `find_gpu` describes it."""
    if system == "Darwin":
        return Choice("any", "macOS has one build, which uses Apple's GPU by itself")
    if gpu:
        return Choice("cuda", f"there is an NVIDIA GPU: {gpu}")
    return Choice("cpu", "no NVIDIA GPU was found")


def find_gpu() -> str:
    """Describe the NVIDIA GPU in one line, or return an empty text where there is none that can be used."""
    program = shutil.which("nvidia-smi") or next(
        (f for f in DRIVER_FILES if f.endswith("smi") and Path(f).exists()), None
    )
    if program:
        try:
            listed = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=15, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        gpus = [line for line in listed.stdout.splitlines() if line.startswith("GPU ")]
        if listed.returncode == 0 and gpus:
            name = re.sub(r"GPU \d+: | \(UUID:.*", "", gpus[0])
            return name if len(gpus) == 1 else f"{len(gpus)} × {name}"
        return ""
    if Path("/proc/driver/nvidia/version").exists():
        return "found by its driver, /proc/driver/nvidia/version"
    return ""


def driver_present() -> bool:
    """Whether there may be an NVIDIA GPU, found out without starting anything."""
    return any(Path(name).exists() for name in DRIVER_FILES) or shutil.which("nvidia-smi") is not None


def installed_version(site_packages: Path) -> str:
    """The version of the installed PyTorch, an empty text when there is none."""
    match = re.search(r"^__version__\s*=\s*'([^']+)'", _version_file(site_packages), re.MULTILINE)
    return match.group(1) if match else ""


def installed_build(site_packages: Path) -> str:
    """The build of the installed PyTorch: "cuda", "cpu", or an empty text when there is none.

    Read from torch/version.py, because importing torch takes seconds.
    """
    text = _version_file(site_packages)
    if not text:
        return ""
    return "cuda" if re.search(r"^cuda\b[^=\n]*=\s*'", text, re.MULTILINE) else "cpu"


def _version_file(site_packages: Path) -> str:
    path = site_packages / "torch" / "version.py"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def satisfies(installed: str, wanted: str) -> bool:
    """Whether an installed version is the pinned one, whatever its build ("2.13.0+cpu" is "2.13.0")."""
    return installed.partition("+")[0] == wanted


def pinned_version(torch_lock: Path) -> str:
    """The version in locks/torch.txt."""
    match = re.search(r"^torch==(\S+)", torch_lock.read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise ValueError(f"{torch_lock} pins no version of torch")
    return match.group(1)


def attempts(choice: Choice, version: str, system: str, offers: Callable[[str], bool]) -> list[list[str]]:
    """The words for `pip install` that may bring the chosen build, best first.

    Args:
        offers: tells whether PyTorch's own index of that name ("cpu", "cu130") answers and has the version.
    """
    plain = [f"torch=={version}"]
    if choice.build == "cpu" and offers("cpu"):
        return [[*plain, "--index-url", f"{PYTORCH_INDEX}/cpu"], plain]
    if choice.build == "cuda" and system == "Windows" and offers(CUDA_INDEX):
        return [[*plain, "--upgrade", "--index-url", f"{PYTORCH_INDEX}/{CUDA_INDEX}"], plain]
    if choice.build == "cuda" and system == "Linux":
        # The plain registry's build for Linux is the CUDA one and carries no local version; `===` keeps a
        # "+cpu" wheel, which counts as newer, from being taken instead.
        return [[f"torch==={version}"], plain]
    return [plain]


def index_offers(name: str, version: str) -> bool:
    """Whether PyTorch's own index answers within INDEX_PATIENCE and has this version for this Python."""
    import urllib.error
    import urllib.request

    answer: list[str] = []

    def ask() -> None:
        request = f"{PYTORCH_INDEX}/{name}/torch/"
        try:
            with urllib.request.urlopen(request, timeout=INDEX_PATIENCE) as reply:
                answer.append(reply.read().decode("utf-8", "replace"))
        except (urllib.error.URLError, OSError, ValueError):
            return

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(INDEX_PATIENCE)
    return bool(answer) and has_wheel(answer[0], version, sys.version_info[:2], platform.machine())


def has_wheel(page: str, version: str, python: tuple[int, int], machine: str) -> bool:
    """Whether an index page lists a build of this version for a Python and a machine (as `platform` names it)."""
    tag = f"cp{python[0]}{python[1]}"
    wheel = rf"torch-{re.escape(version)}(?:%2B|\+)\w+-{tag}-{tag}-\w*{re.escape(machine.lower())}"
    return re.search(wheel, page) is not None
