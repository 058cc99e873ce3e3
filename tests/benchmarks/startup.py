"""How long the window takes from the first line of Python to its first paint, its first page and its charts.

    python tests/benchmarks/startup.py [STARTS]

Each start is a process of its own, on a warm disk; the first one is not counted. Prints a table and, last, one JSON
line. A figure of a busy machine says nothing: the load is printed beside it.
"""

import json
import os
import statistics
import subprocess
import sys

PROBE = """
import os, sys, tempfile, time
begun = time.perf_counter()
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
from pathlib import Path
from PySide6.QtCore import QTimer
from orpo_studio.gui.app import application, fill_window, outline_window
app = application()
found = {}
window = outline_window(None)

def fill():
    found["paint"] = time.perf_counter() - begun
    fill_window(window, Path(tempfile.mkdtemp()), None)
    found["pages"] = time.perf_counter() - begun
    window.show_page("train")

window.outlined.connect(fill)
window.show()

def look():
    if "pages" in found and window.pages["train"].curves.is_ready:
        found["charts"] = time.perf_counter() - begun
        app.quit()

timer = QTimer(interval=5)
timer.timeout.connect(look)
timer.start()
QTimer.singleShot(20000, app.quit)
app.exec()
print(found.get("paint", -1), found.get("pages", -1), found.get("charts", -1))
os._exit(0)
"""
PAINT_BAR, CHARTS_BAR = 0.4, 1.0


def main(starts: int) -> None:
    """Start the window several times and print what was measured."""
    # Without its byte code every start compiles the program anew, which no installed program does.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    paints, pages, charts = [], [], []
    for number in range(starts + 1):
        started = subprocess.run(
            [sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, env=environment
        )
        output = started.stdout
        paint, page, chart = map(float, output.split()[-3:])
        if number:
            paints.append(paint)
            pages.append(page)
            charts.append(chart)
    for name, values, bar in (
        ("first paint", paints, f"bar {PAINT_BAR} s"),
        ("first page", pages, ""),
        ("charts", charts, f"bar {CHARTS_BAR} s"),
    ):
        middle = statistics.median(values)
        print(f"{name:<12} {middle:6.3f} s  ({min(values):.3f}–{max(values):.3f})  {bar}")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(
        json.dumps(
            {
                "benchmark": "startup",
                "starts": starts,
                "first_paint_s": statistics.median(paints),
                "first_page_s": statistics.median(pages),
                "charts_s": statistics.median(charts),
                "load": os.getloadavg()[0],
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
