"""``orpo-studio train``: from a command line to a run and its end."""

import json
import os
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from helpers.fake_trainer import DIES_AT_IMPORT, TRAINS, TRAINS_UNTIL_STOPPED
from helpers.terminal import Say
from helpers.waiting import wait_until
from orpo_studio.config import RunSpec, all_options
from orpo_studio.events import AnyEvent, EventLog, RunLaunched, StopStage, TrainMetrics, read_events
from orpo_studio.runs import ask, create_run, find_run, is_held, launch, list_runs, pending, summarize

Trainer = Callable[..., None]
DEMO_SPEC = RunSpec.model_validate({"model": {"path": "demo"}, "data": {"source": "demo"}})


def spec_of(folder: str) -> dict[str, dict[str, object]]:
    return tomllib.loads((Path(folder) / "run.toml").read_text())


def test_that_a_run_ends_with_its_result_as_one_object(
    say: Say, trainer: Trainer, model: Path, data: Path, workspace: Path
) -> None:
    trainer(TRAINS)
    said = say("train", "--model", model, "--data", data, "--max-steps", 3, "--name", "My bot", "--json")
    assert said.code == 0
    assert len(said.out.splitlines()) == 1
    assert said.result["state"] == "completed"
    assert said.result["figures"] == {
        "step": 3, "total_steps": 3, "loss": 1.0, "reward_accuracy_before": 0.5, "reward_accuracy_after": 0.9,
        "held_out_loss_before": 3.0, "held_out_loss_after": 1.0,
    }  # fmt: skip
    (run,) = list_runs(workspace)
    assert (said.result["run"], said.result["folder"]) == (run.folder.id, str(run.folder.path))
    assert run.spec is not None
    assert (run.spec.name, run.spec.recipe.max_steps) == ("My bot", 3)


def test_that_progress_is_told_in_lines_where_nobody_watches(
    say: Say, trainer: Trainer, model: Path, data: Path
) -> None:
    trainer(TRAINS)
    said = say("train", "--model", model, "--data", data)
    assert said.code == 0
    assert "20 rows: 18 to train on, 2 held out" in said.out
    assert "Loading the base model" in said.out
    assert "step 3/3   loss 1   λ·odds-ratio 0.07   accuracy 75 %" in said.out
    assert "After training, 20 held-out pairs: loss 1, accuracy 90 %" in said.out
    assert said.err == ""


def test_that_a_run_can_be_repeated_from_its_file(say: Say, trainer: Trainer, model: Path, data: Path) -> None:
    trainer(TRAINS)
    first = say("train", "--model", model, "--data", data, "--set", "recipe.lambda=0.2", "--json").result
    again = say("train", Path(first["folder"]) / "run.toml", "--json").result
    assert again["run"] != first["run"]
    assert spec_of(again["folder"]) == spec_of(first["folder"])


def test_that_single_options_go_over_the_recipe_and_the_recipe_over_the_file(
    say: Say, trainer: Trainer, model: Path, data: Path, tmp_path: Path
) -> None:
    trainer(TRAINS)
    file = tmp_path / "run.toml"
    file.write_text("[recipe]\nlambda = 0.7\nlora_rank = 64\nseed = 7\n")
    options = ("--model", model, "--data", data, "--set", "recipe.lora_alpha=5")
    spec = spec_of(say("train", file, "--recipe", "gpu-8gb-qlora", *options, "--json").result["folder"])["recipe"]
    assert (spec["seed"], spec["lambda"], spec["lora_rank"], spec["lora_alpha"]) == (7, 0.1, 16, 5.0)
    assert spec["quantization"] == "nf4"


def test_that_paths_in_a_file_are_relative_to_the_file(
    say: Say, trainer: Trainer, model: Path, data: Path, tmp_path: Path
) -> None:
    trainer(TRAINS)
    file = tmp_path / "run.toml"
    file.write_text(f'[model]\npath = "{model.name}"\n[data]\nsource = "{data.name}"\n')
    spec = spec_of(say("train", file, "--json").result["folder"])
    assert (spec["model"]["path"], spec["data"]["source"]) == (str(model), str(data))


def test_that_every_problem_is_told_at_once_and_nothing_is_started(say: Say, workspace: Path) -> None:
    said = say("train", "--data", "d", "--set", "recipe.lambda=-1", "--set", "recipe.epoch=2", "--set", "x", "--json")
    assert said.code == 2
    assert said.error["code"] == "bad-settings"
    names = {issue["name"] for issue in said.result["issues"]}
    assert names == {"model.path", "recipe.lambda", "recipe.epoch", "x"}
    assert all(name in said.err for name in names)
    assert "Did you mean “recipe.epochs”?" in said.err
    assert not workspace.exists()


def test_that_a_recipe_that_is_not_there_is_answered_with_the_nearest(say: Say) -> None:
    said = say("train", "--recipe", "gpu-8gb-qlra", "--json")
    assert "Did you mean “gpu-8gb-qlora”?" in said.error["title"]


def test_that_help_lists_every_option_of_the_schema(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        say("train", "--help")
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert all(option.name in shown for option in all_options())


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("none.jsonl", None, "no-such-file"),
        ("empty.jsonl", "", "empty-file"),
        ("text.jsonl", "this is no json\n" * 3, "nothing-readable"),
        ("columns.jsonl", '{"prompt": "p", "chosen": "c"}\n' * 5, "missing-columns"),
        ("one.jsonl", '{"prompt": "p", "chosen": "c", "rejected": "r"}\n', "too-few-rows"),
        ("pickle.pkl", "x", "refused-format"),
    ],
)
def test_that_bad_data_is_told_before_a_run_is_made(
    say: Say, model: Path, tmp_path: Path, workspace: Path, name: str, content: str | None, code: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_text(content)
    said = say("train", "--model", model, "--data", file, "--json")
    assert said.code == 1
    assert said.error["code"] == code
    assert said.error["title"] in said.err
    assert said.error["hint"]
    assert not (workspace / "runs").exists()


@pytest.mark.parametrize(
    ("broken", "code"),
    [("tokenizer.json", "no-tokenizer"), ("config.json", "no-config"), ("model.safetensors", "no-weights")],
)
def test_that_a_bad_model_folder_is_told_before_a_run_is_made(
    say: Say, model: Path, data: Path, workspace: Path, broken: str, code: str
) -> None:
    (model / broken).unlink()
    said = say("train", "--model", model, "--data", data, "--json")
    assert said.code == 1
    assert said.error["code"] == code
    assert said.error["hint"]
    assert not (workspace / "runs").exists()


def test_that_a_workspace_that_is_a_file_is_told(say: Say, model: Path, data: Path, workspace: Path) -> None:
    workspace.touch()
    said = say("train", "--model", model, "--data", data, "--json")
    assert said.error["code"] == "workspace-not-writable"


def test_that_a_trainer_that_dies_at_import_is_told_with_what_to_do(
    say: Say, trainer: Trainer, model: Path, data: Path
) -> None:
    trainer(DIES_AT_IMPORT, bare=True)
    said = say("train", "--model", model, "--data", data, "--json")
    assert said.code == 1
    assert said.error["code"] == "training-packages"
    assert "package_that_is_not_there" in said.error["detail"]
    assert "packaging/start.py" in said.error["hint"]
    assert said.result["run"]


def test_that_a_supervisor_that_dies_at_once_is_told_with_its_last_words(
    say: Say, model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho ImportError: no events today\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("ORPO_STUDIO_TRAINING_PYTHON", str(broken))
    said = say("train", "--model", model, "--data", data, "--json")
    assert said.error["detail"] == "ImportError: no events today"


def test_that_a_python_that_is_not_there_is_told(
    say: Say, model: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORPO_STUDIO_TRAINING_PYTHON", "/nowhere/python")
    assert say("train", "--model", model, "--data", data, "--json").error["code"] == "cannot-start"


def test_that_a_trainer_killed_by_the_system_is_told_as_memory(
    say: Say, trainer: Trainer, model: Path, data: Path
) -> None:
    trainer("started(9); step(1); os.kill(os.getpid(), signal.SIGKILL)")
    error = say("train", "--model", model, "--data", data, "--json").error
    assert error["code"] == "killed"
    assert "Signal 9" in error["detail"]
    assert "emory" in error["detail"]  # how it was tells the last sample, and how much this machine has free


def test_that_a_problem_in_the_trainers_own_words_is_passed_on(
    say: Say, trainer: Trainer, model: Path, data: Path
) -> None:
    trainer(
        "log.append(Problem(severity='error', code='non-finite', title='T.', detail='D.', hint='H.', "
        "rows=['4', '9'])); end('failed')"
    )
    said = say("train", "--model", model, "--data", data, "--json")
    error = said.error
    assert (error["code"], error["title"], error["detail"]) == ("non-finite", "T.", "D.")
    hint, without, slower = error["hint"].splitlines()
    assert hint == "H."
    assert without.startswith("Start again without these rows: orpo-studio train /")
    assert without.endswith("run.toml --set 'data.skip_rows=4, 9'")
    assert slower.endswith("run.toml --set recipe.learning_rate=2.5e-5")
    assert said.err.endswith(f"T.\nD.\n{error['hint']}\n")


def test_that_a_loss_that_is_no_number_reaches_the_program_as_valid_json(
    say: Say, trainer: Trainer, model: Path, data: Path
) -> None:
    trainer("started(1); step(1, loss=float('nan')); save(); end()")
    assert say("train", "--model", model, "--data", data, "--json").result["figures"]["loss"] == "NaN"


def test_that_a_second_start_on_a_run_is_refused_and_the_first_goes_on(
    say: Say, trainer: Trainer, model: Path, data: Path, workspace: Path
) -> None:
    trainer(TRAINS)
    folder = find_run(workspace, say("train", "--model", model, "--data", data, "--json").result["run"])
    trainer(TRAINS_UNTIL_STOPPED)
    process = launch(folder)
    try:
        wait_until(lambda: summarize(folder).state == "running")
        assert say("train", "--resume", "last", "--json").error["code"] == "already-running"
        assert say("evaluate", "last", "--json").error["code"] == "already-running"
        assert summarize(folder).state == "running"
    finally:
        ask(folder, "stop")
        process.wait(20)


def test_that_a_lost_run_goes_on_by_resume_with_its_own_settings(say: Say, trainer: Trainer, workspace: Path) -> None:
    folder = create_run(workspace, DEMO_SPEC)
    with EventLog(folder.events_file) as log:
        log.append(RunLaunched(attempt=1))
    assert say("watch", "last", "--json").error["code"] == "lost"
    trainer(TRAINS)
    assert say("train", "--resume", "last", "--max-steps", 9, "--json").error["code"] == "usage"
    said = say("train", "--resume", "last", "--json")
    assert (said.code, said.result["state"], said.result["run"]) == (0, "completed", folder.id)
    assert say("train", "--resume", "last", "--json").error["code"] == "already-completed"


def test_that_a_run_nobody_has_found_lost_yet_goes_on_by_resume_too(
    say: Say, trainer: Trainer, workspace: Path
) -> None:
    folder = create_run(workspace, DEMO_SPEC)
    with EventLog(folder.events_file) as log:
        log.append(RunLaunched(attempt=1))
        for number in range(1, 20_000):  # the longer the history, the later the supervisor's first word
            log.append(TrainMetrics(step=number, epoch=0.1, seconds=1.0, values={"loss": 1.0}))
    trainer(TRAINS)
    said = say("train", "--resume", "last", "--json")
    assert (said.code, said.result.get("state")) == (0, "completed")


def test_that_ctrl_c_asks_the_run_to_stop_and_save(
    say: Say, trainer: Trainer, model: Path, data: Path, workspace: Path
) -> None:
    trainer(TRAINS_UNTIL_STOPPED)
    with interrupting(workspace, TrainMetrics):
        said = say("train", "--model", model, "--data", data, "--json")
    assert said.code == 130
    assert said.error["code"] == "interrupted"
    assert f"--resume {said.result['run']}" in said.error["hint"]
    (run,) = list_runs(workspace)
    assert run.state == "stopped"


def test_that_further_ctrl_c_end_a_run_that_does_not_answer(
    trainer: Trainer, model: Path, data: Path, workspace: Path
) -> None:
    trainer("signal.signal(signal.SIGTERM, lambda *_: None); started(9); step(1)\nwhile True: time.sleep(0.02)")
    words = ["train", "--model", model, "--data", data, "--workspace", workspace, "--json"]
    command = [sys.executable, "-m", "orpo_studio.cli", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as terminal:
        wait_until(lambda: any(isinstance(event, TrainMetrics) for event in _events(workspace)))
        terminal.send_signal(signal.SIGINT)
        wait_until(lambda: pending(list_runs(workspace)[0].folder, "stop"))
        for stage in ("terminated", "killed"):
            wait_until(partial(_pressed_until, terminal, workspace, stage))
        said = json.loads(terminal.communicate(timeout=20)[0])
    assert (terminal.returncode, said["error"]["code"]) == (130, "forced")
    (run,) = list_runs(workspace)
    assert run.fold.ended is not None
    assert run.fold.ended.forced
    wait_until(lambda: not is_held(run.folder.lock_file))


def _pressed_until(terminal: "subprocess.Popen[str]", workspace: Path, stage: str) -> bool:
    """Press Ctrl+C, which counts once a second, until a stage of the stop is reached."""
    if any(isinstance(event, StopStage) and event.stage == stage for event in _events(workspace)):
        return True
    terminal.send_signal(signal.SIGINT)
    return False


def test_that_a_disk_that_fills_up_is_told_and_what_was_made_stays(
    model: Path, data: Path, small_disk: Callable[[str], subprocess.CompletedProcess[str]], trainer: Trainer
) -> None:
    trainer(
        "started(9); save()\n"
        "try:\n  (folder.path / 'filler').write_bytes(b'x' * 30_000_000)\n"
        "except OSError: pass\n"
        "for number in range(1, 500): step(number)"
    )
    done = small_disk(f"train --model {model} --data {data} --json --workspace .; ls runs/*/run.toml")
    *_, last, listed = done.stdout.splitlines()
    assert json.loads(last)["error"]["code"] == "disk-full"
    assert listed.endswith("run.toml")
    assert "Traceback" not in done.stdout + done.stderr


def test_that_a_full_disk_is_told_before_anything_is_made(
    model: Path, data: Path, small_disk: Callable[[str], subprocess.CompletedProcess[str]]
) -> None:
    done = small_disk(
        f"--version; cat /dev/zero > filler 2>&-; $STUDIO train --model {model} --data {data} --json --workspace ."
    )
    error = json.loads(done.stdout.splitlines()[-1])["error"]
    assert error["code"] == "disk-full"
    assert "at least" in error["detail"]
    assert "0 bytes are free" in error["detail"]
    assert "another workspace" in error["detail"]


def test_that_a_read_only_disk_is_told_before_anything_is_made(
    model: Path, data: Path, small_disk: Callable[[str], subprocess.CompletedProcess[str]]
) -> None:
    done = small_disk(
        f"--version; mount -o remount,ro . ; $STUDIO train --model {model} --data {data} --json --workspace ."
    )
    error = json.loads(done.stdout.splitlines()[-1])["error"]
    assert error["code"] == "workspace-not-writable"
    assert "Read-only file system" in error["detail"]


@contextmanager
def interrupting(workspace: Path, kind: type[AnyEvent]) -> Iterator[None]:
    """Press Ctrl+C once such an event is there."""

    def press() -> None:
        wait_until(lambda: any(isinstance(event, kind) for event in _events(workspace)))
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _events(workspace: Path) -> list[AnyEvent]:
    return [event for run in list_runs(workspace) for event in read_events(run.folder.events_file)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Return a function that runs the program on a disk of some megabytes that only its own processes see."""
    place = tmp_path / "disk"
    place.mkdir()
    studio = f"{sys.executable} -m orpo_studio.cli"

    def run(words: str) -> subprocess.CompletedProcess[str]:
        script = f"mount -t tmpfs -o size=16m tmpfs {place} && cd {place} && $STUDIO {words}"
        command = ["unshare", "--mount", "--map-root-user", "sh", "-c", script]
        environment = {**os.environ, "STUDIO": studio, "XDG_CACHE_HOME": str(tmp_path / "cache")}
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)

    try:
        if run("--version").returncode == 0:
            return run
    except FileNotFoundError:
        pass
    pytest.skip("this system lets nobody mount a disk of their own")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
def test_that_a_run_whose_supervisor_is_killed_is_followed_until_its_trainer_has_saved(
    say: Say, trainer: Trainer, model: Path, data: Path
) -> None:
    trainer(
        "started(9); step(1); os.kill(os.getppid(), signal.SIGKILL); sys.stdin.read()\n"
        "time.sleep(0.5)  # it takes a while to save\n"
        "save(); end('stopped')"
    )
    said = say("train", "--model", model, "--data", data, "--json")
    assert (said.code, said.result["state"]) == (0, "stopped")
