"""Running the terminal's commands in this process, on runs whose trainer follows a script."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.fake_trainer import put_in_front
from helpers.model_folder import write_model
from helpers.terminal import Said, Say
from orpo_studio import cli


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def say(workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Return a function that runs a command line in the test's workspace."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # whoever holds this machine's card is not the test's matter

    def run(*words: object) -> Said:
        capsys.readouterr()
        code = cli.main([*map(str, words), "--workspace", str(workspace)])
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return run


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that sets the script which trainers follow."""
    return lambda script, **options: put_in_front(monkeypatch, tmp_path / "fake", script, **options)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model folder."""
    return write_model(tmp_path / "tiny-model")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A file with twenty pairs."""
    file = tmp_path / "pairs.jsonl"
    rows = [{"prompt": f"Question {n}?", "chosen": f"Good answer {n}.", "rejected": f"Bad {n}."} for n in range(20)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file
