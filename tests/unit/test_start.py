"""The command line of packaging/start.py and the repairs of its environment, without a network."""

from __future__ import annotations

import ast
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import start
from setup_steps import checks, command, environment, health, packages, pytorch, system_libraries
from setup_steps.places import Places
from setup_steps.problems import SetupError
from setup_steps.setup_lock import only_one

ROOT = Path(__file__).resolve().parents[2]


def install(site_packages: Path, name: str, version: str, files: tuple[str, ...]) -> str:
    """Put a package into a fake site-packages as pip would; return the name of its .dist-info folder."""
    info = site_packages / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    for file in files:
        (site_packages / file).parent.mkdir(parents=True, exist_ok=True)
        (site_packages / file).write_text("x", encoding="utf-8")
    record = [*files, f"{info.name}/RECORD", f"{name}/__pycache__/module.cpython-311.pyc"]
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in record), encoding="utf-8")
    return info.name


class Machine:
    """A checkout whose set-up installs nothing: it records the steps, and may break off at one of them."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.places = Places(root, windows=False)
        self.done: list[str] = []
        self.breaks_at = ""
        locks = root / "packaging" / "locks"
        locks.mkdir(parents=True)
        (root / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
        (locks / "torch.txt").write_text("torch==2.13.0\n", encoding="utf-8")
        for name in ("window", "train", "test"):
            (locks / f"{name}.txt").write_text(f"{name}-package==1.0\n", encoding="utf-8")
        monkeypatch.setattr(environment, "ensure_venv", self._make)
        monkeypatch.setattr(packages, "install_locked", lambda _places, name, _held: self._install(name))
        monkeypatch.setattr(packages, "install_torch", lambda _places, _choice, _held: self._install("torch"))
        monkeypatch.setattr(packages, "install_project", lambda _places, _held: self._install("orpo_studio"))
        monkeypatch.setattr(packages, "check_imports", lambda _places, _modules: None)
        monkeypatch.setattr(command, "_absent_libraries", list)
        monkeypatch.setattr(command, "_require_room", lambda _places, _build: None)
        monkeypatch.setattr(command, "_gpu_appeared", lambda: False)
        monkeypatch.setattr(pytorch, "find_gpu", lambda: "")
        self.python_starts(monkeypatch, "3.11")

    @staticmethod
    def python_starts(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
        monkeypatch.setattr(health, "python_version", lambda _python: version)

    def set_up(self, *words: str) -> list[str]:
        """Set up as for these words of the command line; return what was done for it."""
        self.done.clear()
        command.set_up(self.places, command.read_words(words))
        return list(self.done)

    def _make(self, places: Places, _held: tuple[int, ...]) -> None:
        self.site_packages.mkdir(parents=True, exist_ok=True)
        places.made.write_text(str(places.venv), encoding="utf-8")

    @property
    def site_packages(self) -> Path:
        return self.places.venv / "lib" / "python3.11" / "site-packages"

    def _install(self, name: str) -> None:
        if self.breaks_at == name:
            raise SetupError("broken off", "go on")
        self.done.append(name)
        shutil.rmtree(self.site_packages / f"{name}-1.0.dist-info", ignore_errors=True)
        install(self.site_packages, name, "1.0", (f"{name}/__init__.py", f"{name}/deep/module.py"))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_that_a_first_run_installs_training_and_a_second_run_nothing(machine: Machine) -> None:
    assert machine.set_up() == ["train", "torch", "orpo_studio"]
    assert machine.set_up() == []
    assert machine.set_up("--window-only") == []


def test_that_window_only_leaves_training_out_until_it_is_asked_for(machine: Machine) -> None:
    assert machine.set_up("--window-only") == ["window", "orpo_studio"]
    assert machine.set_up("demo") == ["train", "torch", "orpo_studio"]


def test_that_the_checks_add_the_test_tools_and_a_later_repair_keeps_them(machine: Machine) -> None:
    machine.set_up()
    assert machine.set_up("test") == ["train", "test", "torch", "orpo_studio"]
    (machine.places.locked("window")).write_text("window-package==2.0\n", encoding="utf-8")
    assert machine.set_up() == ["train", "test", "torch", "orpo_studio"]


@pytest.mark.parametrize("step", ["train", "torch", "orpo_studio"])
def test_that_a_set_up_that_broke_off_is_not_trusted(machine: Machine, step: str) -> None:
    machine.breaks_at = step
    with pytest.raises(SetupError):
        machine.set_up()
    assert not machine.places.stamp.exists()
    machine.breaks_at = ""
    assert machine.set_up() == ["train", "torch", "orpo_studio"]


def delete_package(machine: Machine) -> None:
    shutil.rmtree(machine.site_packages / "train")


def delete_one_file(machine: Machine) -> None:
    (machine.site_packages / "train" / "deep" / "module.py").unlink()


def delete_record(machine: Machine) -> None:
    (machine.site_packages / "train-1.0.dist-info" / "RECORD").unlink()


def delete_dist_info(machine: Machine) -> None:
    shutil.rmtree(machine.site_packages / "train-1.0.dist-info")


def spoil_stamp(machine: Machine) -> None:
    machine.places.stamp.write_text('{"python": "3.1', encoding="utf-8")


def change_torch(machine: Machine) -> None:
    machine.places.locked("torch").write_text("torch==2.14.0\n", encoding="utf-8")


def change_project(machine: Machine) -> None:
    (machine.places.root / "pyproject.toml").write_text("[project]\nname='x'\n", encoding="utf-8")


def move(machine: Machine) -> None:
    machine.places.made.write_text("/somewhere/else/.venv", encoding="utf-8")


@pytest.mark.parametrize(
    "harm",
    [
        delete_package,
        delete_one_file,
        delete_record,
        delete_dist_info,
        spoil_stamp,
        change_torch,
        change_project,
        move,
    ],
)
def test_that_a_damaged_or_outdated_environment_is_repaired(machine: Machine, harm: Callable[[Machine], None]) -> None:
    machine.set_up()
    harm(machine)
    assert machine.set_up() == ["train", "torch", "orpo_studio"]
    assert machine.set_up() == []


def test_that_settings_of_the_linters_do_not_outdate_an_environment(machine: Machine) -> None:
    machine.set_up()
    with (machine.places.root / "pyproject.toml").open("a", encoding="utf-8") as project:
        project.write("[tool.ruff]\nline-length = 100\n")
    assert machine.set_up() == []


def test_that_an_environment_whose_python_does_not_start_is_made_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.set_up()
    machine.python_starts(monkeypatch, "")
    assert machine.set_up() == ["train", "torch", "orpo_studio"]


def test_that_missing_headers_and_compiled_files_are_no_damage(machine: Machine) -> None:
    machine.set_up()
    name = install(machine.site_packages, "torch_like", "1.0", ("torch_like/include/a.h", "torch_like/a.py"))
    shutil.rmtree(machine.site_packages / "torch_like" / "include")
    assert health.damaged_packages(machine.site_packages, [name]) == []


def test_that_a_missing_command_is_damage(tmp_path: Path) -> None:
    site_packages = tmp_path / "lib" / "python3.11" / "site-packages"
    name = install(site_packages, "ruff", "1.0", ("ruff/__init__.py", "../../../bin/ruff"))
    assert health.damaged_packages(site_packages, [name]) == []
    (tmp_path / "bin" / "ruff").unlink()
    assert health.damaged_packages(site_packages, [name]) == [name]


def test_that_a_gpu_that_appears_makes_a_cpu_environment_outdated(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    machine.set_up()
    assert machine.set_up() == []
    monkeypatch.setattr(command, "_gpu_appeared", lambda: True)
    monkeypatch.setattr(pytorch, "find_gpu", lambda: "NVIDIA L4")
    assert machine.set_up() == ["train", "torch", "orpo_studio"]
    assert machine.set_up() == []


def test_that_damaged_packages_are_taken_from_pips_view_and_whole_ones_stay(tmp_path: Path) -> None:
    places = Places(tmp_path, windows=False)
    site_packages = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    whole = install(site_packages, "rich", "15.0", ("rich/console.py",))
    broken = install(site_packages, "numpy", "2.4", ("numpy/core.py",))
    (site_packages / "numpy" / "core.py").unlink()
    (site_packages / "~umpy").mkdir()
    packages.drop_damaged(places)
    assert (site_packages / whole).exists()
    assert not (site_packages / broken).exists()
    assert not (site_packages / "~umpy").exists()


def test_that_clearing_keeps_the_lock_and_the_log_alone(tmp_path: Path) -> None:
    places = Places(tmp_path, windows=False)
    (places.venv / "lib" / "python3.11").mkdir(parents=True)
    for path in (places.lock, places.log, places.made, places.stamp):
        path.write_text("x", encoding="utf-8")
    (places.venv / "python").symlink_to("/nowhere")
    environment.clear(places)
    assert {path.name for path in places.venv.iterdir()} == {"setup.lock", "setup.log"}


def test_that_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(command, "_absent_libraries", list)
    with pytest.raises(SetupError, match="cannot be written to"):
        command.set_up(Places(tmp_path, windows=False), command.read_words([]))


def test_that_a_second_set_up_waits_for_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = tmp_path / "setup.lock"
    entered = threading.Event()

    def second() -> None:
        with only_one(lock):
            entered.set()

    with only_one(lock):
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.5)
    assert entered.wait(10)
    thread.join()
    assert "Another set-up" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sets", "test", "rest"),
    [
        ([], ("train",), False, ()),
        (["--window-only"], ("window",), False, ()),
        (["--window-only", "doctor", "--json"], ("window",), False, ("doctor", "--json")),
        (["test", "-k", "loss"], ("train", "test"), True, ("-k", "loss")),
        (["train", "run.toml", "--window-only"], ("train",), False, ("train", "run.toml", "--window-only")),
    ],
)
def test_that_words_are_the_set_ups_or_are_passed_on(
    words: list[str], sets: tuple[str, ...], test: bool, rest: tuple[str, ...]
) -> None:
    assert command.read_words(words) == command.Plan(sets=sets, test=test, words=rest)


def test_that_only_a_linux_without_a_display_has_no_screen() -> None:
    assert not command.has_screen("Linux", {})
    assert not command.has_screen("Linux", {"DISPLAY": ""})
    assert command.has_screen("Linux", {"DISPLAY": ":0"})
    assert command.has_screen("Linux", {"WAYLAND_DISPLAY": "wayland-0"})
    assert command.has_screen("Darwin", {})
    assert command.has_screen("Windows", {})


def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *words: str) -> list[str]:
    """The command line that would replace the set-up."""
    seen: list[str] = []
    monkeypatch.setattr(command, "_become", lambda line: seen.extend(line) or 0)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    command.start_program(Places(tmp_path, windows=False), command.read_words(words))
    assert Path(seen[0]) == tmp_path / ".venv" / "bin" / "orpo-studio"
    return seen[1:]


def test_that_without_a_screen_the_demo_runs_and_the_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert started(monkeypatch, tmp_path) == ["demo"]
    assert "no screen" in capsys.readouterr().out
    assert started(monkeypatch, tmp_path, "train", "run.toml") == ["train", "run.toml"]


def test_that_without_a_screen_and_training_nothing_is_pretended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(SetupError, match="no screen"):
        started(monkeypatch, tmp_path, "--window-only")


def test_that_missing_libraries_stop_the_window_but_not_the_terminal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = [system_libraries.DRAWING[0]]
    monkeypatch.setattr(command, "_absent_libraries", lambda: absent)
    monkeypatch.setattr(system_libraries, "may_use_apt", lambda: False)
    monkeypatch.setattr(system_libraries.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setenv("DISPLAY", ":0")
    places = Places(tmp_path, windows=False)
    with pytest.raises(SetupError, match=r"libEGL\.so\.1"):
        command._provide_libraries(places, command.read_words([]))
    command._provide_libraries(places, command.read_words(["train", "run.toml"]))
    assert "libEGL.so.1" in capsys.readouterr().out


def test_that_every_check_runs_and_the_tests_come_last(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    names = [name for name, _ in checks.check_commands(Places(tmp_path), ["-x"])]
    assert names == ["ruff check", "ruff format", "import contracts", "mypy", "pytest"]
    scripts = {"first": "import sys; print('bad'); sys.exit(3)", "pytest": "print('tests ran')"}
    fakes = [(name, [sys.executable, "-c", script]) for name, script in scripts.items()]
    monkeypatch.setattr(checks, "check_commands", lambda _places, _words: fakes)
    assert checks.run_checks(Places(tmp_path), []) == 1
    out, err = capfd.readouterr()
    assert out.rstrip().endswith("tests ran")
    assert "first" in err
    monkeypatch.setattr(checks, "check_commands", lambda _places, _words: fakes[1:])
    assert checks.run_checks(Places(tmp_path), []) == 0


def test_that_an_old_python_reads_the_file_and_is_told_what_to_do() -> None:
    source = (ROOT / "packaging" / "start.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 7))
    text = start.refusal((3, 9, 2), lambda name: "/usr/bin/python3.12" if name == "python3.12" else None)
    assert "this is Python 3.9" in text
    assert "/usr/bin/python3.12 packaging/start.py" in text
    assert "Install one" in start.refusal((3, 9, 2), lambda _name: None)


def test_that_continuous_integration_runs_the_test_command_and_nothing_else() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    commands = [line for line in lines if line and not line.startswith("#")]
    assert commands[-1] == "exec python3 packaging/start.py test"
    assert len(commands) == 3
