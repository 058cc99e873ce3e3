"""A stranger's run in the real window: whatever it says, the window shows it as text, goes on, and writes nowhere."""

import json
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from helpers.tripwire import Outside
from orpo_studio import paths
from orpo_studio.config import RunSpec
from orpo_studio.gui.app import make_window
from orpo_studio.gui.background import wait_for_background
from orpo_studio.gui.window import MainWindow
from orpo_studio.runs import RunFolder, create_run

EVIL = "<img src='file:///etc/passwd'><b>bold</b>\x1b[2J\x07\n\u202egnp.exe &amp; " + "x" * 300
SPEC = RunSpec.model_validate({"name": EVIL[:200], "model": {"path": "demo"}, "data": {"source": "demo"}})

STREAM = [
    {"type": "run.launched", "attempt": 1, "versions": {EVIL: EVIL}},
    {"type": "stage", "name": EVIL, "title": EVIL, "done": 2**52, "total": 2**53, "unit": EVIL},
    {"type": "stage", "name": "x", "title": "y", "done": -5, "total": -7},
    {"type": "model.loaded", "architecture": EVIL, "parameters": -1, "trainable": 2**53, "device": EVIL,
     "dtype": EVIL, "quantization": EVIL, "notes": [EVIL] * 3},
    {"type": "data.prepared", "rows_in": -1, "train": -1, "held_out": -1, "set_aside": {EVIL: -1}},
    {"type": "train.path", "path": EVIL, "reason": EVIL},
    {"type": "sample", "step": -(2**53), "source": "base", "prompt": EVIL, "answer": EVIL * 100},
    {"type": "training.started", "first_step": -9, "total_steps": -9, "epochs": -1e12, "effective_batch": 0,
     "logging_steps": 0, "evaluation_steps": 0, "checkpoint_steps": 0},
    {"type": "machine", "values": {"cpu_load": "NaN", "memory_gib": "Infinity", "gpu_memory_gib": 1e308, EVIL: 1}},
    {"type": "train.metrics", "step": 5, "epoch": 1e12, "seconds": -1e12, "values": {"loss": "NaN"}},
    {"type": "train.metrics", "step": 2**53, "epoch": 0, "seconds": 1e12, "values": {"loss": 1e308, EVIL: 1.0}},
    {"type": "train.metrics", "step": -(2**53), "epoch": -1, "seconds": 1, "values": {"loss": "-Infinity"}},
    {"type": "evaluation.metrics", "moment": "before", "step": 1, "epoch": 1, "seconds": 1, "pairs": -4,
     "values": {"rewards/accuracies": "NaN", "loss": "Infinity", "rewards/margins": -1e308}},
    {"type": "evaluation.metrics", "moment": "after", "step": 1, "epoch": 1, "seconds": 1, "pairs": 2**53,
     "values": {"rewards/accuracies": 1e308, "loss": "-Infinity", "rewards/margins": "NaN"}},
    {"type": "checkpoint.saved", "step": -1, "folder": "../../../..", "size_bytes": -(2**53)},
    {"type": "problem", "severity": "warning", "code": EVIL, "title": EVIL, "detail": EVIL, "hint": EVIL},
    {"type": "problem", "severity": "error", "code": EVIL, "title": EVIL, "detail": EVIL, "hint": EVIL},
    {"type": "run.ended", "outcome": "failed", "step": -1, "exit_code": -99, "signal": 2**40, "log_tail": EVIL * 50},
    {"type": "job.started", "job": "export", "kind": EVIL},
    {"type": "export.finished", "kind": "merged", "folder": "//server/share", "size_bytes": -1, "proof": {EVIL: 1}},
    {"type": "job.ended", "job": "export", "outcome": "failed", "signal": 2**40, "log_tail": EVIL},
    {"type": "evaluation.finished", "file": "../../../etc/passwd", "pairs": -1, "before": {"loss": "NaN"}, "after": {}},
]  # fmt: skip


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "cache_folder", lambda: tmp_path / "cache")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = create_run(tmp_path / "workspace", SPEC)
    lines = [json.dumps({"seq": n, "time": float(10**9 + n), **event}) for n, event in enumerate(STREAM, start=1)]
    lines += [json.dumps({"seq": 10**30, "time": "NaN", **event}) for event in STREAM]
    folder.events_file.write_text("\n".join(lines) + "\n{}\n[]\n\x00\n" + "[" * 50_000 + "\n")
    folder.console_log.write_text(EVIL * 20)
    folder.adapter.mkdir()
    (folder.adapter / "adapter_model.safetensors").touch()
    return folder


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> MainWindow:
    made = make_window(tmp_path / "workspace", tmp_path / "preferences.json")
    qtbot.addWidget(made)
    made.show()
    return made


def test_that_a_run_full_of_traps_is_shown_as_text_on_every_page(
    qtbot: QtBot, window: MainWindow, run: RunFolder, tmp_path: Path
) -> None:
    outside = Outside(tmp_path / "outside")
    window.bench.open()
    follower = window.bench.show_run(run)
    assert follower is not None
    size = run.events_file.stat().st_size
    qtbot.waitUntil(lambda: follower._tail.offset == size, timeout=20_000)
    for page in ("train", "evaluate", "ship", "model", "data", "recipe", "runs"):
        window.show_page(page)
        qtbot.wait(60)  # errors in slots are told by pytest-qt
        window.grab()
    if (target := os.environ.get("ORPO_STUDIO_PICTURES")) is not None:
        for page in ("train", "evaluate", "ship", "runs"):
            window.show_page(page)
            qtbot.wait(300)
            window.grab().save(f"{target}/{page}.png")
    for shown in window.findChildren(QLabel):
        if "<b>bold" in shown.text() or "<img" in shown.text():
            assert shown.textFormat() == Qt.TextFormat.PlainText, shown.text()[:80]
    assert outside.is_untouched()
    window.close()
    assert wait_for_background(20)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes among files")
@pytest.mark.parametrize("trap", ["pipe", "folder", "link"])
def test_that_events_that_cannot_be_read_are_told_once_and_hold_nobody_up(
    qtbot: QtBot, window: MainWindow, run: RunFolder, tmp_path: Path, trap: str
) -> None:
    run.events_file.unlink()
    match trap:
        case "pipe":
            os.mkfifo(run.events_file)
        case "folder":
            run.events_file.mkdir()
        case "link":
            (tmp_path / "mine").write_text("private\n")
            run.events_file.symlink_to(tmp_path / "mine")
    window.bench.show_run(run)
    qtbot.waitUntil(lambda: any("cannot be read" in c.notice.title for c in window.notices.cards()), timeout=10_000)
    assert len(window.notices.cards()) == 1
    window.close()
    assert wait_for_background(20)
