"""Damaged sources of every form: no row is lost without a reason, nothing in them is run, and nothing crashes.

The environment variable ORPO_STUDIO_FUZZ says how many variations are tried; by default it is two hundred.
"""

import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings

from helpers.fuzzing import CANARY, damaged_sources, seeds
from orpo_studio.data.compressed import compression_of
from orpo_studio.data.conversion import convert
from orpo_studio.data.files import DataFile
from orpo_studio.data.forms import form_of
from orpo_studio.data.prepared import PreparedData
from orpo_studio.data.problem import DataProblem
from orpo_studio.data.reading import read_rows
from orpo_studio.data.sources import describe_source, splits_of

EXAMPLES = int(os.environ.get("ORPO_STUDIO_FUZZ", "200"))
LONG = EXAMPLES > 1_000
_RUNS = {"os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "pickle.find_class", "socket.connect"}
_writes_allowed: list[Path] = []
_seen: list[str] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Note, while an example is under way, what only a program run out of data would do."""
    if not _writes_allowed:
        return
    if event in _RUNS:
        _seen.append(f"{event} {arguments}")
    elif event == "open" and isinstance(arguments[0], str) and isinstance(arguments[1], str):
        path, mode = Path(arguments[0]).absolute(), arguments[1]
        if set(mode) & set("wax+") and not any(path.is_relative_to(folder) for folder in _writes_allowed):
            _seen.append(f"open {path} {mode}")


@pytest.fixture(scope="module", autouse=True)
def watched() -> Iterator[None]:
    sys.addaudithook(_watch)
    yield
    _writes_allowed.clear()


@contextmanager
def nothing_run(folder: Path) -> Iterator[None]:
    _seen.clear()
    _writes_allowed.extend([folder, Path(tempfile.gettempdir())])
    try:
        yield
    finally:
        _writes_allowed.clear()
    assert not _seen
    assert not Path(CANARY).exists()


def _written(folder: Path, files: dict[str, bytes]) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder if len(files) > 1 else folder / next(iter(files))


def _converted(source: Path, out: Path) -> PreparedData | DataProblem:
    try:
        return convert(source, out, held_out=0.2, seed=1)
    except DataProblem as problem:
        return problem


def _check_account(data: PreparedData) -> None:
    summary = data.summary
    assert summary.rows_in == summary.rows_used + sum(summary.set_aside.values())
    assert pq.read_table(data.pairs_file).num_rows == summary.kept == summary.train + summary.held_out
    with data.pages() as pages:
        assert len(pages.page(0, summary.kept + 1)) == summary.kept
    aside = data.set_aside()
    assert Counter(row.reason for row in aside) == Counter(summary.set_aside)
    assert all(row.words and row.source_row > 0 for row in aside)


def _rows_by_other_means(source: Path) -> int | None:
    """Count rows without the program's readers, where that can be done."""
    content = source.read_bytes()
    if compression_of(content):
        return None
    if form_of(DataFile(source, source.name)) == "jsonl":
        if content[:2] in {b"\xff\xfe", b"\xfe\xff"} or content[:4] == b"\x00\x00\xfe\xff":
            return None
        if content.count(b"\x00") > len(content) // 10:  # UTF-16 without a mark, whole or damaged
            return None
        lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        return sum(1 for line in lines if line.decode("utf-8", "replace").strip())
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return len(value) if isinstance(value, list) else None


def _check_problem(problem: DataProblem) -> None:
    assert problem.title
    assert problem.hint
    assert f"{problem.title} {problem.detail} {problem.hint}".encode("utf-8", "surrogateescape")


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not LONG,
    database=None,
    phases=[Phase.generate] if LONG else [Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
@given(files=damaged_sources())
def test_that_damaged_sources_are_a_problem_or_are_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    source = _written(folder / "source", files)
    with nothing_run(folder):
        outcome = _converted(source, folder / "out")
        for look in (describe_source, splits_of):
            try:
                look(source)
            except DataProblem as problem:
                _check_problem(problem)
    if isinstance(outcome, DataProblem):
        event(f"problem: {outcome.code}")
        _check_problem(outcome)
        return
    event("converted, some rows set aside" if outcome.summary.set_aside else "converted, all rows used")
    _check_account(outcome)
    assert outcome.summary.rows_in == sum(1 for _ in read_rows(source))
    expected = _rows_by_other_means(source) if source.is_file() else None
    assert expected is None or outcome.summary.rows_in == expected


@pytest.mark.parametrize("name", [name for name, _ in seeds() if not name.startswith("trap.")])
def test_that_undamaged_seeds_are_read_and_what_they_carry_is_not_run(tmp_path: Path, name: str) -> None:
    source = _written(tmp_path, {name: dict(seeds())[name]})
    with nothing_run(tmp_path):
        data = _converted(source, tmp_path / "out")
    assert isinstance(data, PreparedData)
    _check_account(data)
    assert data.summary.kept > 8
