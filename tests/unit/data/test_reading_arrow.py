"""Arrow and Parquet: batches, odd types, damaged cells and files that claim too much."""

import datetime as dt
import decimal
import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.pair_files import text_row, turn
from helpers.source_files import write_arrow, write_stream
from orpo_studio.data.problem import DataProblem
from orpo_studio.data.reading import read_rows
from orpo_studio.data.rows import Unreadable

ROWS = [text_row(number) for number in range(2_500)]


def rows_of(path: Path) -> list[Any]:
    return [row for _, row in read_rows(path)]


def problem_of(path: Path) -> DataProblem:
    with pytest.raises(DataProblem) as caught:
        list(read_rows(path))
    return caught.value


@pytest.mark.parametrize("name", ["a.arrow", "a.feather", "a.ipc", "a.json", "a"])
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_that_arrow_files_are_read_whatever_their_name(tmp_path: Path, name: str, compression: str | None) -> None:
    assert rows_of(write_arrow(tmp_path / name, ROWS, compression)) == ROWS


def test_that_streams_are_read_batch_by_batch_with_progress(tmp_path: Path) -> None:
    shares: list[float] = []
    path = write_stream(tmp_path / "a.arrow", ROWS, batch=700)
    assert list(read_rows(path, shares.append)) == list(enumerate(ROWS, 1))
    assert shares == sorted(shares)
    assert len(shares) == 4
    assert shares[-1] == pytest.approx(1.0, abs=0.01)


def odd_table() -> pa.Table:
    day = dt.datetime(2024, 2, 29, 12, 30, tzinfo=dt.UTC)
    text = pa.array(["a", "b"])
    messages = pa.array([[turn("user", "é")], []], pa.list_(pa.map_(pa.string(), pa.string())))
    return pa.table(
        {
            "prompt": text.cast(pa.large_string()),
            "chosen": text.dictionary_encode(),
            "rejected": text.cast(pa.binary()),
            "messages": messages,
            "struct": pa.array([{"x": [{"y": "z"}]}, None]),
            "large": pa.array([["a"], None], pa.large_list(pa.string())),
            "fixed": pa.array([[1, 2], [3, 4]], pa.list_(pa.int8(), 2)),
            "decimal": pa.array([decimal.Decimal("1.50"), None]),
            "nanoseconds": pa.array([1, 1_700_000_000_000_000_001], pa.timestamp("ns")),
            "zoned": pa.array([day, None], pa.timestamp("us", tz="Europe/Berlin")),
            "nowhere": pa.array([1, 2], pa.timestamp("us", tz="Atlantis/Capital")),
            "far": pa.array([2**62, -(2**62)], pa.timestamp("s")),
            "date": pa.array([day.date(), None]),
            "time": pa.array([1, 2], pa.time64("ns")),
            "duration": pa.array([1, 2], pa.duration("ns")),
            "half": pa.array([1.5, None], pa.float16()),
            "image": pa.array([b"\x89PNG\xff", None]),
            "flag": pa.array([True, None]),
            "nothing": pa.nulls(2),
        }
    )


@pytest.mark.parametrize("form", ["parquet", "file", "stream"])
def test_that_odd_types_are_read(tmp_path: Path, form: str) -> None:
    table = odd_table()
    path = tmp_path / "a.data"
    if form == "parquet":
        pq.write_table(table.drop_columns(["far", "half"]), path)
    else:
        (write_arrow if form == "file" else write_stream)(path, table)
    first, second = rows_of(path)
    assert (first["prompt"], first["chosen"], first["rejected"]) == ("a", "a", "a")
    assert first["messages"] == [turn("user", "é")]
    assert first["struct"] == {"x": [{"y": "z"}]}
    assert first["image"] == b"\x89PNG\xff"
    assert first["zoned"].startswith("2024-02-29")
    assert second["nanoseconds"].endswith("000000001")
    assert second["nothing"] is None


def test_that_a_cell_that_is_no_text_is_one_bad_row(tmp_path: Path) -> None:
    texts = pa.array([b"good", b"bad \xff", b"good"]).view(pa.string())
    nested = pa.ListArray.from_arrays([0, 1, 2, 3], texts)
    for place, table in enumerate([pa.table({"prompt": texts}), pa.table({"prompt": nested, "n": [1, 2, 3]})]):
        for write in (write_arrow, write_stream, lambda path, rows: pq.write_table(rows, path) or path):
            path = tmp_path / f"{place}"
            write(path, table)
            rows = rows_of(path)
            assert [isinstance(row, Unreadable) for row in rows] == [False, True, False]
            assert "prompt" in rows[1].words


def test_that_a_map_with_a_key_twice_is_one_bad_row(tmp_path: Path) -> None:
    table = pa.table({"m": pa.array([[("a", 1)], [("a", 1), ("a", 2)]], pa.map_(pa.string(), pa.int8()))})
    good, bad = rows_of(write_arrow(tmp_path / "a.arrow", table))
    assert good == {"m": {"a": 1}}
    assert isinstance(bad, Unreadable)


def test_that_offsets_that_lead_outside_are_refused(tmp_path: Path) -> None:
    path = write_arrow(tmp_path / "a.arrow", [{"prompt": "abc"}, {"prompt": "def"}])
    content = path.read_bytes()
    assert content.count(struct.pack("<iii", 0, 3, 6)) == 1
    path.write_bytes(content.replace(struct.pack("<iii", 0, 3, 6), struct.pack("<iii", 0, 2**30, 2**31 - 1)))
    assert problem_of(path).code == "broken-arrow"


def test_that_a_column_twice_and_no_columns_are_refused(tmp_path: Path) -> None:
    twice = pa.table([pa.array(["a"]), pa.array(["b"])], names=["prompt", "prompt"])
    for write in (write_arrow, write_stream, lambda path, rows: pq.write_table(rows, path) or path):
        path = tmp_path / "a.data"
        write(path, twice)
        assert problem_of(path).code == "column-twice"


def test_that_endless_rows_of_nothing_are_refused(tmp_path: Path) -> None:
    endless = pa.nulls(2_000_000_000)
    path = write_arrow(tmp_path / "a.arrow", pa.table({"prompt": endless}))
    assert problem_of(path).code == "expands-too-far"


def test_that_rows_of_ten_megabytes_come_few_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"prompt": [f"{number}" * 10_000_000 for number in range(8)], "n": range(8)})
    pq.write_table(table, path, use_dictionary=False, write_batch_size=1)
    del table
    before = pa.total_allocated_bytes()
    largest = 0
    for _, row in read_rows(path):
        assert isinstance(row, dict)
        largest = max(largest, pa.total_allocated_bytes() - before)
    assert largest < 60_000_000


@pytest.mark.parametrize("form", ["parquet", "file", "stream"])
def test_that_a_file_cut_anywhere_is_refused_or_accounted_for(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a.data"
    table = pa.Table.from_pylist([dict(row) for row in ROWS[:50]])
    if form == "parquet":
        pq.write_table(table, path)
    else:
        (write_arrow if form == "file" else write_stream)(path, table)
    content = path.read_bytes()
    for length in range(16, len(content) - 8, 97):
        path.write_bytes(content[:length])
        problem_of(path)


def test_that_a_stream_that_was_stopped_between_two_batches_is_refused(tmp_path: Path) -> None:
    path = write_stream(tmp_path / "a.arrow", ROWS, batch=1_000)
    content = path.read_bytes()
    second = content.index(b"\xff\xff\xff\xff", content.index(b"Question 999?"))
    path.write_bytes(content[:second])
    problem = problem_of(path)
    assert problem.code == "broken-arrow"
    assert "no end" in problem.detail


def test_that_a_feather_file_of_version_1_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.feather"
    path.write_bytes(b"FEA1" + bytes(100))
    assert problem_of(path).code == "refused-format"
