"""The queue: an order that lives in the runs' own events, and that nobody can break."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orpo_studio.config import RunSpec
from orpo_studio.events import Event, EventLog, RunEnded, RunLaunched, RunQueued, read_events
from orpo_studio.runs import RunFolder, RunFolderError, RunLock, create_run, list_runs, summarize
from orpo_studio.runs.queue import (
    add_to_queue,
    give_up,
    lies_in,
    move,
    ordinal,
    queue_of,
    take_out,
)

SPEC = RunSpec.model_validate({"model": {"path": "demo"}, "data": {"source": "demo"}})

Add = Callable[[int], list[RunFolder]]


def say(folder: RunFolder, *events: Event) -> None:
    with EventLog(folder.events_file) as log:
        for event in events:
            log.append(event)


def order(workspace: Path) -> list[RunFolder]:
    return [summary.folder for summary in queue_of(list_runs(workspace))]


@pytest.fixture
def add(tmp_path: Path) -> Add:
    """Return a function that makes runs and lets them wait."""

    def make(count: int) -> list[RunFolder]:
        made = [create_run(tmp_path, SPEC) for _ in range(count)]
        for folder in made:
            add_to_queue(tmp_path, folder)
        return made

    return make


def test_that_runs_wait_in_the_order_in_which_they_were_added(tmp_path: Path, add: Add) -> None:
    first, second, third = add(3)
    add_to_queue(tmp_path, first)  # once more: it keeps its place
    assert order(tmp_path) == [first, second, third]
    assert {s.folder: s.place for s in list_runs(tmp_path)} == {first: 1, second: 2, third: 3}
    assert summarize(second).state == "waiting"
    take_out(second)
    assert summarize(second).state == "created"
    assert order(tmp_path) == [first, third]
    third.delete()
    assert order(tmp_path) == [first]


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 5)), max_size=12))
def test_that_a_run_goes_where_it_is_moved_to(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[int, int]]
) -> None:
    workspace = tmp_path_factory.mktemp("queue")
    expected = [create_run(workspace, SPEC) for _ in range(4)]
    for folder in expected:
        add_to_queue(workspace, folder)
    for which, index in moves:
        moved = expected.pop(which)
        expected.insert(max(0, index), moved)
        move(workspace, moved, index)
        assert order(workspace) == expected


def test_that_runs_are_numbered_anew_where_there_is_no_number_in_between(tmp_path: Path, add: Add) -> None:
    first, second, third = add(3)
    say(first, RunQueued(place=1.0, attempts=0))
    say(second, RunQueued(place=1.0, attempts=0))
    say(third, RunQueued(place=1e300, attempts=0))
    move(tmp_path, third, 1)
    assert order(tmp_path) == [first, third, second]
    say(second, RunQueued(place=1e300, attempts=0))
    move(tmp_path, first, 2)
    assert order(tmp_path) == [third, second, first]


def test_that_what_is_said_too_late_has_no_effect(add: Add) -> None:
    (folder,) = add(1)
    say(folder, RunLaunched(attempt=1), RunQueued(place=0, attempts=0), RunQueued(place=0, attempts=1))
    assert summarize(folder).state == "lost"
    say(folder, RunEnded(outcome="failed"), RunQueued(place=0, attempts=0))
    assert summarize(folder).state == "failed"


def test_that_a_run_whose_processes_vanished_can_wait_and_is_told_as_lost_first(tmp_path: Path) -> None:
    folder = create_run(tmp_path, SPEC)
    say(folder, RunLaunched(attempt=1))
    add_to_queue(tmp_path, folder)
    assert [event.outcome for event in read_events(folder.events_file) if isinstance(event, RunEnded)] == ["lost"]
    assert summarize(folder).state == "waiting"


def test_that_a_run_that_cannot_be_started_is_refused_in_words(tmp_path: Path) -> None:
    complete, busy, broken = (create_run(tmp_path, SPEC) for _ in range(3))
    say(complete, RunLaunched(attempt=1), RunEnded(outcome="completed"))
    lock = RunLock(busy.lock_file)
    assert lock.take()
    broken.spec_file.write_text("= 3")
    for folder, code in ((complete, "already-completed"), (busy, "already-running"), (broken, "unreadable-run")):
        with pytest.raises(RunFolderError) as caught:
            add_to_queue(tmp_path, folder)
        assert caught.value.code == code
        assert caught.value.hint
    lock.release()
    assert order(tmp_path) == []
    with pytest.raises(RunFolderError) as caught:
        move(tmp_path, busy, 0)
    assert caught.value.code == "not-waiting"


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_that_a_link_out_of_the_workspace_is_refused_and_left_alone(tmp_path: Path) -> None:
    elsewhere = create_run(tmp_path / "elsewhere", SPEC)
    workspace = tmp_path / "workspace"
    (workspace / "runs").mkdir(parents=True)
    (workspace / "runs" / "link").symlink_to(elsewhere.path)
    before = sorted(path.name for path in elsewhere.path.iterdir())
    for path in (workspace / "runs" / "link", elsewhere.path, workspace / "runs" / ".." / ".." / "elsewhere"):
        assert not lies_in(workspace, RunFolder(path))
    with pytest.raises(RunFolderError) as caught:
        add_to_queue(workspace, RunFolder(workspace / "runs" / "link"))
    assert caught.value.code == "elsewhere"
    assert sorted(path.name for path in elsewhere.path.iterdir()) == before


def test_that_places_that_are_no_numbers_are_passed_over(tmp_path: Path, add: Add) -> None:
    (folder,) = add(1)
    take_out(folder)
    wild = ('"NaN"', "1e999", "null", '"first"', "[1]", "{}", "true" * 3)
    with folder.events_file.open("a") as file:
        file.writelines(f'{{"type":"run.queued","seq":9,"attempts":0,"place":{place}}}\n' for place in wild)
        file.write('{"type":"run.queued","seq":9,"place":3}\n')
    assert order(tmp_path) == []


def test_that_a_run_of_a_newer_version_keeps_no_place_and_is_left_alone(tmp_path: Path, add: Add) -> None:
    newer, other = add(2)
    with newer.events_file.open("a") as file:
        file.write('{"type":"run.dreams","seq":2,"time":1}\n')
    assert order(tmp_path) == [other]
    other.spec_file.write_text("schema_version = 999\n")
    assert order(tmp_path) == []


def test_that_a_run_that_could_not_be_started_has_failed_with_the_reason(tmp_path: Path, add: Add) -> None:
    (folder,) = add(1)
    give_up(folder, RunFolderError("gone", "It is gone.", "The disk.", "Plug it in."))
    summary = summarize(folder)
    assert summary.state == "failed"
    assert summary.fold.error is not None
    assert summary.fold.error.title == "It is gone."
    give_up(folder, RunFolderError("gone", "It is gone.", "The disk.", "Plug it in."))  # it waits no longer
    assert len(list(read_events(folder.events_file))) == 3
    add_to_queue(tmp_path, folder)
    assert order(tmp_path) == [folder]


HAMMER = """
import random, sys
from pathlib import Path
from orpo_studio.runs import RunFolder, RunFolderError
from orpo_studio.runs.queue import add_to_queue, move
workspace, dice = Path(sys.argv[1]), random.Random(int(sys.argv[2]))
folders = [RunFolder(path) for path in sorted((workspace / "runs").iterdir())]
dice.shuffle(folders)
for folder in folders:
    while True:
        try:
            add_to_queue(workspace, folder)
            break
        except RunFolderError as error:  # another of us holds its lock for a moment
            assert error.code == "already-running"
for _ in range(15):
    move(workspace, dice.choice(folders), dice.randrange(len(folders)))
"""


def test_that_many_processes_at_once_lose_no_entry(tmp_path: Path) -> None:
    made = {create_run(tmp_path, SPEC) for _ in range(6)}
    processes = [subprocess.Popen([sys.executable, "-c", HAMMER, tmp_path, str(seed)]) for seed in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    assert set(order(tmp_path)) == made
    for folder in made:  # and each stream is whole: nobody wrote over another's line
        seqs = [event.seq for event in read_events(folder.events_file)]
        assert seqs == list(range(1, len(seqs) + 1))


def test_that_places_are_told_in_words() -> None:
    words = ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "22nd", "113th"]
    assert [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 13, 22, 113)] == words
