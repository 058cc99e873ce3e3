"""Runs of other versions: those of the first are read whole; those of newer ones are looked at and left alone."""

import json
import os
import shutil

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from orpo_studio import paths
from orpo_studio.cli.program import main
from orpo_studio.config import SCHEMA_VERSION, RunSpec, read_newer_spec
from orpo_studio.events import EventLog, RunLaunched, TrainingStarted, TrainMetrics
from orpo_studio.gui.app import make_window
from orpo_studio.gui.follower import RunFollower
from orpo_studio.gui.pages.recipe import RecipePage
from orpo_studio.gui.pages.train.progress import ProgressStrip
from orpo_studio.gui.runs.face import NEWER as NEWER_FACE
from orpo_studio.gui.runs.face import may_wait, state_face
from orpo_studio.gui.steps import StepState, step_state
from orpo_studio.runs import Job, RunFolder, create_run, list_runs, mark_lost, summarize
from orpo_studio.runs.folder import NEWER

FIRST = Path(__file__).parent / "run_of_the_first_version"
SPEC = RunSpec.model_validate(
    {"name": "From tomorrow", "model": {"path": "demo"}, "data": {"source": "demo"}, "recipe": {"lambda": 0.25}}
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "cache_folder", lambda: tmp_path / "cache")


@pytest.fixture
def cut_short(tmp_path: Path) -> RunFolder:
    """A run that was training when all its processes were killed."""
    folder = create_run(tmp_path / "workspace", SPEC)
    with EventLog(folder.events_file) as log:
        log.append(RunLaunched(attempt=1))
        log.append(
            TrainingStarted(
                first_step=0, total_steps=9, epochs=1, effective_batch=4, logging_steps=1, evaluation_steps=5,
                checkpoint_steps=5,
            )
        )  # fmt: skip
        log.append(TrainMetrics(step=3, epoch=0.5, seconds=1.0, values={"loss": 2.5}))
    return folder


def of_tomorrow(folder: RunFolder) -> None:
    """Let a newer version have written its settings."""
    text = folder.spec_file.read_text().replace(
        f"schema_version = {SCHEMA_VERSION}", f"schema_version = {SCHEMA_VERSION + 1}"
    )
    folder.spec_file.write_text(f"{text}\n[quantum]\nbits = 3\n".replace("lora_rank = ", "lora_rank = 'auto' # "))


def with_later_events(folder: RunFolder) -> None:
    """Let a newer version have said something that is not known yet."""
    with folder.events_file.open("a") as file:
        file.write(json.dumps({"seq": 4, "time": 5.0, "type": "run.hibernated", "step": 3}) + "\n")


def content(folder: RunFolder) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}


@pytest.mark.parametrize("newer", [of_tomorrow, with_later_events])
def test_that_a_run_of_a_newer_version_is_shown_and_left_as_it_is(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_short: RunFolder, newer: object
) -> None:
    newer(cut_short)
    before = content(cut_short)
    assert not mark_lost(cut_short)
    looks: list[bool] = []
    judge = RunFollower._judge_lock
    monkeypatch.setattr(RunFollower, "_judge_lock", lambda self, *, held: looks.append(held) or judge(self, held=held))

    window = make_window(tmp_path / "workspace", tmp_path / "preferences.json")
    qtbot.addWidget(window)
    bench = window.bench
    follower = bench.show_run(cut_short)
    assert follower is not None
    qtbot.waitUntil(lambda: follower.fold.latest.step == 3, timeout=10_000)
    qtbot.waitUntil(lambda: len(looks) > 2, timeout=20_000)
    assert bench.run_spec is not None
    assert bench.run_spec.recipe.lambda_ == 0.25
    assert bench.only_to_look_at() is not None
    assert "newer ORPO Studio" in window.foot.status.text()
    assert not window.foot.main.isVisibleTo(window)

    (told,) = (card.notice for card in window.notices.cards())
    assert (told.severity, told.title) == ("warning", "The run “From tomorrow” was made by a newer ORPO Studio.")
    assert str(tmp_path) not in told.detail
    strip = window.pages["train"].findChild(ProgressStrip)
    assert strip is not None
    assert (strip.state.text(), strip.stage.text()) == ("Made by a newer version", "How it ended is not known here.")
    assert state_face(summarize(cut_short)) == NEWER_FACE
    assert not may_wait(summarize(cut_short))
    bench.resume()
    bench.run_job(Job.EVALUATE, prompts=[])
    bench.request("stop")
    assert [card.notice for card in window.notices.cards()] == [told]
    window.close()
    assert content(cut_short) == before


def test_that_settings_that_cannot_be_read_are_marked_and_not_offered(
    qtbot: QtBot, tmp_path: Path, cut_short: RunFolder
) -> None:
    of_tomorrow(cut_short)
    window = make_window(tmp_path / "workspace", tmp_path / "preferences.json")
    qtbot.addWidget(window)
    bench = window.bench
    assert bench.show_run(cut_short) is not None
    assert not window.foot.use_settings.isVisibleTo(window)
    assert [issue.name for issue in bench.issues()] == ["recipe.lora_rank"]
    assert step_state(bench, "recipe") is StepState.ATTENTION
    recipe = window.pages["recipe"]
    assert isinstance(recipe, RecipePage)
    assert recipe.view.all_settings.head.text().endswith("1 cannot be read")
    field = recipe.view.field("recipe.lora_rank")
    assert field is not None
    assert "cannot read" in field.message.text()
    assert recipe.view.meaning.unread.isVisibleTo(recipe)
    window.close()


def test_that_settings_are_offered_where_only_its_events_are_newer(
    qtbot: QtBot, tmp_path: Path, cut_short: RunFolder
) -> None:
    with_later_events(cut_short)
    window = make_window(tmp_path / "workspace", tmp_path / "preferences.json")
    qtbot.addWidget(window)
    assert window.bench.show_run(cut_short) is not None
    assert window.foot.use_settings.isVisibleTo(window)
    window.foot.use_settings.click()
    assert not window.bench.read_only
    assert window.bench.draft.values["name"] == "From tomorrow"
    window.close()


@pytest.mark.parametrize("content", ["recipe = 3", "[recipe]\nlambda = 'strong'\n", "[recipe]\nlambda = -1\n"])
def test_that_a_setting_of_another_form_is_named_as_not_read(tmp_path: Path, content: str) -> None:
    file = tmp_path / "run.toml"
    file.write_text(f"name = 'Odd'\n{content}")
    spec, unread = read_newer_spec(file)
    assert (spec.name, spec.recipe.lambda_) == ("Odd", RunSpec().recipe.lambda_)
    assert "recipe.lambda" in unread


@pytest.mark.parametrize("newer", [of_tomorrow, with_later_events])
def test_that_the_terminal_leaves_it_as_it_is_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cut_short: RunFolder, newer: object
) -> None:
    newer(cut_short)
    (cut_short.adapter).mkdir()
    (cut_short.adapter / "adapter_model.safetensors").touch()
    before = content(cut_short)
    workspace = ["--workspace", str(tmp_path / "workspace")]
    for command in (["train", "--resume", "last"], ["evaluate", "last"], ["export", "last", "--adapter", "x"]):
        assert main([command[0], *workspace, *command[1:]]) == 1
        assert "newer" in capsys.readouterr().err
    main(["runs", *workspace])
    main(["watch", *workspace, "last"])
    assert "lost" in capsys.readouterr().out
    assert content(cut_short) == before


def test_that_a_newer_run_can_be_deleted(tmp_path: Path, cut_short: RunFolder) -> None:
    of_tomorrow(cut_short)
    (summary,) = list_runs(tmp_path / "workspace")
    assert summary.problem is not None
    assert summary.problem.code == NEWER
    assert summary.fold.latest.values == {"loss": 2.5}
    cut_short.delete()
    assert not cut_short.path.exists()


def test_that_a_run_of_the_first_version_is_read_whole(tmp_path: Path) -> None:
    shutil.copytree(FIRST, tmp_path / "runs" / FIRST.name)
    summary = summarize(RunFolder(tmp_path / "runs" / FIRST.name))
    assert summary.problem is None
    assert summary.spec is not None
    assert summary.title == "The first"
    assert summary.state == "completed"
    assert not summary.fold.unknown
    assert summary.figures()["total_steps"] == 4
    assert summary.fold.before is not None
    assert summary.fold.after is not None
    assert summary.fold.evaluation is not None
