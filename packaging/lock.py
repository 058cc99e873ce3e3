"""Renew the lock files in packaging/locks.

    python3 -m venv /tmp/uv && /tmp/uv/bin/pip install uv
    /tmp/uv/bin/python packaging/lock.py               keep the locked versions, add what is new
    /tmp/uv/bin/python packaging/lock.py --upgrade     move everything to the newest version allowed

What is asked for stands in pyproject.toml (`dependencies`, the extras `train` and `test`, and the build
requirements), what is held back in locks/constraints.txt, and the version of PyTorch in locks/torch.txt. The
results hold for Linux, macOS and Windows and for every Python the project supports: packages that only some of
them need carry a marker. All three files agree with each other, because the window's and the tests' are
resolved under the training set's versions.

PyTorch itself and the libraries that only its CUDA build brings are left out: see locks/torch.txt.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

PACKAGING = Path(__file__).resolve().parent
LOCKS = PACKAGING / "locks"

# Editable installs without build isolation need the build back end in the environment.
EDITABLE_BUILD = ["editables>=0.5"]

# Left out of the resolution wherever a name starts like this, with torch's own pins on them.
CUDA_ONLY = ("cuda-", "nvidia-cu", "nvidia-nccl", "nvidia-nvjitlink", "nvidia-nvshmem", "nvidia-nvtx", "triton")


def requirements() -> dict[str, list[str]]:
    """Read the three sets of requirements from pyproject.toml."""
    project = tomllib.loads((PACKAGING.parent / "pyproject.toml").read_text(encoding="utf-8"))
    build = project["build-system"]["requires"] + EDITABLE_BUILD
    window = project["project"]["dependencies"] + build
    extras = project["project"]["optional-dependencies"]
    return {"train": window + extras["train"], "window": window, "test": extras["test"]}


def compile_lock(name: str, wanted: list[str], constraints: list[Path], *, upgrade: bool) -> None:
    """Resolve `wanted` with uv and write locks/<name>.txt."""
    target = LOCKS / f"{name}.txt"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"{name}.in"
        source.write_text("\n".join(wanted) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "uv", "pip", "compile", str(source), "--output-file", str(target)]
        command += ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate", "--quiet"]
        command += ["--only-binary", ":all:", "--index-url", "https://pypi.org/simple"]
        command += ["--custom-compile-command", "python packaging/lock.py"]
        for path in constraints:
            command += ["--constraints", str(path)]
        if upgrade:
            command.append("--upgrade")
        subprocess.run(command, check=True)
    target.write_text(without_torch(target.read_text(encoding="utf-8")), encoding="utf-8")
    pins = re.findall(r"^[a-z].*==", target.read_text(encoding="utf-8"), re.MULTILINE)
    print(f"{target.relative_to(PACKAGING.parent)}: {len(pins)} pins")


def without_torch(text: str) -> str:
    """Drop the entries of torch and of the libraries that only its CUDA build brings."""
    kept: list[str] = []
    dropping = False
    for line in text.splitlines():
        if line and not line.startswith((" ", "#")):
            dropping = line.startswith(("torch==", *CUDA_ONLY))
        if not dropping:
            kept.append(line)
    return "\n".join(kept) + "\n"


def main() -> None:
    """Renew all three files; the training set first, the other two within its versions."""
    upgrade = "--upgrade" in sys.argv[1:]
    wanted = requirements()
    base = [LOCKS / "constraints.txt", LOCKS / "torch.txt"]
    compile_lock("train", wanted["train"], base, upgrade=upgrade)
    for name in ("window", "test"):
        compile_lock(name, wanted[name], [*base, LOCKS / "train.txt"], upgrade=upgrade)


if __name__ == "__main__":
    main()
