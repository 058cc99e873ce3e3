"""Where the set-up keeps its things, on each system."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """The paths of one checkout. `windows` decides between Scripts/ and bin/."""

    root: Path
    windows: bool = os.name == "nt"

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def programs(self) -> Path:
        return self.venv / ("Scripts" if self.windows else "bin")

    def program(self, name: str) -> Path:
        """The path of a command inside the environment."""
        return self.programs / (f"{name}.exe" if self.windows else name)

    @property
    def python(self) -> Path:
        return self.program("python")

    @property
    def site_packages(self) -> Path:
        """The folder of installed packages; the one of Python 3.11 when the environment is not there yet."""
        if self.windows:
            return self.venv / "Lib" / "site-packages"
        found = sorted(self.venv.glob("lib/python3*/site-packages"))
        return found[-1] if found else self.venv / "lib" / "python3.11" / "site-packages"

    @property
    def made(self) -> Path:
        """Written once `python -m venv` has come to its end; holds the environment's path.

        The commands in an environment hold that path too: one that was moved does not work.
        """
        return self.venv / "made"

    @property
    def stamp(self) -> Path:
        """Written last, after everything else has succeeded."""
        return self.venv / "setup.json"

    @property
    def log(self) -> Path:
        return self.venv / "setup.log"

    @property
    def lock(self) -> Path:
        return self.venv / "setup.lock"

    @property
    def downloads(self) -> Path:
        return self.venv / "downloads"

    def locked(self, name: str) -> Path:
        """One of the files of pinned versions: window, train, test, torch."""
        return self.root / "packaging" / "locks" / f"{name}.txt"
