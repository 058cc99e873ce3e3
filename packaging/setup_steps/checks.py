"""The whole check of the project: linters, import contracts, types, tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from setup_steps.environment import own_environment
from setup_steps.places import Places
from setup_steps.progress import say, seconds


def check_commands(places: Places, pytest_words: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The checks in their order, each with its name; the tests come last, so that their verdict ends the output."""
    python = str(places.python)
    return [
        ("ruff check", [python, "-m", "ruff", "check", "."]),
        ("ruff format", [python, "-m", "ruff", "format", "--check", "."]),
        ("import contracts", [str(places.program("lint-imports"))]),
        ("mypy", [python, "-m", "mypy"]),
        ("pytest", [python, "-m", "pytest", *pytest_words]),
    ]


def run_checks(places: Places, pytest_words: Sequence[str]) -> int:
    """Run every check, also after one has failed; return 0 when all have passed."""
    environment = own_environment()
    environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    # The commands of the environment must be found as if it were activated.
    environment["PATH"] = os.pathsep.join([str(places.programs), environment.get("PATH", "")])
    failed: list[str] = []
    for name, command in check_commands(places, pytest_words):
        if name == "pytest" and failed:
            say(f"\nFailed so far: {', '.join(failed)}")
        say(f"\n== {name}")
        began = time.monotonic()
        code = subprocess.run(command, cwd=places.root, env=environment, check=False).returncode
        if code != 0:
            failed.append(name)
        if name != "pytest":
            say(f"{name}: {'passed' if code == 0 else 'FAILED'}, {seconds(time.monotonic() - began)}")
    sys.stdout.flush()
    if failed:
        print(f"Checks that failed: {', '.join(failed)}", file=sys.stderr, flush=True)
    return 1 if failed else 0
