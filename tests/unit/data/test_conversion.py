"""From a source to the canonical files: no row lost, nothing half written."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.pair_files import text_row, turn, write_json, write_jsonl
from orpo_studio.data.conversion import convert, prepare
from orpo_studio.data.pages import cell_text
from orpo_studio.data.pair import Pair
from orpo_studio.data.prepared import PreparedData
from orpo_studio.data.problem import ConversionCancelled, DataProblem, Reason

DEMO = Path(__file__).resolve().parents[4] / "shared" / "data" / "dpo_en_demo.json"
ROWS = [text_row(number) for number in range(100)]


def all_pairs(data: PreparedData, split: Any = None) -> list[Pair]:
    with data.pages() as pages:
        return pages.page(0, len(pages), split)


def assert_accounted(data: PreparedData) -> None:
    summary = data.summary
    assert summary.rows_in == summary.rows_used + sum(summary.set_aside.values())
    assert summary.kept == summary.train + summary.held_out == len(all_pairs(data))
    assert len(data.set_aside()) == sum(summary.set_aside.values())
    assert pq.read_metadata(data.pairs_file).num_rows == summary.kept


def test_that_rows_are_kept_or_set_aside_with_their_reason(tmp_path: Path) -> None:
    rows = [*ROWS, text_row(1) | {"chosen": ""}, {"prompt": "a"}, "words", text_row(2) | {"rejected": 5}]
    data = convert(write_jsonl(tmp_path / "a.jsonl", rows), tmp_path / "out", held_out=0.1, seed=1)
    assert_accounted(data)
    assert data.summary.set_aside == {
        Reason.EMPTY_ANSWER: 1,
        Reason.MISSING_FIELD: 1,
        Reason.UNREADABLE: 1,
        Reason.NOT_TEXT: 1,
    }
    first = data.set_aside(0, 1)[0]
    assert (first.file, first.source_row, first.reason) == ("a.jsonl", 101, Reason.EMPTY_ANSWER)
    assert "Question 1?" in first.excerpt
    assert (data.summary.train, data.summary.held_out) == (90, 10)
    assert sorted(pair.source_row for pair in all_pairs(data)) == list(range(1, 101))


def test_that_both_files_hold_the_same_pairs_and_sides(tmp_path: Path) -> None:
    data = convert(write_jsonl(tmp_path / "a.jsonl", ROWS), tmp_path / "out", held_out=7, seed=1)
    table = pq.read_table(data.pairs_file).to_pylist()
    assert [
        Pair(r["prompt"], r["chosen"], r["rejected"], r["source_row"], r["origin"], r["file"]) for r in table
    ] == all_pairs(data)
    assert [row["split"] for row in table] == ["train"] * 93 + ["held_out"] * 7
    assert [r["source_row"] for r in table if r["split"] == "held_out"] == [
        pair.source_row for pair in all_pairs(data, "held_out")
    ]


def test_that_the_same_prompt_is_never_on_both_sides(tmp_path: Path) -> None:
    rows = [text_row(number // 3) | {"chosen": f"c{number}"} for number in range(90)]
    data = convert(write_jsonl(tmp_path / "a.jsonl", rows), tmp_path / "out", held_out=9, seed=1)
    assert data.summary.held_out == 9
    sides = [{pair.prompt[0]["content"] for pair in all_pairs(data, split)} for split in ("train", "held_out")]
    assert not sides[0] & sides[1]


def test_that_a_held_out_file_is_taken_and_its_prompts_leave_the_training(tmp_path: Path) -> None:
    held_out = write_jsonl(tmp_path / "held_out.jsonl", [*ROWS[:10], {"prompt": 1}])
    source = write_jsonl(tmp_path / "a.jsonl", ROWS)
    data = convert(source, tmp_path / "out", held_out=held_out, seed=1)
    assert_accounted(data)
    assert data.summary.rows_in == 111
    assert data.summary.set_aside == {Reason.HELD_OUT_OVERLAP: 10, Reason.MISSING_FIELD: 1}
    assert (data.summary.train, data.summary.held_out) == (90, 10)
    assert data.summary.held_out_source == str(held_out)
    assert {aside.file for aside in data.set_aside()} == {"a.jsonl", "held_out.jsonl"}


@pytest.mark.parametrize("count", [0, 1])
def test_that_fewer_than_two_usable_rows_are_refused(tmp_path: Path, count: int) -> None:
    source = write_jsonl(tmp_path / "a.jsonl", [*ROWS[:count], text_row(3) | {"chosen": ""}])
    with pytest.raises(DataProblem) as caught:
        convert(source, tmp_path / "out", held_out=0.1, seed=1)
    assert caught.value.code == "too-few-rows"
    assert "An answer is empty: 1" in caught.value.detail
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize(("content", "code"), [("[]", "no-rows"), ("[1, 2]", "nothing-readable")])
def test_that_files_without_rows_are_refused(tmp_path: Path, content: str, code: str) -> None:
    source = tmp_path / "a.json"
    source.write_text(content)
    with pytest.raises(DataProblem) as caught:
        convert(source, tmp_path / "out", held_out=0.1, seed=1)
    assert caught.value.code == code


def test_that_a_cancelled_conversion_leaves_nothing(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "a.jsonl", ROWS * 10)
    asked: list[bool] = []

    def cancel() -> bool:
        asked.append(True)
        return len(asked) > 2

    with pytest.raises(ConversionCancelled):
        convert(source, tmp_path / "out", held_out=0.1, seed=1, cancel=cancel)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_that_progress_grows_to_one(tmp_path: Path) -> None:
    shares: list[float] = []
    source = write_jsonl(tmp_path / "a.jsonl", ROWS * 100)
    convert(source, tmp_path / "out", held_out=0.1, seed=1, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(set(shares)) > 3


def test_that_a_new_conversion_replaces_the_old_one(tmp_path: Path) -> None:
    for count in (100, 50):
        source = write_jsonl(tmp_path / "a.jsonl", ROWS[:count])
        assert convert(source, tmp_path / "out", held_out=0.1, seed=1).summary.kept == count
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "out"]


def test_that_a_cache_is_used_by_content_and_mended(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    source = write_jsonl(tmp_path / "a.jsonl", ROWS)
    first = prepare(source, held_out=0.1, seed=1, cache=cache)
    stamp = first.pairs_file.stat().st_mtime_ns
    moved = source.rename(tmp_path / "b.jsonl")
    again = prepare(moved, held_out=0.1, seed=1, cache=cache)
    assert again.summary.source == str(moved)
    assert (again.folder, again.pairs_file.stat().st_mtime_ns) == (first.folder, stamp)
    assert prepare(moved, held_out=0.1, seed=2, cache=cache).folder != first.folder
    assert prepare(moved, held_out=1, seed=1, cache=cache).folder != first.folder
    write_jsonl(moved, ROWS[:50])
    assert prepare(moved, held_out=0.1, seed=1, cache=cache).folder != first.folder
    write_jsonl(moved, ROWS)
    (first.folder / "summary.json").write_text("{")
    with pytest.raises(DataProblem):
        PreparedData.open(first.folder)
    assert prepare(moved, held_out=0.1, seed=1, cache=cache).summary.kept == 100


def test_that_a_folder_of_another_version_is_not_opened(tmp_path: Path) -> None:
    data = convert(write_jsonl(tmp_path / "a.jsonl", ROWS), tmp_path / "out", held_out=0.1, seed=1)
    summary = json.loads((data.folder / "summary.json").read_text())
    write_json(data.folder / "summary.json", summary | {"version": 99})
    with pytest.raises(DataProblem, match="incomplete or damaged"):
        PreparedData.open(data.folder)


def test_that_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "a.jsonl", ROWS)
    (tmp_path / "file").touch()
    with pytest.raises(DataProblem) as caught:
        convert(source, tmp_path / "file" / "out", held_out=0.1, seed=1)
    assert caught.value.code == "cannot-write"


def _convert_with_little_room(source: Path, out: Path) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        convert(source, out, held_out=0.1, seed=1)
    except DataProblem as problem:
        sys.stdout.write(problem.code)


@pytest.mark.skipif(sys.platform == "win32", reason="a file's size cannot be limited there")
def test_that_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "a.jsonl", [text_row(n) | {"chosen": f"{n} " * 500} for n in range(2_000)])
    program = (
        f"import sys; sys.path[:0] = {sys.path!r}; import {__name__} as test; from pathlib import Path; "
        f"test._convert_with_little_room(Path({str(source)!r}), Path({str(tmp_path / 'out')!r}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("cannot-write", 0), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_that_any_page_is_read_and_cut(tmp_path: Path) -> None:
    rows = [text_row(number) | {"chosen": "word " * 1_000} for number in range(10_000)]
    data = convert(write_jsonl(tmp_path / "a.jsonl", rows), tmp_path / "out", held_out=0, seed=1)
    with data.pages() as pages:
        assert (len(pages), pages.count("train"), pages.count("held_out")) == (10_000, 10_000, 0)
        assert [pair.source_row for pair in pages.page(4_094, 4)] == [4_095, 4_096, 4_097, 4_098]
        assert [pair.source_row for pair in pages.page(9_998, 64)] == [9_999, 10_000]
        assert pages.page(10_000, 64) == []
        assert pages.page(0, 64, "held_out") == []
        (cells,) = pages.cells(5, 1)
    assert (cells.source_row, cells.split, cells.prompt) == (6, "train", "Question 5?")
    assert len(cells.chosen) == 200
    assert cells.chosen.endswith("…")


def test_that_a_cell_is_one_line() -> None:
    assert cell_text([{"role": "user", "content": " a\n\n b\t"}]) == "a b"


@pytest.mark.skipif(not DEMO.is_file(), reason="the shared demo data is not beside the repository")
def test_that_real_preference_data_is_read_whole(tmp_path: Path) -> None:
    data = convert(DEMO, tmp_path / "out", held_out=0.1, seed=3)
    assert_accounted(data)
    assert data.summary.layout == "ShareGPT ranking"
    assert (data.summary.kept, data.summary.train, data.summary.held_out) == (300, 270, 30)
    for pair in all_pairs(data):
        assert pair.prompt[-1]["role"] == "user"
        assert [message["role"] for message in pair.chosen] == ["assistant"]


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(st.characters(codec=None), max_size=8)
    | st.sampled_from(["user", "assistant", "system", "role", "content", "Hi", "", "\ud800", "\x00"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "from", "value", "text", "x"]), inner, max_size=3)
        | st.builds(turn, st.sampled_from(["user", "assistant", "system", "human", "x"]), inner)
    ),
    max_leaves=8,
)
COLUMNS = st.sampled_from(["prompt", "chosen", "rejected", "system", "instruction", "input", "conversations", "\ud800"])
WILD_ROWS = st.lists(st.dictionaries(COLUMNS, JUNK, max_size=6) | JUNK, max_size=6)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wild=WILD_ROWS, good=st.integers(0, 3), lines=st.booleans(), held_out=st.sampled_from([0, 0.5, 1, 3]))
def test_that_wild_rows_are_all_accounted_for(
    tmp_path: Path, wild: list[object], good: int, lines: bool, held_out: float
) -> None:
    rows = [*ROWS[:good], *wild]
    write = write_jsonl if lines else _write_ascii
    source = write(tmp_path / "a.json", rows)
    outcome = _outcome(source, tmp_path / "out", held_out)
    if isinstance(outcome, PreparedData):
        assert_accounted(outcome)
        assert outcome.summary.rows_in == len(rows)
    else:
        assert outcome.title
        assert outcome.hint
        assert f"{outcome.title} {outcome.detail}".encode()


def _outcome(source: Path, out: Path, held_out: float) -> PreparedData | DataProblem:
    """Return what comes of a source; anything raised but a `DataProblem` fails the test."""
    try:
        return convert(source, out, held_out=held_out, seed=1)
    except DataProblem as problem:
        return problem


def _write_ascii(path: Path, rows: list[object]) -> Path:
    path.write_text(json.dumps(rows))
    return path


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200), suffix=st.sampled_from(["json", "jsonl", "csv", "tsv", "parquet", "txt"]))
def test_that_wild_bytes_are_a_problem_or_are_accounted_for(tmp_path: Path, content: bytes, suffix: str) -> None:
    source = tmp_path / f"a.{suffix}"
    source.write_bytes(b"prompt,chosen,rejected\na,b,c\nd,e,f\n" + content if suffix == "csv" else content)
    outcome = _outcome(source, tmp_path / "out", 0)
    if isinstance(outcome, PreparedData):
        assert_accounted(outcome)
    else:
        assert outcome.title
