"""Make the virtual environment, or clear away one that cannot be repaired."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from setup_steps import health, system_libraries
from setup_steps.places import Places
from setup_steps.problems import SetupError, explain_os_error, explain_output
from setup_steps.progress import Step, run_shown

KEPT = {"setup.lock", "setup.log"}


def own_environment() -> dict[str, str]:
    """The environment variables without those that would mix other installations into ours."""
    foreign = {"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
    return {name: value for name, value in os.environ.items() if name not in foreign}


def base_python() -> Path:
    """The Python the environment is made with: the one running, or its base if that is an environment."""
    return Path(getattr(sys, "_base_executable", "") or sys.executable)


def ensure_venv(places: Places, keep_open: tuple[int, ...]) -> None:
    """Make the environment unless there is one whose Python and pip can be worked with.

    Raises:
        SetupError: it cannot be made here.
    """
    if _usable(places):
        return
    clear(places)
    _require_ensurepip(places)
    step = Step("Making the Python environment")
    command: list[str | Path] = [base_python(), "-I", "-m", "venv", places.venv]
    code, output = run_shown(command, step, places.log, environment=own_environment(), keep_open=keep_open)
    if code != 0:
        step.failed()
        raise explain_output("Making the Python environment", output, places.log)
    places.made.write_text(str(places.venv), encoding="utf-8")
    step.done(f"Python {sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}")


def _usable(places: Places) -> bool:
    """Whether the environment was made here, its Python starts, is new enough and its pip is whole."""
    if not places.made.exists() or places.made.read_text(encoding="utf-8") != str(places.venv):
        return False
    version = health.python_version(places.python)
    if not version or tuple(map(int, version.split("."))) < (3, 11):
        return False
    site_packages = places.site_packages
    if not places.windows and site_packages.parent.name != f"python{version}":
        return False  # the Python it was made with has been replaced by the next one
    pip = [name for name in health.installed_packages(site_packages) if name.startswith("pip-")]
    return bool(pip) and not health.damaged_packages(site_packages, pip)


def clear(places: Places) -> None:
    """Remove all that is in the environment but the lock and the log.

    Raises:
        SetupError: something in it is in use or belongs to somebody else.
    """
    places.made.unlink(missing_ok=True)
    try:
        for entry in places.venv.iterdir():
            if entry.name in KEPT:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    except PermissionError as error:
        raise SetupError(
            f"The broken environment could not be removed: {error}.",
            f"Close ORPO Studio if it is running, delete {places.venv} and run the same command again.",
        ) from error
    except OSError as error:
        raise explain_os_error(error, places.venv) from error


def _require_ensurepip(places: Places) -> None:
    """Debian and Ubuntu keep a part of Python in a package of its own: bring it, or say how."""
    if _base_has_ensurepip():
        return
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if system_libraries.may_use_apt():
        system_libraries.apt_install([package], f"Installing {package} (this Python comes without it)", places.log)
        return
    if shutil.which("apt-get"):
        hint = f"Install it and run the same command again:\n  sudo apt install {package}"
    else:
        hint = "Use a complete Python, for instance from https://www.python.org/downloads/ ."
    raise SetupError(f"This Python ({base_python()}) cannot make environments: its ensurepip is missing.", hint)


def _base_has_ensurepip() -> bool:
    if sys.prefix == sys.base_prefix:
        return importlib.util.find_spec("ensurepip") is not None and importlib.util.find_spec("venv") is not None
    command = [str(base_python()), "-I", "-c", "import ensurepip, venv"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
