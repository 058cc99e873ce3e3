"""The picture of a run's curves, drawn by a process of its own."""

import subprocess
import sys
from pathlib import Path

from PySide6.QtGui import QImage

from helpers.scripted_run import ScriptedRun


def draw(run: ScriptedRun, target: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "orpo_studio.gui.picture", str(run.folder.path), str(target)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_that_a_run_is_drawn_without_a_screen(tmp_path: Path) -> None:
    run = ScriptedRun(tmp_path)
    run.begin()
    run.train(1, 20)
    run.complete()
    done = draw(run, tmp_path / "loss.png")
    run.close()
    image = QImage(str(tmp_path / "loss.png"))

    assert done.returncode == 0, done.stderr
    assert image.width() > 2000
    assert len({image.pixel(x, y) for x in range(0, image.width(), 7) for y in range(0, image.height(), 7)}) > 20


def test_that_a_run_without_a_step_is_told(tmp_path: Path) -> None:
    run = ScriptedRun(tmp_path)
    done = draw(run, tmp_path / "loss.png")
    run.close()

    assert done.returncode == 1
    assert "nothing to draw" in done.stderr
    assert "Traceback" not in done.stderr
