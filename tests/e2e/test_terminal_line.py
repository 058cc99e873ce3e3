"""The whole line in the terminal: train, list, evaluate, export, each with its one JSON object."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def say(workspace: Path, *words: str, code: int = 0) -> dict[str, Any]:
    """Run a command with ``--json`` and return the object on its last line."""
    done = subprocess.run(
        [sys.executable, "-m", "orpo_studio.cli", *words, "--workspace", str(workspace), "--json"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


@pytest.mark.slow
def test_that_the_terminal_goes_the_whole_line(workspace: Path, tmp_path: Path) -> None:
    short = ("--set", "evaluate.pairs=20", "--set", "evaluate.samples=1", "--set", "evaluate.max_new_tokens=16")
    trained = say(workspace, "train", "--model", "demo", "--data", "demo", "--max-steps", "3", *short)

    (listed,) = say(workspace, "runs")["runs"]
    assert (listed["id"], listed["state"]) == (trained["run"], "completed")
    assert listed["figures"]["step"] == 3

    measured = say(workspace, "evaluate", "last")
    assert set(measured) >= {"before", "after"}

    merged = tmp_path / "merged"
    say(workspace, "export", "last", "--merged", str(merged))
    assert {"config.json", "tokenizer.json", "README.md", "generation_config.json"} <= {
        p.name for p in merged.iterdir()
    }
    refused = say(workspace, "export", "last", "--merged", str(merged), code=1)
    assert refused["error"]["hint"]

    again = say(workspace, "train", str(Path(listed["folder"]) / "run.toml"))
    assert again["run"] != trained["run"]
    first, second = say(workspace, "runs")["runs"]
    assert first["figures"]["loss"] == second["figures"]["loss"]
