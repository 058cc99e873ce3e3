"""The system libraries Qt needs on Linux: find out which are missing, install them or say how."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from setup_steps.problems import SetupError, explain_output
from setup_steps.progress import Step, run_shown


@dataclass(frozen=True)
class Library:
    """A shared library and the packages that bring it on Debian, Fedora and Arch."""

    file: str
    apt: str
    dnf: str
    pacman: str


# Found on a pristine Debian 12: any drawing by Qt needs these six, also without a screen.
DRAWING = (
    Library("libEGL.so.1", "libegl1", "libglvnd-egl", "libglvnd"),
    Library("libGL.so.1", "libgl1", "libglvnd-glx", "libglvnd"),
    Library("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon", "libxkbcommon"),
    Library("libdbus-1.so.3", "libdbus-1-3", "dbus-libs", "dbus"),
    Library("libfontconfig.so.1", "libfontconfig1", "fontconfig", "fontconfig"),
    Library("libglib-2.0.so.0", "libglib2.0-0", "glib2", "glib2"),
)
# A window under X11 needs these as well.
X11 = (
    Library("libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor", "xcb-util-cursor"),
    Library("libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm", "xcb-util-wm"),
    Library("libxcb-image.so.0", "libxcb-image0", "xcb-util-image", "xcb-util-image"),
    Library("libxcb-keysyms.so.1", "libxcb-keysyms1", "xcb-util-keysyms", "xcb-util-keysyms"),
    Library("libxcb-render-util.so.0", "libxcb-render-util0", "xcb-util-renderutil", "xcb-util-renderutil"),
    Library("libxcb-shape.so.0", "libxcb-shape0", "libxcb", "libxcb"),
    Library("libxcb-xkb.so.1", "libxcb-xkb1", "libxcb", "libxcb"),
    Library("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11", "libxkbcommon-x11"),
)
WAYLAND = (
    Library("libwayland-client.so.0", "libwayland-client0", "libwayland-client", "wayland"),
    Library("libwayland-cursor.so.0", "libwayland-cursor0", "libwayland-cursor", "wayland"),
)

APT_PATIENCE = 300  # seconds to wait for another apt, such as the upgrades a new machine does by itself

COMMANDS = {
    "apt-get": "apt-get install -y --no-install-recommends",
    "dnf": "dnf install -y",
    "pacman": "pacman -S --needed",
}


def needed(environment: Mapping[str, str]) -> tuple[Library, ...]:
    """The libraries this session needs: more of them with a screen."""
    if environment.get("DISPLAY"):
        return DRAWING + X11
    if environment.get("WAYLAND_DISPLAY"):
        return DRAWING + WAYLAND
    return DRAWING


def can_load(file: str) -> bool:
    """Whether the system's loader finds a shared library and all that it needs itself."""
    try:
        ctypes.CDLL(file)
    except OSError:
        return False
    return True


def missing(libraries: Iterable[Library], loads: Callable[[str], bool] = can_load) -> list[Library]:
    """The libraries that cannot be loaded."""
    return [library for library in libraries if not loads(library.file)]


def install_command(libraries: Sequence[Library], manager: str) -> list[str]:
    """The command that brings the libraries with one of the package managers in COMMANDS."""
    names = {
        "apt-get": [library.apt for library in libraries],
        "dnf": [library.dnf for library in libraries],
        "pacman": [library.pacman for library in libraries],
    }[manager]
    return [*COMMANDS[manager].split(), *dict.fromkeys(names)]


def advice(libraries: Sequence[Library], find: Callable[[str], str | None] = shutil.which) -> str:
    """What to type so that the libraries come, for this machine's package manager."""
    for manager in COMMANDS:
        if find(manager):
            return "Install them with:\n  sudo " + " ".join(install_command(libraries, manager))
    return "Install the packages of your system that bring: " + ", ".join(library.file for library in libraries)


def may_use_apt() -> bool:
    """Whether packages can be installed without asking anybody: root on a system with apt."""
    return sys.platform == "linux" and os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(packages: list[str], title: str, log: Path) -> None:
    """Install Debian packages as root, refreshing apt's lists when they are absent or out of date.

    Raises:
        SetupError: apt could not do it.
    """
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    apt = ["apt-get", "-o", f"DPkg::Lock::Timeout={APT_PATIENCE}"]
    install = [*apt, "install", "-y", "--no-install-recommends", *packages]
    step = Step(title)
    watcher = _AptWatcher()
    code, output = 1, ""
    if _apt_has_lists():
        code, output = run_shown(install, step, log, on_line=watcher, status=watcher.status, environment=environment)
    if code != 0:
        code, output = run_shown(
            [*apt, "update"], step, log, status=lambda: "reading apt's package lists", environment=environment
        )
        if code == 0:
            code, output = run_shown(
                install, step, log, on_line=watcher, status=watcher.status, environment=environment
            )
    if code != 0:
        step.failed()
        problem = explain_output(title, output, log)
        by_hand = f"Or install them by hand: {COMMANDS['apt-get']} {' '.join(packages)}"
        raise SetupError(problem.title, f"{problem.hint}\n{by_hand}", problem.detail)
    step.done()


def _apt_has_lists() -> bool:
    return any(Path("/var/lib/apt/lists").glob("*Packages*"))


class _AptWatcher:
    """Counts what apt fetches and sets up."""

    def __init__(self) -> None:
        self._fetched = 0
        self._ready = 0

    def __call__(self, line: str) -> None:
        self._fetched += line.startswith("Get:")
        self._ready += line.startswith("Setting up ")

    def status(self) -> str:
        if self._ready:
            return f"{self._ready} packages ready"
        return f"{self._fetched} packages fetched" if self._fetched else ""
