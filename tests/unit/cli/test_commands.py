"""The commands on runs that are there: list, watch, stop, evaluate, export, help, doctor, and the window."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.fake_trainer import TRAINS, TRAINS_UNTIL_STOPPED
from helpers.scripted_run import ScriptedRun
from helpers.terminal import Say
from helpers.waiting import wait_until
from orpo_studio import cli, paths
from orpo_studio.cli import machine_report, runs
from orpo_studio.cli.machine_report import (
    TRAINING_PACKAGES,
    Finding,
    Gpu,
    Probe,
    disk_finding,
    gpu_findings,
    training_finding,
    window_finding,
)
from orpo_studio.config import SCHEMA_VERSION, RunSpec
from orpo_studio.events import EventLog, RunEnded, RunLaunched, Stage
from orpo_studio.events.state import RESULT_WAITS
from orpo_studio.runs import RunFolder, ask, create_run, is_held, launch, pending, summarize

Trainer = Callable[..., None]
GIB = 1024**3

EXPORTS = """
if job == "train":
    {train}
else:
    Path(request["target"]).mkdir(parents=True)
    proof = {{"difference": 1e-6}}
    log.append(ExportFinished(kind=request["kind"], folder=request["target"], size_bytes=5, proof=proof))
    end()
""".format(train=TRAINS.strip().replace("\n", "\n    "))

EVALUATES = """
for prompt in request["prompts"]:
    log.append(SampleAnswer(step=3, source="base", prompt=prompt, answer="No."))
    log.append(SampleAnswer(step=3, source="tuned", prompt=prompt, answer="Gladly."))
before, after = {"loss": 3.0, "rewards/accuracies": 0.5}, {"loss": 1.0, "rewards/accuracies": 0.9}
log.append(EvaluationFinished(file="evaluation/latest.json", pairs=20, before=before, after=after))
end()
"""


@pytest.fixture
def created(workspace: Path) -> RunFolder:
    """A run that was never started."""
    return create_run(workspace, RunSpec.model_validate({"model": {"path": "demo"}, "data": {"source": "demo"}}))


@pytest.fixture
def trained(created: RunFolder) -> RunFolder:
    """A run that is complete."""
    with EventLog(created.events_file) as log:
        log.append(RunLaunched(attempt=1))
        log.append(RunEnded(outcome="completed", step=3))
    created.adapter.mkdir()
    (created.adapter / "adapter_model.safetensors").touch()
    return created


@pytest.fixture
def running(created: RunFolder, trainer: Trainer) -> Iterator[RunFolder]:
    """A run that trains until it is stopped."""
    trainer(TRAINS_UNTIL_STOPPED)
    process = launch(created)
    try:
        wait_until(lambda: summarize(created).state == "running")
        yield created
    finally:
        ask(created, "stop")
        process.wait(20)


def test_that_the_list_of_runs_is_newest_first_with_what_programs_need(
    say: Say, workspace: Path, trained: RunFolder
) -> None:
    newer = create_run(workspace, trained.read_spec())
    entries = say("runs", "--json").result["runs"]
    assert [entry["id"] for entry in entries] == [newer.id, trained.id]
    assert [entry["state"] for entry in entries] == ["created", "completed"]
    assert entries[1]["folder"] == str(trained.path)
    assert entries[1]["figures"] == {"step": 0, "total_steps": 0}


def test_that_a_workspace_without_runs_says_how_to_make_the_first(say: Say) -> None:
    assert "orpo-studio demo" in say("runs").out
    assert say("runs", "--json").result == {"runs": []}


def test_that_a_run_of_a_newer_version_is_listed_and_refused(say: Say, trained: RunFolder, tmp_path: Path) -> None:
    trained.spec_file.write_text(f"schema_version = {SCHEMA_VERSION + 1}\n")
    listed = say("runs")
    assert listed.code == 0
    assert "made by a newer ORPO Studio" in listed.out
    (entry,) = say("runs", "--json").result["runs"]
    assert entry["problem"]["code"] == "newer-version"
    for words in (["evaluate", "last"], ["export", "last", "--merged", tmp_path / "m"]):
        error = say(*words, "--json").error
        assert error["code"] == "newer-version"
        assert "Update ORPO Studio" in error["hint"]


def test_that_a_run_that_is_not_there_is_told(say: Say) -> None:
    for command in ("watch", "stop", "evaluate"):
        assert say(command, "nothing", "--json").error["code"] == "no-such-run"


def test_that_stop_asks_and_watch_sees_the_end(say: Say, running: RunFolder) -> None:
    assert say("stop", running.id, "--json").result["state"] == "stopping"
    watched = say("watch", running.id, "--json")
    assert (watched.code, watched.result["state"]) == (0, "stopped")
    wait_until(lambda: not is_held(running.lock_file))
    assert say("stop", running.id, "--json").error["code"] == "not-running"


def test_that_a_stop_does_not_give_up_a_result_that_waits(say: Say, workspace: Path) -> None:
    run = ScriptedRun(workspace)
    run.begin(104)
    run.train(1, 104)
    run.say(Stage(name=RESULT_WAITS, title="Wait until the result can be saved"))

    error = say("stop", run.folder.id, "--json").error

    assert error["code"] == "result-waits"
    assert "the last 4 steps are lost" in error["detail"]
    assert "stop --now" in error["hint"]
    assert not pending(run.folder, "stop")
    run.close()


def test_that_pause_frees_the_card_and_resume_goes_on(say: Say, running: RunFolder, trainer: Trainer) -> None:
    assert say("pause", running.id, "--json").result["state"] == "pausing"
    watched = say("watch", running.id)
    assert "paused" in watched.out
    wait_until(lambda: not is_held(running.lock_file))
    assert "paused" in say("runs").out
    assert say("pause", running.id, "--json").error["code"] == "not-training"
    trainer(TRAINS)
    assert say("resume", running.id, "--json").result["state"] == "completed"
    assert say("resume", running.id, "--json").error["code"] == "already-completed"


def test_that_ctrl_c_in_watch_leaves_the_run_alone(workspace: Path, running: RunFolder) -> None:
    command = [sys.executable, "-m", "orpo_studio.cli", "watch", running.id, "--workspace", str(workspace)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as terminal:
        assert terminal.stdout is not None
        assert "step" in terminal.stdout.readline()
        terminal.send_signal(signal.SIGINT)
        assert f"The run {running.id} goes on" in terminal.communicate(timeout=20)[0]
    assert terminal.returncode == 0
    assert summarize(running).state == "running"


def test_that_a_finished_run_is_watched_in_an_instant(say: Say, trained: RunFolder) -> None:
    watched = say("watch", "last")
    assert watched.code == 0
    assert f"The run {trained.id} is completed." in watched.out


def test_that_a_run_never_started_cannot_be_watched(say: Say, created: RunFolder) -> None:
    assert say("watch", created.id, "--json").error["code"] == "not-started"


def test_that_an_evaluation_gives_figures_and_answers_side_by_side(
    say: Say, trainer: Trainer, trained: RunFolder
) -> None:
    trainer(EVALUATES)
    words = ("evaluate", "last", "--prompt", "Will you?", "--prompt", "Now?")
    result = say(*words, "--json").result
    assert result["before"] == {"loss": 3.0, "reward_accuracy": 0.5}
    assert result["after"] == {"loss": 1.0, "reward_accuracy": 0.9}
    assert result["samples"][0] == {"prompt": "Will you?", "before": "No.", "after": "Gladly."}
    assert len(result["samples"]) == 2
    assert result["file"] == str(trained.path / "evaluation" / "latest.json")
    shown = say(*words).out
    assert "reward accuracy: 0.5 before, 0.9 after" in shown
    assert any("Gladly." in line and "No." in line for line in shown.splitlines())


@pytest.mark.parametrize("kind", ["adapter", "merged"])
def test_that_an_export_says_where_it_lies_with_its_proof(
    say: Say, trainer: Trainer, trained: RunFolder, tmp_path: Path, kind: str
) -> None:
    trainer(EXPORTS)
    target = tmp_path / "out"
    result = say("export", trained.id, f"--{kind}", target, "--json").result
    assert result == {
        "run": trained.id, "kind": kind, kind: str(target), "size_bytes": 5, "proof": {"difference": 1e-6},
    }  # fmt: skip


def test_that_an_export_never_writes_over_what_is_there(say: Say, trained: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    for target in (tmp_path / "mine", tmp_path / "mine" / "thesis.txt"):
        assert say("export", trained.id, "--merged", target, "--json").error["code"] == "target-exists"
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_that_what_was_not_trained_cannot_be_shipped(say: Say, created: RunFolder, tmp_path: Path) -> None:
    for words in (["evaluate", created.id], ["export", created.id, "--adapter", tmp_path / "a"]):
        assert say(*words, "--json").error["code"] == "nothing-trained"


def test_that_a_failed_export_is_told_and_not_blamed_on_an_older_problem(
    say: Say, trainer: Trainer, trained: RunFolder, tmp_path: Path
) -> None:
    trainer("log.append(Problem(severity='error', code='old', title='T', detail='', hint='')); end('failed')")
    assert say("export", trained.id, "--merged", tmp_path / "m", "--json").error["code"] == "old"
    trainer("os.kill(os.getpid(), signal.SIGKILL)")
    error = say("export", trained.id, "--merged", tmp_path / "m", "--json").error
    assert error["code"] == "killed"
    assert "The export was ended" in error["title"]
    assert "Signal 9" in error["detail"]


def make_painter(place: Path, program: str) -> None:
    """Put a painter of loss curves in front of the window's own."""
    gui = place / "fake" / "orpo_studio" / "gui"
    gui.mkdir(parents=True)
    (gui / "__init__.py").touch()
    (gui / "picture.py").write_text(f"import os, pathlib, sys\n{program}\n")


def test_that_the_demo_goes_the_whole_line(say: Say, trainer: Trainer, tmp_path: Path) -> None:
    trainer(EXPORTS)
    painting = "assert os.environ['QT_QPA_PLATFORM'] == 'offscreen'; pathlib.Path(sys.argv[2]).write_bytes(b'png')"
    make_painter(tmp_path, painting)
    said = say("demo", "--json")
    assert said.code == 0
    result = said.result
    assert (result["accuracy_before"], result["accuracy_after"]) == (0.5, 0.9)
    assert (result["held_out_loss_before"], result["held_out_loss_after"]) == (3.0, 1.0)
    assert result["samples"] == [{"prompt": "Name a color.", "before": "No.", "after": "Blue is a color."}]
    assert result["seconds"] > 0
    for key in ("adapter", "merged", "picture"):
        assert Path(result[key]).exists(), key
        assert Path(result[key]).is_relative_to(result["folder"])


def test_that_the_demo_goes_on_without_a_picture_and_ends_with_what_it_made(
    say: Say, trainer: Trainer, tmp_path: Path
) -> None:
    trainer(EXPORTS)
    make_painter(tmp_path, "sys.exit('no paint left')")
    said = say("demo")
    assert said.code == 0
    assert "could not be drawn: no paint left" in said.out
    assert "Reward accuracy on held-out pairs: 50 % before, 90 % after" in said.out
    for words in ("Adapter: ", "Merged model: ", "Blue is a color."):
        assert words in said.out


def test_that_help_lists_topics_and_shows_each(say: Say) -> None:
    topics = say("help", "--json").result["topics"]
    assert {"method", "data", "recipes", "troubleshooting", "files", "settings"} <= topics.keys()
    for topic, title in topics.items():
        assert title in say("help", topic).out
    assert "recipe.lambda" in say("help", "settings", "--json").result["markdown"]
    assert "Did you mean “recipes”?" in say("help", "recipe", "--json").error["title"]


def test_that_the_help_on_recipes_knows_every_recipe(say: Say) -> None:
    text = say("help", "recipes", "--json").result["markdown"]
    for file in (paths.resources() / "recipes").glob("*.toml"):
        assert f"`{file.stem}`" in text


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([Finding("GPU", "none", "Slow.", "note"), Finding("Disk", "9 GB")], 0),
        ([Finding("Disk", "full", "Make room.", "problem"), Finding("GPU", "one")], 1),
    ],
)
def test_that_the_doctor_fails_only_where_something_needed_is_missing(
    say: Say, monkeypatch: pytest.MonkeyPatch, findings: list[Finding], code: int
) -> None:
    monkeypatch.setattr("orpo_studio.cli.doctor.examine", lambda _workspace: findings)
    said = say("doctor", "--json")
    assert said.code == code
    assert [finding["name"] for finding in said.result["findings"]] == [finding.name for finding in findings]
    if code:
        assert said.error["detail"] == "Make room."
    assert all(finding.value in say("doctor").out for finding in findings)


ANSWER: dict[str, Any] = {"versions": dict.fromkeys(TRAINING_PACKAGES, "1.0"), "cuda": False, "built_for": None}


@pytest.mark.parametrize(
    ("probe", "has_gpu", "level", "words"),
    [
        (Probe(ANSWER), False, "ok", "computes on the CPU"),
        (Probe(ANSWER), True, "problem", "the build for CPUs"),
        (Probe({**ANSWER, "built_for": "13.0"}), True, "problem", "Update the NVIDIA driver"),
        (Probe({**ANSWER, "built_for": "13.0", "cuda": True}), True, "ok", "uses the GPU"),
        (Probe({**ANSWER, "versions": {"torch": "2"}}), False, "problem", "Missing: transformers"),
        (Probe(None, "No module named torch."), False, "problem", "No module named torch. Set it up with"),
    ],
)
def test_that_the_doctor_says_what_the_training_packages_mean(
    probe: Probe, has_gpu: bool, level: str, words: str
) -> None:
    finding = training_finding(probe, has_gpu=has_gpu)
    assert finding.level == level
    assert words in finding.meaning


@pytest.mark.parametrize(
    ("memory", "words"), [(6, "3 billion"), (8, "gpu-8gb-qlora"), (24, "gpu-24gb-lora"), (80, "full fine-tuning")]
)
def test_that_the_doctor_says_what_a_card_is_good_for(memory: int, words: str) -> None:
    (finding,) = gpu_findings([Gpu("Some card", memory * GIB, "580.1", "13.0")])
    assert words in finding.meaning
    assert "driver 580.1" in finding.value


def test_that_no_card_is_worth_a_note_and_no_more() -> None:
    (finding,) = gpu_findings([])
    assert finding.level == "note"
    assert "0.5 billion" in finding.meaning


def test_that_missing_libraries_of_the_window_are_named() -> None:
    finding = window_finding(Probe(None, "ImportError: libEGL.so.1: cannot open shared object file."))
    assert finding.level == "problem"
    assert "libEGL.so.1" in finding.meaning
    assert "the terminal works" in finding.meaning


def test_that_a_workspace_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    assert disk_finding(tmp_path / "new" / "one").level != "problem"
    (tmp_path / "file").touch()
    assert disk_finding(tmp_path / "file" / "runs").level == "problem"


def test_that_a_probe_that_fails_gives_its_last_words() -> None:
    assert (
        machine_report.probe(sys.executable, "raise ValueError('no such card')").reason == "ValueError: no such card."
    )
    assert machine_report.probe("/nowhere/python", "").answer is None
    assert machine_report.probe(sys.executable, "print('{\"a\": 1}')").answer == {"a": 1}


def test_that_without_a_screen_the_person_is_sent_to_the_demo(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    said = say("--json")
    assert said.code == 1
    assert said.error["code"] == "no-screen"
    assert "orpo-studio demo" in said.error["hint"]


def test_that_no_command_opens_the_window_in_the_workspace(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[list[str]] = []
    monkeypatch.setattr("orpo_studio.__main__.open_window", lambda words: opened.append(words) or 0)
    assert say().code == 0
    assert opened[0][0] == "--workspace"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian"], "There is no command “trian”. Did you mean “train”?"),
        (["watch"], "The following arguments are required: RUN."),
        (["export", "last"], "--adapter --merged"),
        (["train", "--max-step"], "--max-step"),
        (["export", "last", "--adapter", "a", "--merged", "b"], "not allowed with"),
    ],
)
def test_that_a_wrong_command_line_is_told_in_words(say: Say, words: list[str], said: str) -> None:
    told = say(*words, "--json")
    assert told.code == 2
    assert told.error["code"] == "usage"
    assert said in told.err
    assert "--help" in told.err


def test_that_options_may_stand_before_the_command(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--workspace", str(workspace), "--json", "runs"]) == 0
    assert capsys.readouterr().out == '{"runs": []}\n'


def test_that_a_fault_of_our_own_is_told_in_short_and_kept_whole(
    say: Say, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fault(_workspace: Path) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(runs, "list_runs", fault)
    error = say("runs", "--json").error
    assert error["code"] == "internal"
    log = Path(error["hint"].rpartition(" in ")[2].rstrip("."))
    assert log.is_relative_to(tmp_path)
    assert "Traceback" in log.read_text()


def test_that_a_reader_who_has_seen_enough_is_no_fault(workspace: Path) -> None:
    command = [sys.executable, "-m", "orpo_studio.cli", "train", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
