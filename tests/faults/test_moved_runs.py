"""Runs that were moved or copied elsewhere, where neither model nor data lie any more: read, evaluated, exported."""

import json
import shutil
from pathlib import Path

import pytest

from helpers.tiny_model import make_rows, write_rows, write_tiny_model
from helpers.training import error, make_run, of_kind, outcome, run
from orpo_studio import paths
from orpo_studio.events import EvaluationFinished, ExportFinished
from orpo_studio.runs import Job, RunFolder, find_run, list_runs
from orpo_studio.trainer.environment import prepare_environment

prepare_environment()

FIRST = Path(__file__).parent / "run_of_the_first_version"


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A trained and exported run, carried to another machine: its old place is gone, and so are model and data."""
    old, new = tmp_path_factory.mktemp("old"), tmp_path_factory.mktemp("new")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "cache_folder", lambda: old / "cache")
        model = write_tiny_model(old / "tiny-llama")
        data = write_rows(old / "pairs.jsonl", make_rows(16))
        folder = make_run(old / "workspace", model, data, recipe={"max_steps": 1})
        assert outcome(run(folder)) == "completed"
        assert of_kind(run(folder, Job.EXPORT, kind="adapter"), ExportFinished)
    shutil.copytree(model, new / "tiny-llama")
    shutil.copytree(folder.path, new / "workspace" / "runs" / folder.id)
    shutil.rmtree(old)
    return RunFolder(new / "workspace" / "runs" / folder.id)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "cache_folder", lambda: tmp_path / "cache")


def test_that_a_moved_run_is_read_with_all_it_has_to_show(moved: RunFolder) -> None:
    (summary,) = list_runs(moved.path.parents[1])
    assert (summary.problem, summary.state) == (None, "completed")
    assert summary.figures()["total_steps"] == 1
    (exported,) = summary.fold.exports
    assert (moved.path / exported.folder / "adapter_model.safetensors").is_file()
    assert find_run(Path("/elsewhere"), str(moved.path)) == moved


@pytest.mark.parametrize("job", [Job.EVALUATE, Job.EXPORT])
def test_that_what_is_missing_is_named_with_what_to_do(moved: RunFolder, job: Job) -> None:
    problem = error(run(moved, job))
    assert problem.code == "base-missing"
    assert "tiny-llama" in problem.detail
    assert "run.toml" in problem.hint


def test_that_with_the_model_at_hand_again_it_is_evaluated_and_exported_without_its_data(
    moved: RunFolder, tmp_path: Path
) -> None:
    known = RunFolder(Path(shutil.copytree(moved.path, tmp_path / "runs" / moved.id)))
    text = known.spec_file.read_text()
    now = json.dumps(str(moved.path.parents[2] / "tiny-llama"))
    known.spec_file.write_text(text.replace(json.dumps(known.read_spec().model.path), now))
    assert of_kind(run(known, Job.EVALUATE), EvaluationFinished)
    assert of_kind(run(known, Job.EXPORT, kind="merged"), ExportFinished)


def test_that_nothing_that_is_read_of_a_run_is_an_absolute_path(moved: RunFolder) -> None:
    """But for where model and data lay, which nobody can know otherwise."""
    for line in moved.events_file.read_text().splitlines():
        event = json.loads(line)
        for key in ("file", "folder"):
            assert not Path(str(event.get(key, ""))).is_absolute(), event
