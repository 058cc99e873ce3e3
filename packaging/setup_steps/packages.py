"""Install the locked packages, PyTorch and the program itself with the environment's pip."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from setup_steps import health, pytorch
from setup_steps.environment import own_environment
from setup_steps.places import Places
from setup_steps.problems import SetupError, explain_output
from setup_steps.progress import Step, megabytes, run_shown, say

TITLES = {
    "window": "Packages of the window",
    "train": "Packages of the window and of training",
    "test": "Test tools",
}

# Most of the modules are never imported. Compiling them all took half of the whole set-up's time (84 s of CPU
# against 43 s); those that are needed compile themselves when they are first tried out.
QUICKLY = ["install", "--no-compile", "--progress-bar", "off"]


class PipWatcher:
    """Follows pip's output, and the folders it writes to, to tell how far it is."""

    def __init__(self, site_packages: Path, downloads: Path, expected: int) -> None:
        self._site_packages = site_packages
        self._downloads = downloads
        self._expected = expected
        self._seen = 0
        self._current = ""
        self._before = 0
        self._installing = 0

    def __call__(self, line: str) -> None:
        """Take in a line of pip's output."""
        text = line.strip()
        if text.startswith("Ignoring "):  # locked for another system
            self._expected -= 1
        elif text.startswith(("Collecting ", "Requirement already satisfied")):
            self._seen += 1
        elif match := re.match(r"(?:Downloading|Using cached) (?:\S*/)?([^/\s]+?)-[^/\s]*(?: \(([^)]+)\))?$", text):
            self._current = f"{match.group(1)} {match.group(2) or ''}".strip()
        elif text.startswith("Installing collected packages:"):
            self._installing = text.count(",") + 1
            self._before = len(health.installed_packages(self._site_packages))

    def status(self) -> str:
        """How far pip is, for the progress line."""
        if self._installing:
            ready = len(health.installed_packages(self._site_packages)) - self._before
            if self._installing == 1:
                return "unpacking"
            return f"unpacking, {max(0, min(ready, self._installing))} of {self._installing}"
        parts = [f"{min(self._seen, self._expected)} of {self._expected}"] if self._expected else []
        size = _size(self._downloads)
        if size:
            parts.append(megabytes(size))
        return ", ".join([*parts, self._current] if self._current else parts)


def _size(folder: Path) -> int:
    """The bytes below a folder, while pip may be adding and deleting there."""
    total = 0
    for parent, _folders, files in os.walk(folder):
        for file in files:
            with contextlib.suppress(OSError):
                total += (Path(parent) / file).stat().st_size
    return total


def pip(places: Places, words: Sequence[str | Path], title: str, expected: int, keep_open: tuple[int, ...]) -> None:
    """Run pip in the environment and show its progress as one step.

    pip is used because it honours the proxies, mirrors and certificates people have configured for it.

    Raises:
        SetupError: pip failed.
    """
    step = Step(title)
    shutil.rmtree(places.downloads, ignore_errors=True)
    places.downloads.mkdir()
    try:
        watcher = PipWatcher(places.site_packages, places.downloads, expected)
        command = [places.python, "-I", "-m", "pip", "--no-input", "--disable-pip-version-check", *words]
        # pip unpacks into the temporary folder: ours is on the environment's disk, while /tmp is often small.
        environment = {**own_environment(), "TMPDIR": str(places.downloads), "TEMP": str(places.downloads)}
        environment |= {"TMP": str(places.downloads), "PIP_USER": "0", "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
        code, output = run_shown(
            command,
            step,
            places.log,
            on_line=watcher,
            status=watcher.status,
            environment=environment,
            keep_open=keep_open,
        )
    finally:
        shutil.rmtree(places.downloads, ignore_errors=True)
    if code != 0:
        step.failed()
        raise explain_output(title, output, places.log)
    step.done()


def install_locked(places: Places, name: str, keep_open: tuple[int, ...]) -> None:
    """Install one set of packages exactly as locked, hashes demanded."""
    lock = places.locked(name)
    count = len(re.findall(r"^[a-z0-9].*==", lock.read_text(encoding="utf-8"), re.MULTILINE))
    words = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "-r"]
    pip(places, [*QUICKLY, *words, lock], TITLES[name], count, keep_open)


def install_project(places: Places, keep_open: tuple[int, ...]) -> None:
    """Install the program itself, editable, so that the checkout is what runs."""
    words = ["install", "--no-deps", "--no-build-isolation", "--editable", str(places.root)]
    pip(places, words, "ORPO Studio itself", 0, keep_open)


def install_torch(places: Places, choice: pytorch.Choice, keep_open: tuple[int, ...]) -> None:
    """Install the chosen build of PyTorch, or keep the one that is there if it will do.

    Raises:
        SetupError: no build could be had from anywhere.
    """
    version = pytorch.pinned_version(places.locked("torch"))
    names = {"cuda": "the CUDA build", "cpu": "the CPU build", "any": "the build for this system"}
    if _has_torch(places, version):
        build = pytorch.installed_build(places.site_packages)
        if choice.build != "cuda" or build == "cuda":
            say(f"  PyTorch {version} is there ({names[build]}); {choice.reason}")
            return
        say(f"  PyTorch: the CPU build is replaced by the CUDA build; {choice.reason}")
    else:
        say(f"  PyTorch {version}: {names[choice.build]}, because {choice.reason}")
    _try_each(places, choice, version, keep_open)
    build = pytorch.installed_build(places.site_packages)
    if choice.build in {"cuda", "cpu"} and build != choice.build:
        say(f"  The registry has given {names[build]}. It works here" + _shortcoming(build))


def _has_torch(places: Places, version: str) -> bool:
    folders = [name for name in health.installed_packages(places.site_packages) if name.startswith("torch-")]
    installed = pytorch.installed_version(places.site_packages)
    return bool(folders) and pytorch.satisfies(installed, version)


def _shortcoming(build: str) -> str:
    if build == "cpu":
        return ", but does not use the GPU. `orpo-studio doctor` tells what that means."
    return ", it is only larger than needed."


def _try_each(places: Places, choice: pytorch.Choice, version: str, keep_open: tuple[int, ...]) -> None:
    """Install from the first place that has it; keep what is installed when none has."""
    has_one = _has_torch(places, version)
    system = platform.system()
    plans = pytorch.attempts(choice, version, system, lambda index: pytorch.index_offers(index, version))
    if choice.build == "cpu" and len(plans) == 1:
        say("  PyTorch's own index is out of reach or lacks this version; the configured package registry serves")
    for number, words in enumerate(plans):
        try:
            pip(places, [*QUICKLY, *words], f"PyTorch {version}", 0, keep_open)
        except SetupError as problem:
            if number + 1 < len(plans):
                say(f"  {problem.title} Trying the next place.")
            elif has_one:
                say(f"  {problem.title} The CPU build is kept.")
            else:
                raise
        else:
            return


def drop_damaged(places: Places) -> None:
    """Make pip see damaged packages as absent, so that it installs them anew over what is left."""
    site_packages = places.site_packages
    for name in health.damaged_packages(site_packages, health.installed_packages(site_packages)):
        say(f"  {name.removesuffix('.dist-info')} is incomplete and is installed again")
        shutil.rmtree(site_packages / name)
    for left_over in site_packages.glob("~*"):  # what pip has set aside while it was replacing it
        shutil.rmtree(left_over, ignore_errors=True)


def check_imports(places: Places, modules: Sequence[str]) -> None:
    """Import the large libraries once: files that are all there can still fail to load.

    Raises:
        SetupError: one cannot be imported.
    """
    step = Step("Trying out the libraries (the first time takes longest)")
    command: list[str | Path] = [places.python, "-I", "-c", f"import {', '.join(modules)}"]
    result, output = run_shown(command, step, places.log, environment=own_environment())
    if result != 0:
        step.failed()
        problem = explain_output("Trying out the libraries", output, places.log)
        hint = f"{problem.hint}\nIf it stays so, delete {places.venv} and run the same command again."
        raise SetupError(problem.title, hint, problem.detail)
    step.done()
