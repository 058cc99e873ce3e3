"""``orpo-studio queue``, and starts while the card is not free."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.fake_nvml import FakeNvml
from helpers.fake_trainer import TRAINS, TRAINS_UNTIL_STOPPED
from helpers.terminal import Say
from helpers.waiting import wait_until
from orpo_studio.cli import queue as queue_command
from orpo_studio.config import RunSpec
from orpo_studio.runs import RunFolder, ask, create_run, find_run, is_held, launch, list_runs, summarize
from orpo_studio.runs.card import CardWatch
from orpo_studio.runs.queue import is_kept, take_out

Trainer = Callable[..., None]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Workspaces for which somebody was asked to start what waits; nobody does."""
    asked: list[Path] = []
    monkeypatch.setattr(queue_command, "keep_going", asked.append)
    return asked


@pytest.fixture
def runs(workspace: Path) -> list[RunFolder]:
    spec = {"model": {"path": "demo"}, "data": {"source": "demo"}}
    return [create_run(workspace, RunSpec.model_validate({"name": f"Bot {n}", **spec})) for n in (1, 2, 3)]


@pytest.fixture
def training(runs: list[RunFolder], trainer: Trainer, workspace: Path) -> Iterator[RunFolder]:
    """The first of the runs trains until it is stopped; when the test ends, no process is left."""
    trainer(TRAINS_UNTIL_STOPPED)
    process = launch(runs[0])
    wait_until(lambda: summarize(runs[0]).state == "running")
    yield runs[0]
    for summary in list_runs(workspace):
        take_out(summary.folder)
        ask(summary.folder, "stop")
    process.wait(20)
    wait_until(lambda: not is_kept(workspace) and not any(is_held(s.folder.lock_file) for s in list_runs(workspace)))


def queued(said: Any) -> list[str]:
    return [entry["run"] for entry in said.result["queue"]]


def test_that_runs_are_added_moved_and_taken_out(
    say: Say, runs: list[RunFolder], kept: list[Path], workspace: Path
) -> None:
    one, two, three = (folder.id for folder in runs)
    assert [say("queue", "add", run, "--json").result["place"] for run in (one, two, three)] == [1, 2, 3]
    assert kept == [workspace] * 3
    assert queued(say("queue", "up", three, "--json")) == [one, three, two]
    assert queued(say("queue", "down", one, "--json")) == [three, one, two]
    assert queued(say("queue", "up", three, "--json")) == [three, one, two]
    assert "1st  " + three in say("queue", "list").out
    assert say("queue").out == say("queue", "list").out
    assert "waiting, 2nd" in say("runs").out
    assert {entry["id"]: entry.get("place") for entry in say("runs", "--json").result["runs"]} == {
        three: 1, one: 2, two: 3,
    }  # fmt: skip
    assert queued(say("queue", "remove", one, "--json")) == [three, two]
    assert say("queue", "remove", one, "--json").error["code"] == "not-waiting"
    assert say("queue", "add", "nothing", "--json").error["code"] == "no-such-run"
    assert queued(say("queue", "clear", "--json")) == []
    assert "No run waits" in say("queue", "list").out
    assert [summary.state for summary in list_runs(workspace)] == ["created"] * 3


def test_that_no_run_starts_beside_another_one_unless_that_is_insisted_on(
    say: Say, training: RunFolder, model: Path, data: Path, kept: list[Path], trainer: Trainer, workspace: Path
) -> None:
    start = ("train", "--model", model, "--data", data, "--json")
    error = say(*start).error
    assert error["code"] == "busy"
    assert error["detail"] == "“Bot 1” is training."
    assert "--queue" in error["hint"]
    assert "--anyway" in error["hint"]
    assert len(list_runs(workspace)) == 3  # no run was made
    waits = say(*start, "--queue").result
    assert (waits["state"], waits["place"]) == ("waiting", 1)
    listed = say("queue", "list", "--json").result
    assert listed["waits_for"] == "“Bot 1” is training"
    trainer(TRAINS)
    assert say(*start, "--anyway").result["state"] == "completed"
    say("queue", "start-anyway", waits["run"])
    wait_until(lambda: summarize(find_run(workspace, waits["run"])).state == "completed")
    assert say("queue", "start-anyway", waits["run"], "--json").error["code"] == "not-waiting"


def test_that_another_program_on_the_card_is_named(
    say: Say, runs: list[RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(queue_command, "CardWatch", lambda: CardWatch(FakeNvml({2**22 + 1: 9.1})))
    error = say("resume", runs[0].id, "--json").error
    assert error["title"] == "The run was not started: the graphics card is not free."
    assert error["detail"] == "The graphics card is in use by a program (process 4194305, 9.1 GiB)."


def test_that_a_waiting_run_starts_by_itself_and_watch_tells_why_it_waits(
    say: Say, training: RunFolder, runs: list[RunFolder], trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer(TRAINS)
    say("queue", "add", runs[1].id)
    see_to_it = queue_command.keep_going_if_needed

    def stop_what_is_in_the_way(place: Path) -> None:
        ask(training, "stop")
        see_to_it(place)

    monkeypatch.setattr(queue_command, "keep_going_if_needed", stop_what_is_in_the_way)
    watched = say("watch", runs[1].id)
    assert "Waits, 1st in the queue: “Bot 1” is training." in watched.out
    assert f"The run {runs[1].id} is completed." in watched.out
    assert watched.code == 0
