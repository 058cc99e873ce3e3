"""What the supervisor asks of the desktop: to stay awake while a run is live, and one notification at its end."""

import json
import os
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.fake_trainer import TRAINS, TRAINS_UNTIL_STOPPED, put_in_front
from helpers.waiting import wait_until
from orpo_studio import paths
from orpo_studio.config import RunSpec
from orpo_studio.events import EvaluationMetrics, Problem, RunEnded, RunLaunched, RunState
from orpo_studio.events.types import Event
from orpo_studio.runner import notification
from orpo_studio.runner.awake import awake
from orpo_studio.runner.notification import WORTH_SECONDS, notify_of_end, show, words_of_end
from orpo_studio.runs import Job, RunFolder, ask, create_run, launch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the programs of a Linux desktop are faked")

_RECORD = f"""\
#!{sys.executable}
import json, os, subprocess, sys
from pathlib import Path
place = Path(__file__).parent
(place / "called.json.new").write_text(json.dumps([os.getpid(), *sys.argv[1:]]))
(place / "called.json.new").replace(place / f"{{Path(__file__).name}}.json")
"""


@pytest.fixture(autouse=True)
def _own_preferences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


Program = Callable[[str, str], Path]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Put a program in front of all others; it takes down how it was called, then does what a script says."""
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")

    def make(name: str, script: str = "") -> Path:
        path = place / name
        path.write_text(_RECORD + textwrap.dedent(script))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return place / f"{name}.json"

    return make


def make_run(place: Path, name: str = "") -> RunFolder:
    spec = {"name": name, "model": {"path": "demo"}, "data": {"source": "demo"}}
    return create_run(place / "workspace", RunSpec.model_validate(spec))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunFolder]:
    folder = make_run(tmp_path)
    yield folder
    ask(folder, "stop")


_INHIBITS = "sys.exit(subprocess.run(sys.argv[5:]).returncode)"
"""As systemd-inhibit does: it holds its lock while the command lives."""


def _alive(called: Path) -> bool:
    pid = json.loads(called.read_text())[0]
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_that_sleep_is_inhibited_while_a_run_is_live_and_no_longer(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Program
) -> None:
    called = program("systemd-inhibit", _INHIBITS)
    put_in_front(monkeypatch, tmp_path / "fake", TRAINS_UNTIL_STOPPED)
    supervisor = launch(run)
    wait_until(called.exists)
    assert "--what=sleep:idle" in json.loads(called.read_text())
    assert any(run.id in argument for argument in json.loads(called.read_text())[1:])
    assert _alive(called)
    ask(run, "stop")
    assert supervisor.wait(60) == 0
    assert not _alive(called)


def test_that_a_killed_supervisor_keeps_no_machine_awake(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Program
) -> None:
    called = program("systemd-inhibit", _INHIBITS)
    put_in_front(monkeypatch, tmp_path / "fake", TRAINS_UNTIL_STOPPED)
    supervisor = launch(run)
    wait_until(called.exists)
    supervisor.kill()
    supervisor.wait(60)
    wait_until(lambda: not _alive(called))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("sys.exit('Failed to inhibit: Access denied')", "Access denied"),
        ("os.kill(os.getpid(), 9)", "ended with code -9"),
        (None, "No such file"),
    ],
)
def test_that_a_machine_that_cannot_be_kept_awake_is_told_in_the_log_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: Program,
    capsys: pytest.CaptureFixture[str],
    script: str | None,
    said: str,
) -> None:
    if script is None:
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        program("systemd-inhibit", script)
    log = ""
    with awake("a run") as look:

        def told() -> bool:
            nonlocal log
            look()
            log += capsys.readouterr().out
            return "may go to sleep" in log

        wait_until(told)
        look()
    assert said in log
    assert capsys.readouterr().out == ""


# --- the notification


def ended(*events: Event, outcome: str = "completed", **details: object) -> RunState:
    state = RunState()
    end = RunEnded.model_validate({"outcome": outcome, **details})
    for event in (RunLaunched(attempt=1), *events, end):
        state.apply(event)
    return state


def measured(moment: str, accuracy: float) -> EvaluationMetrics:
    values = {"moment": moment, "step": 0, "epoch": 0, "seconds": 0, "pairs": 9}
    return EvaluationMetrics.model_validate({**values, "values": {"rewards/accuracies": accuracy}})


def test_that_the_end_is_told_with_the_result(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "Support bot")
    state = ended(measured("before", 0.52), measured("after", 0.91))
    assert words_of_end(folder, Job.TRAIN, state, 7500) == (
        "Training finished",
        "“Support bot”: held-out accuracy 52 % → 91 %, in 2 h 5 min",
    )


def test_that_a_failure_is_told_with_what_to_do(tmp_path: Path) -> None:
    problem = Problem(severity="error", code="disk-full", title="The disk is full.", detail="/x", hint="Make room.")
    title, text = words_of_end(make_run(tmp_path, "v2"), Job.TRAIN, ended(problem, outcome="failed"), 70) or ("", "")
    assert (title, text) == ("Training failed", "“v2”: The disk is full. Make room.")


def test_that_what_a_person_has_ended_is_not_told(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    assert words_of_end(folder, Job.TRAIN, ended(outcome="stopped"), 500) is None
    assert words_of_end(folder, Job.TRAIN, ended(outcome="failed", forced=True), 500) is None


def test_that_no_secret_stands_on_the_screen(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "with hf_abcdefghijklmnopqrstuvwxyz in its name")
    _, text = words_of_end(folder, Job.TRAIN, ended(), 500) or ("", "")
    assert "hf_abc" not in text


def test_that_a_name_is_neither_option_nor_markup_nor_more_than_a_line(tmp_path: Path, program: Program) -> None:
    called = program("notify-send", "")
    folder = make_run(tmp_path, "--help <b>\"q' & $(touch x)\n\nlast")
    notify_of_end(folder, Job.TRAIN, ended(), WORTH_SECONDS)
    _, name, dashes, title, text = json.loads(called.read_text())
    assert (name, dashes, title) == ("--app-name=ORPO Studio", "--", "Training finished")
    assert text == "“--help &lt;b&gt;\"q' &amp; $(touch x) last”: in 1 min"
    assert not (tmp_path / "x").exists()


@given(st.text(max_size=2000))
def test_that_any_name_makes_one_short_line(name: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder(Path(place))
        folder.spec_file.write_text(f"schema_version = 1\nname = {json.dumps(name[:200])}\n", encoding="utf-8")
        said = words_of_end(folder, Job.TRAIN, ended(), 100)
    assert said is not None
    title, text = said
    assert title == "Training finished"
    assert len(text) <= 160
    assert text.isprintable() or not any(character in text for character in "\n\r\x00\x1b")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"notify": false}', False),
        ('{"notify": true}', True),
        ("{}", True),
        ("[1]", True),
        ("\xff{", True),
        (None, True),
    ],
)
def test_that_a_person_can_do_without(tmp_path: Path, program: Program, content: str | None, told: bool) -> None:
    called = program("notify-send", "")
    if content is not None:
        paths.preferences_file().parent.mkdir(parents=True)
        paths.preferences_file().write_text(content, encoding="latin-1")
    notify_of_end(make_run(tmp_path), Job.TRAIN, ended(), WORTH_SECONDS)
    assert called.exists() == told


@pytest.mark.parametrize(("job", "seconds"), [(Job.TRAIN, WORTH_SECONDS - 1), (Job.PROBE, 1e4), (Job.MARGINS, 1e4)])
def test_that_short_runs_and_questions_from_the_window_are_not_told(
    tmp_path: Path, program: Program, job: Job, seconds: float
) -> None:
    called = program("notify-send", "")
    notify_of_end(make_run(tmp_path), job, ended(), seconds)
    assert not called.exists()


@pytest.mark.parametrize(
    "script", ["sys.exit('No notification daemon')", "os.kill(os.getpid(), 9)", "import time; time.sleep(3600)"]
)
def test_that_a_desktop_that_refuses_or_never_answers_is_told_in_the_log_alone(
    monkeypatch: pytest.MonkeyPatch, program: Program, capsys: pytest.CaptureFixture[str], script: str
) -> None:
    program("notify-send", script)
    monkeypatch.setattr(notification, "_PATIENCE_SECONDS", 0.5 if "sleep" in script else 20.0)
    show("Training finished", "“v1”")
    assert "could not be shown on the desktop" in capsys.readouterr().out


def test_that_the_lock_is_free_before_the_desktop_is_asked(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Program
) -> None:
    free = f"""
    from orpo_studio.runs import RunFolder, is_held
    (place / "held").write_text(str(is_held(RunFolder(Path({str(run.path)!r})).lock_file)))
    """
    program("notify-send", free)
    put_in_front(monkeypatch, tmp_path / "fake", TRAINS)
    script = "import sys; from pathlib import Path; from orpo_studio.runner import notification, supervisor\n"
    script += "from orpo_studio.runs import Job, RunFolder\nnotification.WORTH_SECONDS = 0\n"
    script += "sys.exit(supervisor.supervise(RunFolder(Path(sys.argv[1])), Job.TRAIN))"
    done = subprocess.run([sys.executable, "-P", "-c", script, str(run.path)], check=False, timeout=30)
    assert done.returncode == 0
    assert (tmp_path / "bin" / "held").read_text() == "False"
