"""Whether the preview of a million pairs ever lets a person wait.

    python tests/benchmarks/preview.py [--rows N] [--gigabytes G] [--folder DIR]

Writes a file of pairs (JSONL, a JSON array, and the converted form), opens it in the real window without a screen, and
measures what a person waits for: the first page of a raw file while its conversion runs, jumps to any row, filters
by text with their progress and their end, orders by length, and the memory of the window's process. A timer of 1 ms
measures how much later than that the event loop comes round meanwhile. Processor times are what the program itself
does, without what other programs take; a filter's is shared by two cores. The bars are those of the design: 1 s, 50 ms,
2 s, 300 MB. The load of the machine is printed beside them. The last line is JSON. The files are deleted afterwards.
"""

import argparse
import gc
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import psutil
import pyarrow as pa
from PySide6.QtCore import QElapsedTimer, QEventLoop, Qt, QTimer

from orpo_studio import paths
from orpo_studio.data.pages import PairPages
from orpo_studio.data.pair_files import MESSAGES, SPLIT_SCHEMA
from orpo_studio.gui.app import application, make_window
from orpo_studio.gui.pairs.browser import PairBrowser
from orpo_studio.gui.pairs.finding import Sort
from orpo_studio.gui.window import MainWindow

_BATCH = 1_024
_RARE = "Quetzalcoatl"
_RARE_EVERY = 100_003
_HELD_OUT = 0.05
_JUMPS = 200


class Texts:
    """Random texts of some mean length, of words as English has them; a few hold a rare word."""

    def __init__(self, mean_characters: int) -> None:
        draw = np.random.default_rng(7)
        letters = np.array(list("eeeettaaoinshrdlucmfwypvbgk"))
        words = ["".join(draw.choice(letters, size=size)) for size in draw.integers(2, 10, size=5_000)]
        common = np.array(["the", "of", "and", "to", "in", "is", "that", "question", "answer", *words], dtype=object)
        weights = 1 / np.arange(1, len(common) + 1)
        sizes = np.maximum(1, draw.gamma(2, mean_characters / 11, size=4_000).astype(int))
        chosen = draw.choice(common, size=int(sizes.sum()), p=weights / weights.sum())
        starts = np.concatenate([[0], np.cumsum(sizes)])
        self._pool = np.array([" ".join(chosen[a:b]) + "." for a, b in pairwise(starts)], dtype=object)
        self._draw = draw

    def take(self, count: int) -> np.ndarray:
        """Return some texts."""
        return self._pool[self._draw.integers(0, len(self._pool), size=count)]


def write_files(folder: Path, rows: int, gigabytes: float) -> tuple[Path, Path, Path, int]:
    """Write the same pairs as JSONL, as a JSON array and in the converted form; return the files and the train rows."""
    texts = Texts(round(gigabytes * 1e9 / rows / 3))
    lines, array, arrow = folder / "pairs.jsonl", folder / "pairs.json", folder / "pairs.arrow"
    train = round(rows * (1 - _HELD_OUT))
    with (
        lines.open("w") as as_lines,
        array.open("w") as as_array,
        pa.ipc.new_file(str(arrow), SPLIT_SCHEMA) as converted,
    ):
        as_array.write("[")
        for start in range(0, rows, _BATCH):
            numbers = np.arange(start, min(start + _BATCH, rows))
            three = [texts.take(len(numbers)) for _ in range(3)]
            for place in np.flatnonzero(numbers % _RARE_EVERY == 77):
                three[1][place] = f"{three[1][place]} {_RARE}."
            written = [json.dumps({"prompt": p, "chosen": c, "rejected": r}) for p, c, r in zip(*three, strict=True)]
            as_lines.write("\n".join(written) + "\n")
            as_array.write((", " if start else "") + ", ".join(written))
            converted.write_batch(_batch(numbers, three, train))
        as_array.write("]")
    return lines, array, arrow, train


def _batch(numbers: np.ndarray, three: list[np.ndarray], train: int) -> pa.RecordBatch:
    columns: dict[str, Any] = {
        "source_row": pa.array(numbers + 1),
        "split": pa.array(["train" if number < train else "held_out" for number in numbers]),
    }
    ends = pa.array(np.arange(len(numbers) + 1, dtype=np.int32))
    for name, role, texts in zip(
        ("prompt", "chosen", "rejected"), ("user", "assistant", "assistant"), three, strict=True
    ):
        turns = pa.StructArray.from_arrays(
            [pa.array([role] * len(numbers)), pa.array(texts, pa.string())], fields=list(MESSAGES.value_type)
        )
        columns[name] = pa.ListArray.from_arrays(ends, turns).cast(MESSAGES)
    blank = pa.array([""] * len(numbers))
    arrays = [columns.get(field.name, blank).cast(field.type) for field in SPLIT_SCHEMA]
    return pa.record_batch(arrays, schema=SPLIT_SCHEMA)


class Waits:
    """How late the event loop comes round, and the memory meanwhile."""

    def __init__(self) -> None:
        self._late: list[float] = []
        self._busy: list[float] = []
        self._clock = QElapsedTimer()
        self._timer = QTimer(interval=1, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._process = psutil.Process()
        self._measured = time.monotonic()
        self.most_private_mb = 0.0
        self.most_resident_mb = 0.0

    def until(self, condition: Callable[[], bool], seconds: float = 120) -> float:
        """Let the window live until something is so; return how long that took, in seconds."""
        begun = time.perf_counter()
        loop = QEventLoop()
        self._clock.start()
        self._timer.start()
        while not condition() and time.perf_counter() - begun < seconds:
            worked = time.thread_time()
            loop.processEvents(QEventLoop.ProcessEventsFlag.AllEvents)
            self._busy.append(1000 * (time.thread_time() - worked))
            time.sleep(0.0005)
        self._timer.stop()
        return time.perf_counter() - begun

    def worst_ms(self, name: str) -> dict[str, float]:
        """Return the longest wait and the processor time of the longest turn since the last time this was asked."""
        late, busy = max(self._late, default=0.0), max(self._busy, default=0.0)
        self._late, self._busy = [], []
        return {f"longest wait of the event loop, {name}, ms": late, f"longest work in one turn, {name}, ms": busy}

    def private_mb(self) -> float:
        """Return the memory that is this process's own; a mapped file's pages are the system's, which takes them back.

        The unique set size would count those pages too, as long as no other process maps the file.
        """
        rollup = Path("/proc/self/smaps_rollup").read_text()
        private = int(rollup.partition("Anonymous:")[2].split()[0]) * 1024 / 1e6
        self.most_private_mb = max(self.most_private_mb, private)
        self.most_resident_mb = max(self.most_resident_mb, self.resident_mb())
        return private

    def resident_mb(self) -> float:
        """Return all memory in reach of this process, the pages of mapped files included."""
        resident: float = self._process.memory_info().rss / 1e6
        return resident

    def _tick(self) -> None:
        self._late.append(self._clock.nsecsElapsed() / 1e6 - 1)
        if time.monotonic() - self._measured > 1:  # takes some milliseconds itself
            self.private_mb()
            self._measured = time.monotonic()
        self._clock.restart()


def first_pages(window: MainWindow, waits: Waits, files: list[Path]) -> dict[str, float]:
    """Return how long it takes from naming a raw file to its first page, with its conversion under way."""
    page, draft = window.pages["data"], window.bench.draft
    window.show_page("data")
    waits.until(lambda: False, 1)  # nobody chooses a file faster
    took = {}
    for file in files:
        begun, work = time.perf_counter(), time.process_time()
        draft.set("data.source", str(file))
        waits.until(lambda: page.browser.model.rowCount() > 0, 20)
        window.grab()
        took[f"first page of {file.suffix[1:]}, s"] = time.perf_counter() - begun
        took[f"first page of {file.suffix[1:]}, processor time, s"] = time.process_time() - work
        assert window.bench.data.is_busy, "the conversion was over before the first page"
        draft.set("data.source", "")
        waits.until(lambda: page.browser.model.rowCount() == 0, 20)
    return took


def jumps(browser: PairBrowser, waits: Waits) -> dict[str, float]:
    """Return how long it takes to show and paint any row of the table and its pair."""
    chance = random.Random(3)
    took, worked = [], []
    for _ in range(_JUMPS):
        row = chance.randrange(browser.model.rowCount())
        begun, work = time.perf_counter(), time.thread_time()
        browser._select(row)
        browser.table.grab()
        took.append(1000 * (time.perf_counter() - begun))
        worked.append(1000 * (time.thread_time() - work))
    waits.until(lambda: browser.is_settled)
    begun = time.perf_counter()
    browser.go_to(700_000)
    waits.until(lambda: browser.is_settled)
    return {
        "jump with its painting, median, ms": statistics.median(took),
        "jump, worst of 200, ms": max(took),
        "jump, processor time, median, ms": statistics.median(worked),
        "jump, processor time, worst of 200, ms": max(worked),
        "go to a row of the source, ms": 1000 * (time.perf_counter() - begun),
    }


def filters(browser: PairBrowser, waits: Waits) -> dict[str, float]:
    """Return how long filters take, until the first hits and until the end, and until a cancelled one has ended."""
    figures = {}
    for name, text in (("rare word", _RARE.lower()), ("common word", "question"), ("no such text", "kskxqz")):
        waits.worst_ms("")
        browser.tools.text.setText(text)
        begun, work = time.perf_counter(), time.process_time()
        browser.tools._at_once()
        first = waits.until(lambda: browser.finding.order is not None and len(browser.finding.order) > 0, 3)
        waits.until(lambda: browser.is_settled)
        figures[f"filter by a {name}, s"] = time.perf_counter() - begun
        figures[f"filter by a {name}, processor time, s"] = time.process_time() - work
        if browser.model.rowCount():
            figures[f"first hits of a {name}, s"] = first
        figures[f"rows with a {name}"] = browser.model.rowCount()
        figures |= waits.worst_ms(name)
    browser.tools.text.setText("the")
    browser.tools._at_once()
    waits.until(lambda: browser.finding.share > 0.2 or not browser.finding.is_running)
    begun = time.perf_counter()
    browser.finding.stop()
    waits.until(lambda: browser.is_settled)
    figures["cancel a filter, ms"] = 1000 * (time.perf_counter() - begun)
    browser.tools.clear()
    waits.until(lambda: browser.is_settled)
    return figures


def sorts(browser: PairBrowser, waits: Waits) -> dict[str, float]:
    """Return how long it takes to put all pairs in order."""
    figures = {}
    for name, by in (("sort by length, first time, s", Sort("total")), ("sort by difference, s", Sort("difference"))):
        waits.worst_ms("")
        begun = time.perf_counter()
        browser.tools.set_sorting(by)
        waits.until(lambda: browser.is_settled)
        browser.grab()
        figures[name] = time.perf_counter() - begun
    return figures | waits.worst_ms("sort")


def measure(folder: Path, rows: int, gigabytes: float) -> dict[str, float]:
    """Write the files and measure everything."""
    begun = time.perf_counter()
    lines, array, arrow, train = write_files(folder, rows, gigabytes)
    sizes = " + ".join(f"{file.stat().st_size / 1e9:.2f} GB {file.suffix[1:]}" for file in (lines, array, arrow))
    print(f"{rows:,} pairs, {sizes}, written in {time.perf_counter() - begun:.0f} s; load {os.getloadavg()[0]:.1f}")
    gc.collect()
    app = application()
    paths.cache_folder = lambda: folder / "cache"
    waits = Waits()
    window = make_window(folder / "workspace", None)
    window.resize(1280, 800)
    window.show()
    window.pages["data"].browser.tools.query()
    waits.until(lambda: False, 2)
    figures = {"private memory before, MB": waits.private_mb()}
    figures |= first_pages(window, waits, [lines, array])
    browser = window.pages["data"].browser
    window.pages["data"].stack.setCurrentWidget(browser)
    waits.until(lambda: False, 1)
    begun = time.perf_counter()
    pages = PairPages(arrow, train=train)
    browser.show_pages(pages, "train")
    browser.grab()
    figures["open the converted file, s"] = time.perf_counter() - begun
    figures |= jumps(browser, waits) | filters(browser, waits) | sorts(browser, waits)
    figures["jump when sorted, median, ms"] = jumps(browser, waits)["jump with its painting, median, ms"]
    figures["private memory, MB"] = waits.private_mb()
    figures["private memory, most, MB"] = waits.most_private_mb
    figures["resident memory with mapped files, MB"] = waits.resident_mb()
    figures["resident memory with mapped files, most, MB"] = waits.most_resident_mb
    browser.show_pages(None)
    pages.close()
    window.close()
    app.processEvents()
    return figures


def main() -> None:
    """Measure, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--folder", type=Path, help="where to write the files; a temporary folder otherwise")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="preview-", dir=arguments.folder))
    needed = 4 * arguments.gigabytes * 1e9
    if shutil.disk_usage(folder).free < needed:
        sys.exit(f"{needed / 1e9:.0f} GB of free space are needed in {folder.parent}; name another place by --folder.")
    try:
        figures = measure(folder, arguments.rows, arguments.gigabytes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for name, figure in figures.items():
        print(f"{name:48} {figure:12,.3f}" if figure < 100 else f"{name:48} {figure:12,.0f}")
    print(json.dumps({"load": os.getloadavg()[0], "cores": os.cpu_count()} | figures))


if __name__ == "__main__":
    main()
