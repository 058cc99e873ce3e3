"""The real program on the embedded demo: real window, real supervisor, real trainer, nothing of the person's."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from orpo_studio import paths
from orpo_studio.gui.app import make_window
from orpo_studio.gui.background import wait_for_background
from orpo_studio.gui.window import MainWindow


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep cache and preferences in the test's own folder."""
    monkeypatch.setattr(paths, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # the trainer is a process of its own


@pytest.fixture
def window(qtbot: QtBot, workspace: Path, tmp_path: Path) -> Iterator[MainWindow]:
    """The window as a person opens it, on an empty workspace."""
    made = make_window(workspace, tmp_path / "preferences.json")
    made.resize(1280, 800)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.bench.close()
    assert wait_for_background(20)
    made.hide()
    made.deleteLater()
