"""A short piece of a long run: the page does not grow with it. ``tests/benchmarks/soak.py`` is the whole of it."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from pytestqt.qtbot import QtBot

from helpers.long_run import lines_of, values_of
from helpers.scripted_run import ScriptedRun
from orpo_studio.gui.pages.train import TrainPage
from orpo_studio.gui.pages.train.samples import MOST_SAMPLES
from orpo_studio.gui.workbench import Workbench

STEPS = 24_000
BASE = 8_000
MOST_MB = 16.0
"""The steps between hold 30 MB of events once they are read, and 7 MB of stream."""


@pytest.fixture
def run(bench: Workbench) -> Iterator[ScriptedRun]:
    made = ScriptedRun(bench.workspace, "long")
    yield made
    made.close()


def own_mb() -> float:
    gc.collect()
    megabytes: float = psutil.Process().memory_full_info().uss / 1e6
    return megabytes


def append(path: Path, blocks: list[list[str]]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for block in blocks:
        os.write(descriptor, "".join(block).encode())
    os.close(descriptor)


def test_that_a_page_does_not_grow_with_a_long_run(qtbot: QtBot, bench: Workbench, run: ScriptedRun) -> None:
    page = TrainPage(bench)
    qtbot.addWidget(page)
    page.resize(1100, 800)
    page.show()
    blocks = list(lines_of(STEPS))
    first = BASE // 500 + 1
    used: dict[int, float] = {}
    bench.show_run(run.folder)
    for step, part in ((BASE, blocks[:first]), (STEPS, blocks[first:])):
        append(run.folder.events_file, part)

        def is_drawn(step: int = step) -> bool:
            return bench.follower.fold.latest.step == step and page.curves.is_ready  # type: ignore[union-attr]

        qtbot.waitUntil(is_drawn, timeout=60_000)
        used[step] = own_mb()

    assert used[STEPS] - used[BASE] < MOST_MB
    assert len(page.samples.model.samples) == MOST_SAMPLES
    board = page.curves.board
    assert board is not None
    curve = board.charts["Loss"].plot.curve("loss", "training")
    x, y = curve.series.view("step", 5000, 5100, 400)
    np.testing.assert_array_equal(y, values_of(x.astype(int), STEPS)["loss"])
    assert len(x) > 100
