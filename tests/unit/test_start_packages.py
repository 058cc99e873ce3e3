"""What packaging/start.py installs: the locks, the build of PyTorch, Qt's libraries; and how it tells of failures."""

from __future__ import annotations

import errno
import io
import re
import sys
import tomllib
from pathlib import Path

import pytest

from setup_steps import pytorch, system_libraries
from setup_steps.packages import PipWatcher
from setup_steps.problems import explain_os_error, explain_output
from setup_steps.progress import Step, megabytes, run_shown, seconds

ROOT = Path(__file__).resolve().parents[2]

LOCKS = ROOT / "packaging" / "locks"
NVIDIA = pytorch.Choice("cuda", "there is one")
NONE = pytorch.Choice("cpu", "there is none")


def pins(name: str) -> dict[str, set[str]]:
    """The pinned versions of each package in a lock file (several where Python versions differ)."""
    found: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", (LOCKS / name).read_text(), re.MULTILINE):
        found.setdefault(package, set()).add(version)
    return found


@pytest.mark.parametrize("name", ["window.txt", "train.txt", "test.txt"])
def test_that_every_locked_package_has_hashes_and_torch_is_none_of_them(name: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (LOCKS / name).read_text(encoding="utf-8"))[1:]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not [entry for entry in entries if re.match(r"torch=|nvidia-cu|triton|cuda-", entry)]


def test_that_the_locks_agree_with_each_other() -> None:
    train = pins("train.txt")
    for name in ("window.txt", "test.txt"):
        shared = {package: versions for package, versions in pins(name).items() if package in train}
        assert shared == {package: train[package] for package in shared}
    assert pins("window.txt").keys() <= train.keys()


def test_that_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name, wanted in (
        ("window.txt", project["dependencies"]),
        ("train.txt", project["optional-dependencies"]["train"]),
        ("test.txt", project["optional-dependencies"]["test"]),
    ):
        locked = pins(name)
        for requirement in wanted:
            match = re.match(r"([A-Za-z0-9._-]+)(?:==(\S+))?", requirement)
            assert match is not None
            package = match.group(1).lower()
            if package == "torch":
                continue
            assert package in locked, f"packaging/locks/{name} lacks {package}: run packaging/lock.py"
            if match.group(2):
                assert locked[package] == {match.group(2)}


def test_that_qt_is_a_version_that_does_not_abort() -> None:
    assert pins("window.txt")["pyside6-essentials"] == {"6.11.3"}


def test_that_the_build_of_torch_follows_the_gpu_and_the_reason_is_given() -> None:
    assert pytorch.choose("Linux", "NVIDIA L4").build == "cuda"
    assert "NVIDIA L4" in pytorch.choose("Linux", "NVIDIA L4").reason
    assert pytorch.choose("Linux", "").build == "cpu"
    assert pytorch.choose("Windows", "").build == "cpu"
    assert pytorch.choose("Darwin", "").build == "any"


def test_that_the_plain_registry_follows_when_the_cpu_index_is_out_of_reach() -> None:
    assert pytorch.attempts(NONE, "2.13.0", "Linux", lambda _index: False) == [["torch==2.13.0"]]
    first, second = pytorch.attempts(NONE, "2.13.0", "Linux", lambda index: index == "cpu")
    assert first == ["torch==2.13.0", "--index-url", "https://download.pytorch.org/whl/cpu"]
    assert second == ["torch==2.13.0"]


def test_that_with_a_gpu_no_cpu_wheel_is_taken_for_the_newer_version() -> None:
    assert pytorch.attempts(NVIDIA, "2.13.0", "Linux", lambda _index: False)[0] == ["torch===2.13.0"]
    on_windows = pytorch.attempts(NVIDIA, "2.13.0", "Windows", lambda _index: True)[0]
    assert "https://download.pytorch.org/whl/cu130" in on_windows


def test_that_an_index_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError("out of reach")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    assert not pytorch.index_offers("cpu", "2.13.0")


def test_that_an_index_page_is_searched_for_this_python_and_machine() -> None:
    page = '<a href="/whl/cpu/torch-2.13.0%2Bcpu-cp311-cp311-manylinux_2_28_x86_64.whl">torch</a>'
    assert pytorch.has_wheel(page, "2.13.0", (3, 11), "x86_64")
    assert not pytorch.has_wheel(page, "2.13.0", (3, 12), "x86_64")
    assert not pytorch.has_wheel(page, "2.13.0", (3, 11), "aarch64")
    assert not pytorch.has_wheel(page, "2.13.1", (3, 11), "x86_64")


@pytest.mark.parametrize(
    ("text", "build", "version"),
    [
        ("__version__ = '2.13.0+cpu'\ncuda: Optional[str] = None\nhip = None\n", "cpu", "2.13.0+cpu"),
        ("__version__ = '2.13.0'\ncuda: Optional[str] = '13.0'\nhip = None\n", "cuda", "2.13.0"),
    ],
)
def test_that_the_installed_build_is_read_without_importing_it(
    tmp_path: Path, text: str, build: str, version: str
) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "version.py").write_text(text, encoding="utf-8")
    assert pytorch.installed_build(tmp_path) == build
    assert pytorch.installed_version(tmp_path) == version
    assert pytorch.satisfies(version, "2.13.0")
    assert not pytorch.satisfies(version, "2.13.1")


def test_that_without_torch_there_is_no_build(tmp_path: Path) -> None:
    assert pytorch.installed_build(tmp_path) == ""
    assert not pytorch.satisfies(pytorch.installed_version(tmp_path), "2.13.0")


def test_that_missing_libraries_are_named_with_their_command() -> None:
    absent = system_libraries.missing(system_libraries.DRAWING, lambda file: "GL.so" not in file)
    assert [library.file for library in absent] == ["libEGL.so.1", "libGL.so.1"]
    assert system_libraries.advice(absent, lambda name: name if name == "apt-get" else None).endswith(
        "sudo apt-get install -y --no-install-recommends libegl1 libgl1"
    )
    assert system_libraries.advice(absent, lambda name: name if name == "pacman" else None).endswith(
        "--needed libglvnd"
    )
    assert "libEGL.so.1" in system_libraries.advice(absent, lambda _name: None)


def test_that_a_screen_asks_for_more_libraries() -> None:
    assert system_libraries.needed({}) == system_libraries.DRAWING
    assert "libxcb-cursor.so.0" in {library.file for library in system_libraries.needed({"DISPLAY": ":0"})}
    assert "libwayland-client.so.0" in {lib.file for lib in system_libraries.needed({"WAYLAND_DISPLAY": "wayland-0"})}


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("NewConnectionError: Temporary failure in name resolution", "could not be reached"),
        ("Cannot connect to proxy. ProxyError('Tunnel connection failed: 407')", "the proxy refused"),
        ("SSLError: CERTIFICATE_VERIFY_FAILED", "certificate"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "not the file that was locked"),
        ("ERROR: No matching distribution found for pyarrow==26.0.1", "pyarrow==26.0.1 is not offered"),
        ("ReadTimeoutError: Read timed out.", "the network broke off"),
        ("PermissionError: [Errno 13] Permission denied: 'x'", "could not be written"),
        ("Segmentation fault", "Installing failed."),
    ],
)
def test_that_a_failure_is_told_with_its_cause_and_the_log(tmp_path: Path, output: str, expected: str) -> None:
    problem = explain_output("Installing", f"Collecting x\n{output}\n", tmp_path / "setup.log")
    assert expected in problem.title
    assert str(tmp_path / "setup.log") in problem.hint
    assert output in problem.detail
    assert "Collecting" not in problem.detail


def test_that_errors_of_the_file_system_say_what_to_do(tmp_path: Path) -> None:
    assert "Copy ORPO Studio" in str(explain_os_error(OSError(errno.EROFS, "Read-only file system"), tmp_path))
    assert "Free some space" in str(explain_os_error(OSError(errno.ENOSPC, "No space left on device"), tmp_path))


def test_that_the_progress_of_pip_counts_packages_and_bytes(tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    (downloads / "pip-unpack-1").mkdir(parents=True)
    watcher = PipWatcher(tmp_path, downloads, 3)
    watcher("Ignoring colorama: markers 'sys_platform == \"win32\"' don't match your environment\n")
    watcher("Collecting numpy==2.4.6 (from -r window.txt (line 3))\n")
    watcher("  Downloading numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl (16.9 MB)\n")
    (downloads / "pip-unpack-1" / "numpy.whl").write_bytes(b"x" * 3_000_000)
    assert watcher.status() == "1 of 2, 3 MB, numpy 16.9 MB"
    watcher("Installing collected packages: numpy, rich\n")
    (tmp_path / "numpy-2.4.6.dist-info").mkdir()
    assert watcher.status() == "unpacking, 1 of 2"


def test_that_a_command_is_shown_and_logged_whole(tmp_path: Path) -> None:
    log = tmp_path / "setup.log"
    screen = io.StringIO()
    lines: list[str] = []
    script = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    code, output = run_shown([sys.executable, "-c", script], Step("Trying", screen), log, on_line=lines.append)
    assert code == 7
    assert {line.strip() for line in lines} == {"out", "err"}
    assert "out" in output
    assert "exit code 7" in log.read_text(encoding="utf-8")
    assert screen.getvalue() == "  Trying …\n"


def test_that_durations_and_sizes_are_short() -> None:
    assert seconds(9.4) == "9 s"
    assert seconds(65) == "1:05 min"
    assert megabytes(12_600_000) == "13 MB"
    assert megabytes(2_700_000_000) == "2.70 GB"
