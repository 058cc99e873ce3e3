"""The command line of packaging/start.py: bring the environment into order, then start something in it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from setup_steps import environment, health, packages, pytorch, system_libraries
from setup_steps.checks import run_checks
from setup_steps.places import Places
from setup_steps.problems import SetupError, explain_os_error
from setup_steps.progress import megabytes, say
from setup_steps.setup_lock import only_one

# On disk after the set-up, and once more for what is downloaded and unpacked meanwhile.
ROOM = {"window": 900e6, "cpu": 3.5e9, "any": 3.5e9, "cuda": 12e9}


@dataclass(frozen=True)
class Plan:
    """What was asked for.

    Attributes:
        sets: the sets of packages that must be there, in the order they are installed.
        test: run the checks instead of the program.
        words: what goes to `orpo-studio`, or to pytest.
    """

    sets: tuple[str, ...]
    test: bool
    words: tuple[str, ...]


def read_words(words: Sequence[str]) -> Plan:
    """Read the command line; everything that is not meant for the set-up is passed on."""
    rest = list(words)
    window_only = rest[:1] == ["--window-only"]
    if window_only:
        rest.pop(0)
    test = rest[:1] == ["test"]
    if test:
        rest.pop(0)
    sets = ("window",) if window_only else ("train",)
    return Plan(sets=(*sets, "test") if test else sets, test=test, words=tuple(rest))


def has_screen(system: str, variables: Mapping[str, str]) -> bool:
    """Whether a window can be shown. Elsewhere than on Linux there is always a screen."""
    if system != "Linux":
        return True
    return any(variables.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def main(words: Sequence[str]) -> int:
    """Set up, then start the program or the checks; return the exit code."""
    if words[:1] in (["-h"], ["--help"]):
        say((sys.modules["__main__"].__doc__ or "").strip())
        return 0
    places = Places(Path(__file__).resolve().parents[2])
    plan = read_words(words)
    try:
        set_up(places, plan)
        if plan.test:
            return run_checks(places, plan.words)
        return start_program(places, plan)
    except SetupError as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to go on; what is already there is kept.", file=sys.stderr)
        return 130


def set_up(places: Places, plan: Plan) -> None:
    """Bring the environment into order, quickly if it already is.

    Raises:
        SetupError: it cannot be done; the message says what to do.
    """

    def wrong() -> str:
        return health.what_is_wrong(places, plan.sets, gpu_appeared=_gpu_appeared)

    if not (_absent_libraries() or wrong()):
        return
    try:
        places.venv.mkdir(exist_ok=True)
        with only_one(places.lock) as held:
            _provide_libraries(places, plan)
            reason = wrong()  # somebody else may have finished it while we waited
            if reason:
                _work(places, plan, reason, held)
    except OSError as error:
        raise explain_os_error(error, places.root) from error


def _gpu_appeared() -> bool:
    return pytorch.driver_present() and bool(pytorch.find_gpu())


def _work(places: Places, plan: Plan, reason: str, held: tuple[int, ...]) -> None:
    """Make or repair the environment. The stamp goes first and comes last: in between nothing is trusted."""
    say(f"Setting up ORPO Studio in {places.venv} ({reason})")
    before = health.read_stamp(places.stamp)
    sets = sorted({*plan.sets, *(before.locks if before else ())} & {"window", "train", "test"}, key=_order)
    if "train" in sets and "window" in sets:
        sets.remove("window")  # the training set contains the window's
    training = "train" in sets
    choice = pytorch.choose(platform.system(), pytorch.find_gpu())
    environment.ensure_venv(places, held)
    places.stamp.unlink(missing_ok=True)
    packages.drop_damaged(places)
    _require_room(places, choice.build if training else "window")
    for name in sets:
        packages.install_locked(places, name, held)
    if training:
        packages.install_torch(places, choice, held)
    packages.install_project(places, held)
    packages.check_imports(places, _modules_to_try(training=training))
    stamp = health.Stamp(
        python=health.python_version(places.python),
        locks={name: health.lock_fingerprint(places, name) for name in _contained(sets)},
        project=health.project_fingerprint(places),
        wanted_torch=choice.build if training else "",
        packages=health.installed_packages(places.site_packages),
    )
    health.write_stamp(places.stamp, stamp)
    say("The environment is ready.\n")


def _modules_to_try(*, training: bool) -> list[str]:
    modules = ["numpy", "pyarrow", "pydantic", "rich"]
    if not _absent_libraries():
        modules += ["PySide6.QtWidgets", "pyqtgraph"]
    return [*modules, "torch", "transformers.trainer", "peft", "datasets"] if training else modules


def _order(name: str) -> int:
    return ("window", "train", "test").index(name)


def _contained(sets: Sequence[str]) -> list[str]:
    """The installed sets, with the window's where the training set has brought it."""
    return ["window", *sets] if "train" in sets else list(sets)


def _require_room(places: Places, build: str) -> None:
    """Refuse before the first download what would end with a full disk.

    Raises:
        SetupError: there is too little room.
    """
    if health.installed_packages(places.site_packages)[2:]:
        return  # a repair or an addition: much is there already, and pip says when the disk is full
    free = shutil.disk_usage(places.venv).free
    if free < ROOM[build]:
        raise SetupError(
            f"There is too little room on the disk of {places.venv}: {megabytes(free)} are free.",
            f"The set-up needs about {megabytes(int(ROOM[build]))} while it works. Free some space and run the same"
            " command again.",
        )


def _absent_libraries() -> list[system_libraries.Library]:
    """The libraries of Qt that a Linux lacks; elsewhere Qt brings all it needs."""
    if platform.system() != "Linux":
        return []
    return system_libraries.missing(system_libraries.needed(os.environ))


def _provide_libraries(places: Places, plan: Plan) -> None:
    """See that Qt finds its system libraries, before anything large is downloaded.

    Raises:
        SetupError: some are missing, cannot be installed from here, and what was asked for needs them.
    """
    absent = _absent_libraries()
    if not absent:
        return
    if system_libraries.may_use_apt():
        names = [library.apt for library in absent]
        system_libraries.apt_install(names, f"Installing {len(names)} system libraries for the window", places.log)
        return
    title = f"The window needs system libraries that are not here: {', '.join(lib.file for lib in absent)}."
    hint = system_libraries.advice(absent)
    opens_window = not plan.words and has_screen(platform.system(), os.environ)
    if plan.test or opens_window:
        raise SetupError(title, f"{hint}\nThen run the same command again.")
    say(f"{title}\n{hint}\nEverything else goes on without them.\n")


def start_program(places: Places, plan: Plan) -> int:
    """Start `orpo-studio` in place of this process (Windows: and wait for it)."""
    words = plan.words
    if not words and not has_screen(platform.system(), os.environ):
        if "train" not in plan.sets:
            raise SetupError(
                "There is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set), so no window can open.",
                "The environment is ready. Start it where there is a screen, or without --window-only: that trains"
                " the demo in the terminal.",
            )
        say(
            "There is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set), so the demo runs in the terminal"
            " instead of the window."
        )
        words = ("demo",)
    command = [str(places.program("orpo-studio")), *words]
    sys.stdout.flush()
    if os.name == "nt":
        return subprocess.run(command, env=environment.own_environment(), check=False).returncode
    return _become(command)


def _become(command: list[str]) -> NoReturn:
    os.execve(command[0], command, environment.own_environment())
