"""What tests of the window share: no screen, no file of the person who runs them, no work left behind."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from helpers.model_folder import write_model
from orpo_studio import paths
from orpo_studio.gui.background import wait_for_background
from orpo_studio.gui.preferences import Preferences
from orpo_studio.gui.theme import install_theme
from orpo_studio.gui.workbench import Workbench


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep cache and preferences in the test's own folder."""
    monkeypatch.setattr(paths, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(paths, "preferences_file", lambda: tmp_path / "preferences.json")


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what waits for a pause in typing wait less: tests type, look and go on hundreds of times."""
    for pause in ("choices.SETTLE_MS", "doctor.examination.SETTLE_MS", "pairs.source._SETTLE_MS"):
        monkeypatch.setattr(f"orpo_studio.gui.{pause}", 20)
    for pause in ("pairs.tools._PAUSE_MS", "pairs.columns._PAUSE_MS"):
        monkeypatch.setattr(f"orpo_studio.gui.{pause}", 30)


@pytest.fixture
def bench(qtbot: QtBot, qapp: object, tmp_path: Path) -> Iterator[Workbench]:
    """A real workbench on an empty workspace, without a window."""
    install_theme(qapp, "light")
    made = Workbench(tmp_path / "workspace", Preferences())
    yield made
    made.close()
    assert wait_for_background(10)
    made.deleteLater()


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """A small model folder of the Llama architecture: headers and configuration, weights all zero."""
    return write_model(tmp_path / "tiny-llama")
