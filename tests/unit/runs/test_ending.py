"""How an end is told: by its cause where the log knows one, never by a guess that is not so."""

from pathlib import Path

import pytest

from orpo_studio.config import RunSpec
from orpo_studio.events import RunEnded
from orpo_studio.runs import RunFolder, create_run
from orpo_studio.runs.ending import explain_end, explain_silence

FULL = "The events of this run could not be written: [Errno 28] No space left on device: 'events.jsonl'\n"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, RunSpec.model_validate({"model": {"path": "demo"}, "data": {"source": "demo"}}))


def test_that_an_end_that_was_asked_for_needs_no_words(run: RunFolder) -> None:
    assert explain_end(run, RunEnded(outcome="stopped"), None) is None
    assert explain_end(run, RunEnded(outcome="completed"), None) is None


def test_that_a_full_disk_is_told_where_the_trainer_could_not_say_it(run: RunFolder) -> None:
    ending = explain_end(run, RunEnded(outcome="failed", exit_code=2, log_tail=FULL), None)
    assert ending is not None
    assert ending.code == "disk-full"
    assert "Make room" in ending.hint


def test_that_a_run_lost_to_a_full_disk_is_not_blamed_on_the_machine(run: RunFolder) -> None:
    lost = explain_end(run, RunEnded(outcome="lost"), None)
    assert lost is not None
    assert lost.code == "lost"
    run.console_log.write_text(FULL)
    told = explain_end(run, RunEnded(outcome="lost"), None)
    assert told is not None
    assert told.code == "disk-full"
    assert told.detail == FULL.strip()


def test_that_a_supervisor_that_could_not_write_is_told_as_a_full_disk(run: RunFolder) -> None:
    run.console_log.write_text(FULL)
    assert explain_silence(run).code == "disk-full"


def test_that_an_unknown_end_gives_the_last_words(run: RunFolder) -> None:
    ending = explain_end(run, RunEnded(outcome="failed", exit_code=7, log_tail="so\nlong\n"), None)
    assert ending is not None
    assert (ending.code, ending.detail) == ("ended", "The last thing it printed: long")
    assert "exit code 7" in ending.title


def test_that_a_run_that_was_ended_since_it_did_not_answer_is_not_blamed_on_the_memory(run: RunFolder) -> None:
    ending = explain_end(run, RunEnded(outcome="failed", exit_code=-9, signal=9, forced=True), None)
    assert ending is not None
    assert ending.code == "forced"
    assert "memory" not in ending.detail
    assert "Resume" in ending.hint
