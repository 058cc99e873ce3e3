"""Is the environment whole? Answered from files alone, in about a tenth of a second."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from setup_steps.places import Places

# A broken environment is one that cannot run. Header files and the packages' own tests are a third of the
# files and never run here.
NOT_LOOKED_AT = frozenset({"__pycache__", "include", "tests"})
_PARTS_NOT_LOOKED_AT = tuple(f"{name}/" for name in NOT_LOOKED_AT)


@dataclass(frozen=True)
class Stamp:
    """What a finished set-up has put into the environment.

    Attributes:
        python: the version of its Python, as in "3.11".
        locks: for each installed set of packages (window, train, test) the fingerprint of its lock file.
        project: the fingerprint of the project's own metadata.
        wanted_torch: the build of PyTorch that was chosen; the one that could be had may be another.
        packages: the installed packages, by the names of their .dist-info folders.
    """

    python: str
    locks: dict[str, str]
    project: str
    wanted_torch: str
    packages: list[str]


def read_stamp(path: Path) -> Stamp | None:
    """Read the stamp; None when there is none that can be used."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Stamp(**{field.name: found[field.name] for field in fields(Stamp)})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_stamp(path: Path, stamp: Stamp) -> None:
    """Write the stamp so that it is there whole or not at all."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(asdict(stamp), indent=1), encoding="utf-8")
    draft.replace(path)


def fingerprint(*paths: Path) -> str:
    """A short name for the content of some files."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def project_fingerprint(places: Places) -> str:
    """The fingerprint of what in pyproject.toml decides about the installation (the linters' settings do not)."""
    project = tomllib.loads((places.root / "pyproject.toml").read_text(encoding="utf-8"))
    deciding = [project.get("project"), project.get("build-system"), project.get("tool", {}).get("hatch")]
    return hashlib.sha256(json.dumps(deciding).encode()).hexdigest()[:16]


def lock_fingerprint(places: Places, name: str) -> str:
    """The fingerprint of a set's lock file; the training set's covers the version of PyTorch too."""
    files = [places.locked(name)] + ([places.locked("torch")] if name == "train" else [])
    return fingerprint(*files)


def python_version(python: Path) -> str:
    """The version ("3.11") of the Python of an environment, an empty text when it does not start."""
    try:
        answer = subprocess.run(
            [str(python), "-I", "-S", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def installed_packages(site_packages: Path) -> list[str]:
    """The installed packages, by the names of their .dist-info folders."""
    return sorted(path.name for path in site_packages.glob("*.dist-info"))


def damaged_packages(site_packages: Path, packages: Iterable[str]) -> list[str]:
    """Those of `packages` (names of .dist-info folders) of which a file that matters is missing."""
    present = set(_files_below(str(site_packages), ""))
    return [name for name in packages if not _is_whole(site_packages / name / "RECORD", present)]


def _files_below(folder: str, prefix: str) -> Iterable[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if not entry.is_dir():
            yield prefix + entry.name
        elif entry.name not in NOT_LOOKED_AT:
            yield from _files_below(entry.path, f"{prefix}{entry.name}/")


def _is_whole(record: Path, present: set[str]) -> bool:
    """Whether every file in a RECORD is in place; set arithmetic, because there are 40,000 lines of them."""
    try:
        lines = record.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    recorded = {line.partition(",")[0] for line in lines if not any(part in line for part in _PARTS_NOT_LOOKED_AT)}
    return bool(lines) and all(_is_there(path, record.parents[1]) for path in recorded - present)


def _is_there(path: str, site_packages: Path) -> bool:
    """Whether a recorded file is in place after all: one that is not among those of site-packages.

    Commands lie elsewhere (../../../bin/ruff), and a name with a comma stands in quotation marks.
    """
    return path.startswith('"') or (site_packages / path).exists()


def what_is_wrong(places: Places, wanted: Iterable[str], *, gpu_appeared: Callable[[], bool]) -> str:
    """Say in a few words why the environment needs work; an empty text when it does not.

    Args:
        wanted: the sets of packages that must be there.
        gpu_appeared: tells whether there is a GPU; asked only where PyTorch was chosen for a machine without.
    """
    if not places.made.exists():
        return "a set-up was broken off" if places.log.exists() else "there is none yet"
    stamp = read_stamp(places.stamp)
    if places.made.read_text(encoding="utf-8") != str(places.venv):
        return "the folder was moved"
    if stamp is None:
        return "the last set-up did not come to its end"
    if python_version(places.python) != stamp.python:
        return "its Python does not start"
    if any(name not in stamp.locks for name in wanted):
        return "packages are missing"
    changed = [name for name, value in stamp.locks.items() if lock_fingerprint(places, name) != value]
    if changed or stamp.project != project_fingerprint(places):
        return "ORPO Studio now asks for other versions"
    if stamp.wanted_torch == "cpu" and gpu_appeared():
        return "a GPU has appeared"
    damaged = damaged_packages(places.site_packages, stamp.packages)
    if damaged:
        return f"{damaged[0].removesuffix('.dist-info')} is incomplete"
    return ""
