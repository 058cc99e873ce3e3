"""What importing one front end leaves out, seen from a fresh interpreter."""

import subprocess
import sys
import time

import pytest

FAMILY = {"torch", "transformers", "trl", "peft", "datasets", "accelerate", "bitsandbytes"}


def loaded_by(module: str, watched: set[str]) -> set[str]:
    program = f"import sys, {module}; print(*({watched!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_that_the_window_leaves_torch_and_its_family_out() -> None:
    assert loaded_by("orpo_studio.gui.app", {*FAMILY, "pyarrow", "PySide6"}) == {"PySide6"}


@pytest.mark.parametrize(
    "module",
    [
        "orpo_studio.cli",
        "orpo_studio.cli.train",
        "orpo_studio.cli.demo",
        "orpo_studio.cli.doctor",
        "orpo_studio.cli.evaluate",
        "orpo_studio.cli.help",
        "orpo_studio.__main__",
        "orpo_studio.runner.supervisor",
    ],
)
def test_that_the_terminal_and_the_supervisor_leave_torch_qt_and_pyarrow_out(module: str) -> None:
    assert loaded_by(module, {*FAMILY, "PySide6", "pyqtgraph", "pyarrow", "numpy"}) == set()


def test_that_the_trainer_leaves_the_window_out() -> None:
    pytest.importorskip("torch")
    assert loaded_by("orpo_studio.trainer.jobs", {"PySide6", "pyqtgraph"}) == set()


def test_that_the_terminal_answers_at_once() -> None:
    def seconds() -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "orpo_studio.cli", "--version"], capture_output=True, check=True)
        return time.perf_counter() - begun

    assert min(seconds() for _ in range(3)) < 1.5  # 0.3 s on an idle machine; torch alone would take longer
