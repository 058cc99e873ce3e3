"""How an end is told: by its cause where the log knows one, never by a guess that is not so."""

from pathlib import Path

import pytest

from orpo_studio.config import RunSpec
from orpo_studio.events import JobEnded, Problem, RunEnded
from orpo_studio.runs import RunFolder, create_run
from orpo_studio.runs.ending import explain_end, explain_silence

FULL = "The events of this run could not be written: [Errno 28] No space left on device: 'events.jsonl'\n"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, RunSpec.model_validate({"model": {"path": "demo"}, "data": {"source": "demo"}}))


def test_that_an_end_that_was_asked_for_needs_no_words(run: RunFolder) -> None:
    assert explain_end(run, RunEnded(outcome="stopped"), None) is None
    assert explain_end(run, RunEnded(outcome="completed"), None) is None


def test_that_what_a_library_said_is_kept_beside_the_log(run: RunFolder) -> None:
    said = Problem(severity="error", code="a", title="It ended.", detail="", hint="", more="Library: no.")

    ending = explain_end(run, RunEnded(outcome="failed", exit_code=1, log_tail="Last line."), said)

    assert ending is not None
    assert ending.more == "Library: no.\n\nLast line."


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
    assert "resume" in ending.hint


NEAR = {"process_memory_gib": 7.9, "memory_gib": 7.95, "memory_total_gib": 8.0}


def killed(number: int, log_tail: str = "", **machine: float) -> RunEnded:
    return RunEnded(outcome="failed", exit_code=-number, signal=number, log_tail=log_tail, machine=machine)


@pytest.mark.parametrize(
    ("machine", "code", "words"),
    [
        ({}, "killed", "Most often this means that memory ran out."),
        (NEAR, "memory-likely-ran-out", "Memory had nearly run out. Shortly before, it held 7.9 of 8.0 GiB."),
        ({**NEAR, "oom_kills": 1}, "memory-ran-out", "Shortly before, it held 7.9 of 8.0 GiB."),
        (
            {"process_memory_gib": 3.0, "memory_gib": 7.8, "memory_total_gib": 8.0},
            "memory-likely-ran-out",
            "it held 3.0 of 8.0 GiB; all programs together held 7.8 GiB.",
        ),
        (
            {"process_memory_gib": 1.2, "memory_gib": 9.0, "memory_total_gib": 64.0, "oom_kills": 0},
            "killed",
            "Memory does not seem to have been short. Shortly before, it held 1.2 of 64.0 GiB",
        ),
    ],
)
def test_that_a_kill_is_told_by_what_is_known_of_the_memory(
    run: RunFolder, machine: dict[str, float], code: str, words: str
) -> None:
    ending = explain_end(run, killed(9, **machine), None)
    assert ending is not None
    assert ending.code == code
    assert words in ending.detail


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (11, "crashed", "(Signal 11, SIGSEGV.)"),
        (6, "crashed", "driver"),
        (7, "bus-error", "(Signal 7, SIGBUS.)"),
        (4, "illegal-instruction", "processor"),
        (15, "ended-from-outside", "shut down"),
        (34, "killed", "(Signal 34.)"),
    ],
)
def test_that_each_signal_has_its_own_words(run: RunFolder, number: int, code: str, words: str) -> None:
    ending = explain_end(run, killed(number, "the last words"), None)
    assert ending is not None
    assert ending.code == code
    assert words in f"{ending.title} {ending.detail}"
    assert "memory ran out" not in ending.detail
    assert ending.more == "the last words"
    assert ending.hint


@pytest.mark.parametrize(
    ("saved_step", "kept"),
    [
        (1200, "The checkpoint of step 1,200 is kept: resume the run to go on from there."),
        (0, "No checkpoint was saved yet, so the run can only be started again."),
        (None, "What was saved is kept: resume the run to go on from its last checkpoint."),
    ],
)
@pytest.mark.parametrize("end", [killed(9, **NEAR), killed(15), RunEnded(outcome="lost"), killed(6, "std::bad_alloc")])
def test_that_it_is_told_what_is_kept_and_how_to_go_on(
    run: RunFolder, end: RunEnded, saved_step: int | None, kept: str
) -> None:
    ending = explain_end(run, end, None, saved_step)
    assert ending is not None
    assert ending.hint.endswith(kept)
    assert "ignal" not in ending.title


def test_that_a_job_that_was_killed_keeps_nothing(run: RunFolder) -> None:
    ending = explain_end(run, JobEnded(job="export", outcome="failed", exit_code=-15, signal=15), None, 48)
    assert ending is not None
    assert ending.hint == "Start it again."


def test_that_windows_status_codes_are_read_as_what_they_mean(run: RunFolder) -> None:
    ending = explain_end(run, RunEnded(outcome="failed", exit_code=0xC0000005), None)
    assert ending is not None
    assert ending.code == "crashed"


def test_that_a_crash_in_the_driver_is_blamed_on_it(run: RunFolder) -> None:
    log = "terminate called after throwing an instance of 'c10::Error'\nCUDA error: unspecified launch failure\n"
    ending = explain_end(run, killed(6, log), None)
    assert ending is not None
    assert ending.code == "device-fault"
    # What was only warned of at the start has not ended a run that was killed.
    killed_later = explain_end(run, killed(9, log), None)
    assert killed_later is not None
    assert killed_later.code == "killed"


def test_that_the_rows_of_a_problem_are_handed_on(run: RunFolder) -> None:
    said = Problem(severity="error", code="non-finite", title="T.", detail="D.", hint="H.", rows=["4", "9"])
    ending = explain_end(run, RunEnded(outcome="failed", exit_code=1), said)
    assert ending is not None
    assert ending.rows == ("4", "9")


@pytest.mark.parametrize(
    "line",
    ["memory allocation of 536870912 bytes failed", "terminate called after throwing an instance of 'std::bad_alloc'"],
)
def test_that_a_library_that_can_get_no_memory_is_told_as_such(run: RunFolder, line: str) -> None:
    ending = explain_end(run, killed(6, f"so far so good\n{line}\nAborted\n"), None)
    assert ending is not None
    assert (ending.code, ending.detail) == ("memory-ran-out", line)
