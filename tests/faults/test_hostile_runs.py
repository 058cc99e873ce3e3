"""Run folders made by somebody who means harm: each is refused in words, and nothing outside of it changes."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from helpers.tripwire import VICTIM, Outside
from orpo_studio.config import RunSpec
from orpo_studio.events import EventLog, RunEnded, RunLaunched, TrainMetrics, read_events
from orpo_studio.events.tail import LONGEST_LINE
from orpo_studio.runs import (
    Job,
    RunFolder,
    RunFolderError,
    RunLock,
    ask,
    create_run,
    is_held,
    launch,
    list_runs,
    mark_lost,
    pending,
    summarize,
    take,
    write_support_archive,
)
from orpo_studio.runs.containment import MOST_ENTRIES, require_contained

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows lets only administrators make links")

SPEC = RunSpec.model_validate({"name": "Gift", "model": {"path": "demo"}, "data": {"source": "demo"}})


@pytest.fixture
def outside(tmp_path: Path) -> Outside:
    return Outside(tmp_path / "outside")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run that was launched, never ended, and has a result: whoever looks at it wants to record that it is lost."""
    folder = create_run(tmp_path / "workspace", SPEC)
    folder.events_file.write_text('{"seq":1,"time":1.0,"type":"run.launched","attempt":1}\n')
    folder.adapter.mkdir()
    (folder.adapter / "adapter_model.safetensors").touch()
    return folder


def lead(path: Path, target: Path) -> None:
    """Put a link in the place of whatever is there."""
    if path.is_dir() and not path.is_symlink():
        for inside in path.iterdir():
            inside.unlink()
        path.rmdir()
    path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(target)


LINKS: dict[str, Callable[[RunFolder, Outside], None]] = {
    "events to a file": lambda run, outside: lead(run.events_file, outside.file),
    "events to nowhere yet": lambda run, outside: lead(run.events_file, outside.place / "new"),
    "lock to a file": lambda run, outside: lead(run.lock_file, outside.file),
    "lock to nowhere yet": lambda run, outside: lead(run.lock_file, outside.place / "new"),
    "log to a file": lambda run, outside: lead(run.console_log, outside.file),
    "log to nowhere yet": lambda run, outside: lead(run.console_log, outside.place / "new"),
    "requests to a folder": lambda run, outside: lead(run.control, outside.folder),
    "checkpoints to a folder": lambda run, outside: lead(run.checkpoints, outside.folder),
    "one checkpoint to a folder": lambda run, outside: lead(run.checkpoints / "checkpoint-5", outside.folder),
    "result to a folder": lambda run, outside: lead(run.adapter, outside.folder),
    "a file of the result to a secret": lambda run, outside: lead(
        run.adapter / "notes.md", outside.folder / "id_ed25519"
    ),
    "evaluation to a folder": lambda run, outside: lead(run.evaluation, outside.folder),
    "figures to a file": lambda run, outside: lead(run.evaluation / "result.json", outside.file),
    "exports to a folder": lambda run, outside: lead(run.export, outside.folder),
    "pairs to a folder": lambda run, outside: lead(run.data, outside.folder),
    "an unknown entry": lambda run, outside: lead(run.path / "anything", outside.folder),
}


@pytest.mark.parametrize("name", LINKS)
def test_that_nothing_is_written_deleted_or_started_through_a_link(
    run: RunFolder, outside: Outside, tmp_path: Path, name: str
) -> None:
    LINKS[name](run, outside)

    summary = summarize(run)  # as the list of runs does, unasked
    assert summary.title == "Gift"
    for tried in (lambda: mark_lost(run), lambda: ask(run, "stop"), lambda: take(run, "stop")):
        with suppress(OSError):  # told by whoever called
            tried()
    assert not is_held(outside.file)
    for job in Job:
        with pytest.raises(RunFolderError) as caught:
            launch(run, job, kind="adapter", target="")
        assert caught.value.code == "leads-outside"
        assert "a link" in caught.value.detail
    supervisor = [sys.executable, "-P", "-m", "orpo_studio.runner", str(run.path), "train"]
    if name in {"events to a file", "one checkpoint to a folder"}:  # it refuses by itself, whoever starts it
        ended = subprocess.run(supervisor, capture_output=True, text=True, check=False, timeout=60)
        assert ended.returncode == 4
        assert "not self-contained" in ended.stdout
    archive = zipfile.ZipFile(write_support_archive(run, tmp_path / "archive.zip"))
    assert not any(VICTIM.encode() in archive.read(entry) for entry in archive.namelist())

    run.delete()
    assert not run.path.exists()
    assert outside.is_untouched()


def test_that_a_run_that_is_a_link_is_shown_but_not_deleted_through_it(tmp_path: Path, outside: Outside) -> None:
    elsewhere = create_run(tmp_path / "other disk", SPEC)
    linked = RunFolder(tmp_path / "workspace" / "runs" / elsewhere.id)
    linked.path.parent.mkdir(parents=True)
    linked.path.symlink_to(elsewhere.path)
    (summary,) = list_runs(tmp_path / "workspace")
    assert summary.problem is None
    with pytest.raises(RunFolderError, match="only a link"):
        linked.delete()
    assert elsewhere.read_spec() == SPEC


@pytest.mark.parametrize("name", ["events.jsonl", "run.lock", "console.log", "control/stop.1", "evaluation/x"])
def test_that_a_pipe_holds_nobody_up(run: RunFolder, tmp_path: Path, name: str) -> None:
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).parent.mkdir(exist_ok=True)
    os.mkfifo(run.path / name)
    assert len(list_runs(tmp_path / "workspace")) == 1
    take(run, "stop")
    assert not pending(run, "checkpoint")
    write_support_archive(run, tmp_path / "archive.zip")
    if name != "control/stop.1":  # taken, and with that gone
        with pytest.raises(RunFolderError, match="neither a file nor a folder"):
            launch(run)


def test_that_a_specification_without_end_is_refused_by_its_size(run: RunFolder) -> None:
    with run.spec_file.open("wb") as file:
        file.truncate(1 << 40)  # sparse: it takes no room on the disk
    problem = summarize(run).problem
    assert problem is not None
    assert "far too large" in problem.detail


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b"a = " + b"[" * 100_000,
        b"[" + b"a." * 400_000 + b"a]",
        b'name = "' + b"x" * 900_000 + b'"',
        b"schema_version = " + b"9" * 10_000,
        b"schema_version = true",
        b"schema_version = -1",
        b"recipe = 1",
        b"[model]\npath = 7",
        b"[recipe]\nlora_targets = [" + b"'x'," * 200_000 + b"]",
    ],
    ids=["no text", "deep", "dotted", "long name", "huge version", "true", "negative", "no section", "no text", "many"],
)
def test_that_a_specification_that_is_none_is_told_and_hides_no_other_run(
    run: RunFolder, tmp_path: Path, content: bytes
) -> None:
    other = create_run(tmp_path / "workspace", SPEC)
    run.spec_file.write_bytes(content)
    found = {summary.folder.id: summary for summary in list_runs(tmp_path / "workspace")}
    assert found[other.id].problem is None
    problem = found[run.id].problem
    assert problem is not None
    assert problem.code in {"unreadable-run", "newer-version"}
    assert len(problem.detail) < 2_000


def test_that_a_line_of_gigabytes_is_passed_over_without_filling_the_memory(run: RunFolder) -> None:
    import resource

    with run.events_file.open("ab") as file:
        file.truncate(file.tell() + LONGEST_LINE * 8)
        file.seek(0, 2)
        file.write(b"\n")
    with EventLog(run.events_file) as log:
        log.append(RunEnded(outcome="completed", step=7))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert summarize(run).state == "completed"
    assert [event.type for event in read_events(run.events_file)] == ["run.launched", "run.ended"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * LONGEST_LINE // 1024


LINES = {
    "negative numbers": {"seq": -(10**30), "type": "train.metrics", "step": -5, "epoch": -1, "seconds": -1},
    "huge numbers": {"seq": 10**40, "type": "train.metrics", "step": 10**40, "epoch": 1e308, "seconds": 1e308},
    "no numbers": {"seq": 2, "type": "train.metrics", "step": "NaN", "epoch": "NaN", "seconds": "Infinity"},
    "a far year": {"seq": 2, "time": 1e300, "type": "run.ended", "outcome": "completed", "step": 3},
    "no time": {"seq": 2, "time": "NaN", "type": "run.launched", "attempt": 10**40},
    "a huge total": {"seq": 2, "type": "stage", "name": "x", "title": "y", "done": 10**30, "total": 10**40},
    "a negative total": {"seq": 2, "type": "stage", "name": "x", "title": "y", "done": -9, "total": -(10**40)},
    "many names": {"seq": 2, "type": "machine", "values": {f"name {n}": n for n in range(100_000)}},
    "a long name": {"seq": 2, "type": "train.metrics", "step": 1, "values": {"<b>x\x1b[2J\n" * 100_000: 1}},
    "an odd type": {"seq": 2, "type": ["run.ended"], "step": 1},
    "a deep shape": {"seq": 2, "type": "later", "x": json.loads("[" * 900 + "]" * 900)},
    "a checkpoint outside": {"seq": 2, "type": "checkpoint.saved", "step": 1, "folder": "../..", "size_bytes": -1},
}


@pytest.mark.parametrize("name", LINES)
def test_that_figures_beyond_reason_are_taken_as_they_are_or_left_out(run: RunFolder, name: str) -> None:
    line = {"epoch": 0.5, "seconds": 1.0, "values": {"loss": 1.0}} if LINES[name]["type"] == "train.metrics" else {}
    with run.events_file.open("a") as file:
        file.write(json.dumps({**line, **LINES[name]}) + "\n")
    with EventLog(run.events_file) as log:
        log.append(TrainMetrics(step=9, epoch=1.0, seconds=2.0, values={"loss": 0.5}))
        log.append(RunEnded(outcome="failed", step=9))
    summary = summarize(run)
    assert summary.state == "failed"
    assert summary.figures()["loss"] == 0.5


def test_that_a_folder_with_far_too_many_files_is_refused_and_not_walked_for_ever(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orpo_studio.runs.containment.MOST_ENTRIES", 5)
    for number in range(6):
        (run.adapter / str(number)).touch()
    with pytest.raises(RunFolderError, match="far too many"):
        require_contained(run)
    assert MOST_ENTRIES > 10_000


def test_that_a_request_that_lies_ready_in_a_run_is_never_read(run: RunFolder, outside: Outside) -> None:
    """Somebody's run may bring a request that names a target; only what was asked for just now counts."""
    from orpo_studio.runs.job_request import read_request

    run.export.mkdir()
    (run.export / "request.json").write_text(json.dumps({"kind": "merged", "target": str(outside.place / "new")}))
    (run.control / "request.0123456789abcdef").write_text(json.dumps({"target": str(outside.place / "new")}))
    assert read_request(run, "") == {}
    for name in ("../export/request.json", str(outside.file), "stop.1", "request.0123456789abcde/"):
        with pytest.raises(RunFolderError, match="cannot be read"):
            read_request(run, name)


def test_that_the_lock_of_a_run_in_a_folder_without_rights_is_told_as_free(run: RunFolder) -> None:
    run.lock_file.mkdir()
    assert not is_held(run.lock_file)
    with pytest.raises(OSError, match="directory"):
        RunLock(run.lock_file).take()


def test_that_a_run_launched_twice_is_counted_once_more(run: RunFolder) -> None:
    """Numbers that are repeated or go back are gaps and nothing worse."""
    with run.events_file.open("a") as file:
        file.writelines(RunLaunched(seq=1, attempt=1).model_dump_json() + "\n" for _ in range(3))
    assert summarize(run).fold.gaps == 3


def test_that_no_text_of_a_run_moves_the_terminal(run: RunFolder) -> None:
    import io

    from rich.console import Console

    from orpo_studio.cli.progress import LiveProgress, PlainProgress
    from orpo_studio.events import Problem, RunState, Stage

    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202ehidden"
    events = [
        Stage(name="x", title=evil, done=1, total=3, unit=evil),
        Problem(severity="error", code=evil, title=evil, detail=evil, hint=evil),
    ]
    state = RunState()
    for event in events:
        state.apply(event)
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    for progress in (LiveProgress(console, run, state), PlainProgress(console)):
        with progress:
            progress.update(events, state)
    for trap in ("\x1b]0", "\x07", "\x1b[2J", "\x9b", "\u202e"):
        assert trap not in screen.getvalue()
