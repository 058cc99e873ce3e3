"""Two real runs that follow each other while no window is open."""

from pathlib import Path

import pytest

from helpers.waiting import wait_until
from orpo_studio.config import RunSpec
from orpo_studio.events import RunLaunched, read_events
from orpo_studio.runs import RunFolder, create_run, list_runs
from orpo_studio.runs.queue import add_to_queue, is_kept, keep_going


def launched(folder: RunFolder) -> list[float]:
    return [event.time for event in read_events(folder.events_file) if isinstance(event, RunLaunched)]


@pytest.mark.slow
def test_that_runs_in_the_queue_are_trained_one_after_the_other(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    for number in (1, 2):
        values = {
            "name": f"Bot {number}",
            "model": {"path": "demo"},
            "data": {"source": "demo"},
            "recipe": {"max_steps": 1, "micro_batch": 2, "accumulation": 1},
            "evaluate": {"samples": 0, "pairs": 2},
        }
        add_to_queue(workspace, create_run(workspace, RunSpec.model_validate(values)))
    keep_going(workspace)

    def states() -> list[str]:
        found = [summary.state for summary in list_runs(workspace)]
        assert "failed" not in found
        return found

    wait_until(lambda: states() == ["completed", "completed"], 240, "both runs to be trained")
    second, first = list_runs(workspace)
    assert (first.title, second.title) == ("Bot 1", "Bot 2")
    assert first.folder.has_result()
    assert second.folder.has_result()
    assert first.fold.ended is not None
    (began,) = launched(second.folder)
    assert len(launched(first.folder)) == 1
    assert first.fold.ended.time < began
    wait_until(lambda: not is_kept(workspace), what="the process that starts what waits to leave")
