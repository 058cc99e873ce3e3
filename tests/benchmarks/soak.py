"""Whether the window stays small and quick through a working day of training.

    python tests/benchmarks/soak.py [--steps N] [--pace STEPS_PER_SECOND] [--base N]

A real window, without a screen, shows the Train page of a run whose stream another process writes: a million logged
steps, samples of the machine, evaluations, answers, checkpoints and warnings, eight hours of them in minutes. Along the
way it prints the memory that is the window's own and how late the event loop comes round. Then a person looks:
zooms in until single values show, which are compared with what was written, points at values, changes the axis,
turns to another run and comes back, for which the whole stream is read again. The bars are the design's: memory grows
by less than 50 MB between the first ten thousand steps and the last, and 99 of 100 turns of the event loop come
within 16 ms, from then on: the opening of the window is another benchmark's matter. The load of the machine is printed
too, since figures of a busy one say little. The last line is JSON.
"""

import argparse
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import psutil
from charts import Turns, look_at, open_window, spin, spin_until

from helpers.long_run import values_of
from helpers.scripted_run import ScriptedRun
from orpo_studio import paths
from orpo_studio.gui.charts import Chart
from orpo_studio.gui.window import MainWindow

_BAR_MB = 50.0
_BAR_MS = 16.0
_MARKS = 20
"""Lines of the table."""
_PATIENCE_S = 3600.0

Row = dict[str, float | str]


def own_megabytes() -> tuple[float, float]:
    """Return the memory that is this process's own, and all that is resident, in MB, without what is garbage.

    The unique set size would grow when the writer ends: what both had mapped, such as libraries, is the window's alone
    from then on.
    """
    gc.collect()
    rollup = Path("/proc/self/smaps_rollup").read_text()
    own = int(rollup.partition("Anonymous:")[2].split()[0]) * 1024
    return own / 1e6, psutil.Process().memory_info().rss / 1e6


def measured(case: str, steps: int, turns: Turns, seconds: float) -> Row:
    """Return a line of the table."""
    own, rss = own_megabytes()
    return turns.result(case, steps) | {
        "own_mb": round(own, 1),
        "rss_mb": round(rss, 1),
        "seconds": round(seconds, 1),
    }


def steps_drawn(window: MainWindow) -> int:
    """Return the last step that the charts were fed."""
    charts = window.pages["train"].curves.board.charts
    series = charts["Loss"].plot.curve("loss", "training").series
    return int(series.sample(len(series) - 1).step) if len(series) else 0


def through(case: str, window: MainWindow, step: int) -> Row:
    """Wait until the charts have come so far."""
    begun = time.monotonic()
    with Turns() as turns:
        spin_until(lambda: steps_drawn(window) >= step, _PATIENCE_S)
    return measured(case, step, turns, time.monotonic() - begun)


def doing(case: str, steps: int, act: Callable[[], None], settled: Callable[[], bool] = lambda: True) -> Row:
    """Do something as a person would, and wait until it shows."""
    begun = time.monotonic()
    with Turns() as turns:
        act()
        spin_until(settled, _PATIENCE_S)
        seconds = time.monotonic() - begun
        spin(1.0)
    return measured(case, steps, turns, seconds)


def check_zoom(chart: Chart, total: int, around: int) -> None:
    """Zoom in until single values show, and compare what is drawn with what was written."""
    for width in (total // 10, total // 100, 5_000, 200):
        chart.set_x_range(around - width / 2, around + width / 2)
        spin_until(lambda: not chart.clock.active)
    curve = chart.plot.curve("loss", "training")
    x, y = curve.series.view("step", around - 100, around + 100, 400)
    inside = (x >= 1) & (x <= total)
    np.testing.assert_array_equal(y[inside], values_of(x[inside].astype(int), total)["loss"])
    assert inside.sum() >= 100, f"{inside.sum()} values around step {around}"


def main() -> int:
    """Print a table and one line of JSON; fail above a bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--pace", type=float, default=6_000.0, help="steps a second; 0 is as fast as they are written")
    parser.add_argument("--base", type=int, default=10_000, help="the step from which the memory's growth counts")
    parser.add_argument("--pictures", type=Path, help="a folder for pictures of the window")
    arguments = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="soak-"))
    paths.cache_folder = lambda: place / "cache"  # type: ignore[assignment]
    try:
        rows = soak(place, arguments.steps, arguments.pace, arguments.base, arguments.pictures)
    finally:
        shutil.rmtree(place)
    columns = [column for column in rows[0] if column != "turns"]
    print("  ".join(f"{column:>24}" if column == "case" else f"{column:>11}" for column in columns))
    for row in rows:
        print("  ".join(f"{row[c]:>24}" if c == "case" else f"{row[c]:>11}" for c in columns))
    live = [row for row in rows if str(row["case"]) in {"base", "live", "settled"}]
    growth = float(live[-1]["own_mb"]) - float(live[0]["own_mb"])
    p99 = max(float(row["p99_ms"]) for row in rows if row["case"] != "base")  # in which the window still opens
    passed = growth < _BAR_MB and p99 < _BAR_MS
    print(f"memory grew by {growth:.1f} MB (bar {_BAR_MB:g}); worst p99 {p99:.1f} ms (bar {_BAR_MS:g})")
    summary = {"growth_mb": round(growth, 1), "worst_p99_ms": p99, "worst_ms": max(float(r["max_ms"]) for r in rows)}
    print(json.dumps({"passed": passed, "bars": {"growth_mb": _BAR_MB, "p99_ms": _BAR_MS}, **summary, "rows": rows}))
    return 0 if passed else 1


def soak(place: Path, steps: int, pace: float, base: int, pictures: Path | None) -> list[Row]:
    """Follow a run to its end, then look at it in every way."""
    run, other = ScriptedRun(place, "live"), ScriptedRun(place, "other", alive=False)
    other.begin(total_steps=500)
    other.train(1, 500, 500)
    other.complete(500)
    window = open_window(place)
    window.bench.show_run(run.folder)
    window.show_page("train")
    page = window.pages["train"]
    spin_until(lambda: page.curves.board is not None and page.curves.is_ready)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    arguments = [str(run.folder.events_file), str(steps), str(pace)]
    writer = subprocess.Popen([sys.executable, "-m", "helpers.long_run", *arguments], env=environment)
    try:
        rows = [through("base", window, base)]
        for mark in np.linspace(base, steps, _MARKS + 1)[1:]:
            rows.append(through("live", window, int(mark)))
            print(f"step {int(mark)}: {rows[-1]['own_mb']} MB, p99 {rows[-1]['p99_ms']} ms", flush=True)
    finally:
        writer.terminate()
        writer.wait()
    rows.append(doing("settled", steps, lambda: None, lambda: page.curves.is_ready))
    photograph(window, pictures, "whole")
    board, axis = page.curves.board, page.curves.board.options
    loss = board.charts["Loss"]
    rows += [
        doing("zoom in", steps, partial(check_zoom, loss, steps, around))
        for around in (steps // 7, steps // 2, steps - steps // 9)
    ]
    photograph(window, pictures, "close")
    rows.append(doing("point at values", steps, lambda: [loss.set_crosshair(x, reads=True) for x in range(9, 99)]))
    rows.append(doing("follow again", steps, board.follow, lambda: page.curves.is_ready))
    time_axis = type(axis)(axis="seconds", smoothing=axis.smoothing)
    rows.append(doing("over time", steps, lambda: board.set_options(time_axis), lambda: page.curves.is_ready))
    rows.append(doing("over steps", steps, lambda: board.set_options(axis), lambda: page.curves.is_ready))
    rows.append(doing("to a short run", 500, lambda: look_at(window, other)))
    photograph(window, pictures, "other")
    rows.append(
        doing(
            "back, read again",
            steps,
            lambda: window.bench.show_run(run.folder),
            lambda: steps_drawn(window) >= steps and page.curves.is_ready,
        )
    )
    run.close()
    other.close()
    window.close()
    return rows


def photograph(window: MainWindow, folder: Path | None, name: str) -> None:
    """Take a picture of the window."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        window.grab().save(str(folder / f"soak-{name}.png"))


if __name__ == "__main__":
    sys.exit(main())
