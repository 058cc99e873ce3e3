#!/usr/bin/env python3
"""Take the pictures of README.md: every page, light and dark, from a real run of the demo.

    xvfb-run -a -s "-screen 0 1600x1000x24" .venv/bin/python packaging/screenshots.py [OUT] [--workspace DIR]

Presses the window's own buttons, trains the demo with the real trainer, exports it, and saves one PNG per page and
scheme. With --workspace the newest finished run there is shown, and nothing is trained.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtGui import QFont

from orpo_studio.gui.app import application, make_window
from orpo_studio.gui.doctor.examination import REMEDIES
from orpo_studio.gui.theme import theme
from orpo_studio.gui.window import MainWindow
from orpo_studio.runs import Job, find_run

SIZE = (1280, 800)
LONGEST_RUN_S = 900
PAGES = ("model", "data", "recipe", "train", "evaluate", "ship")


def wait(milliseconds: int) -> None:
    """Let the window live for a while."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Let the window live until something is so.

    Raises:
        SystemExit: it did not become so in time.
    """
    for _ in range(int(seconds * 10)):
        if condition():
            return
        wait(100)
    sys.exit(f"Waited {seconds:.0f} s in vain: {what}.")


def take(window: MainWindow, out: Path, name: str) -> None:
    """Save the window as it is, once in light and once in dark."""
    for scheme in ("light", "dark"):
        theme().choose(scheme)
        wait(400)
        window.grab().save(str(out / f"{name}-{scheme}.png"))
        print(out / f"{name}-{scheme}.png")


def take_doctor(window: MainWindow, out: Path) -> None:
    """Show the data doctor's report of the chosen pairs and take it."""
    doctor = window.bench.doctor
    window.show_option(REMEDIES)
    wait_until(lambda: doctor.report is not None, "the pairs are examined")
    wait(1500)  # the histograms' libraries
    take(window, out, "doctor")


def train_demo(window: MainWindow, out: Path) -> None:
    """Fill the draft with the demo, start it, and take the Train page on the way."""
    bench = window.bench
    bench.use_demo()
    bench.draft.set_name("Courteous helpdesk")
    wait_until(bench.can_start, "the demo's model and data are read")
    for page in ("model", "data", "recipe"):
        window.show_page(page)
        wait(600)
        take(window, out, page)
    take_doctor(window, out)
    window.foot.main.click()
    follower = bench.follower
    assert follower is not None
    wait_until(lambda: follower.fold.latest.step > 40, "the run makes 40 steps", LONGEST_RUN_S)
    take(window, out, "train-live")
    wait_until(lambda: follower.fold.ended is not None and not follower.is_live, "the run ends", LONGEST_RUN_S)
    bench.run_job(Job.EXPORT, kind="merged", target="")
    wait_until(lambda: bool(follower.fold.exports) and not follower.is_live, "the export ends", LONGEST_RUN_S)


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default=Path(__file__).parent / "screenshots")
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--font-scale", type=float, default=1.0, help="1.25 shows the window with fonts of 125 %%")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    app = application()
    font = QFont(app.font())
    font.setPointSizeF(font.pointSizeF() * arguments.font_scale)
    app.setFont(font)
    window = make_window(arguments.workspace or Path(tempfile.mkdtemp(prefix="orpo-studio-")), None)
    window.resize(*SIZE)
    window.show()
    take(window, arguments.out, "empty")
    if arguments.workspace is None:
        train_demo(window, arguments.out)
    else:
        window.bench.show_run(find_run(arguments.workspace, "last"))
    wait_until(lambda: not window.bench.data.is_busy and not window.bench.model.is_busy, "model and data are read")
    for page in PAGES if arguments.workspace else PAGES[3:]:  # the first three were taken on the way
        window.show_page(page)
        wait(1500)
        take(window, arguments.out, page)
    window.close()


if __name__ == "__main__":
    main()
