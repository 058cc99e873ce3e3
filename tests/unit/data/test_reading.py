"""Rows out of files, whatever their form, and what is said of files that cannot be read."""

import json
import os
import pickle
from pathlib import Path

import pytest

from helpers.pair_files import text_row, turn, write_csv, write_json, write_jsonl, write_parquet
from orpo_studio.data.conversion import prepare
from orpo_studio.data.problem import DataProblem
from orpo_studio.data.reading import read_rows
from orpo_studio.data.rows import Unreadable

ROWS = [text_row(number) for number in range(5)]


def rows_of(path: Path) -> list[object]:
    return [row for _, row in read_rows(path)]


def problem_of(path: Path) -> DataProblem:
    with pytest.raises(DataProblem) as caught:
        list(read_rows(path))
    assert caught.value.title
    assert caught.value.hint
    return caught.value


def test_that_every_form_gives_the_same_rows(tmp_path: Path) -> None:
    files = [
        write_jsonl(tmp_path / "a.jsonl", ROWS),
        write_json(tmp_path / "a.json", ROWS),
        write_json(
            tmp_path / "splits.json", {"version": 1, "notes": ["words"], "train": ROWS, "empty": [], "test": ROWS[3:]}
        ),
        write_csv(tmp_path / "a.csv", ROWS),
        write_csv(tmp_path / "semicolons.csv", ROWS, delimiter=";"),
        write_csv(tmp_path / "a.tsv", ROWS, delimiter="\t"),
        write_parquet(tmp_path / "a.parquet", ROWS),
        write_parquet(tmp_path / "misnamed.csv", ROWS),
        write_jsonl(tmp_path / "lines.json", ROWS),
        write_json(tmp_path / "array.jsonl", ROWS),
        write_json(tmp_path / "no-suffix", ROWS),
    ]
    for path in files:
        assert rows_of(path) == ROWS, path.name
        assert [number for number, _ in read_rows(path)] == [1, 2, 3, 4, 5], path.name


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl"])
def test_that_unicode_is_understood_in_each_encoding(tmp_path: Path, encoding: str, suffix: str) -> None:
    row = {"prompt": "Größe? 大きさ", "chosen": "ja", "rejected": "nein"}
    path = tmp_path / f"a.{suffix}"
    if suffix == "csv":
        write_csv(path, [row, row], encoding=encoding)
    else:
        path.write_bytes((json.dumps([row, row]) if suffix == "json" else f"{json.dumps(row)}\n" * 2).encode(encoding))
    assert rows_of(path) == [row, row]


def test_that_a_bad_line_does_not_end_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = json.dumps(ROWS[0]).encode()
    path.write_bytes(b"\n".join([good, b'{"prompt": "cut', b"", b"[1, 2]", b'{"a": "\xff"}', b"[" * 100_000, good]))
    rows = list(read_rows(path))
    assert [number for number, _ in rows] == [1, 2, 4, 5, 6, 7]
    bad = [row for _, row in rows if isinstance(row, Unreadable)]
    assert len(bad) == 4
    assert "column" in bad[0].words
    offset = path.read_bytes().index(b"\xff")
    assert f"byte {offset} " in bad[2].words
    assert rows[-1] == (7, ROWS[0])


def test_that_values_longer_than_a_block_are_read_whole(tmp_path: Path) -> None:
    rows = [{"prompt": letter * 3_000_000, "chosen": "a", "rejected": 1} for letter in "xyz"]
    assert rows_of(write_json(tmp_path / "a.json", rows)) == rows
    assert rows_of(write_jsonl(tmp_path / "a.jsonl", rows)) == rows


def test_that_a_field_that_stands_twice_is_lost_in_no_silence(tmp_path: Path) -> None:
    good = json.dumps(ROWS[0])
    twice = '{"prompt": "a", "chosen": {"b": 1, "b": 2}}'
    same = '{"prompt": "a", "prompt": "a", "n": NaN}'
    (tmp_path / "a.jsonl").write_text(f"{good}\n{twice}\n{same}\n")
    (tmp_path / "a.json").write_text(f"[{good}, {twice}, {same}]")
    for name in ("a.jsonl", "a.json"):
        first, second, third = rows_of(tmp_path / name)
        assert first == ROWS[0]
        assert isinstance(second, Unreadable)
        assert "'b' stands in it twice" in second.words
        assert isinstance(third, dict)
        assert third["prompt"] == "a"


def test_that_columns_in_place_of_rows_are_turned(tmp_path: Path) -> None:
    lists = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    keyed = {name: {str(place): cell for place, cell in enumerate(column)} for name, column in lists.items()}
    assert rows_of(write_json(tmp_path / "lists.json", lists)) == ROWS
    assert rows_of(write_json(tmp_path / "keyed.json", keyed)) == ROWS
    uneven = {**lists, "prompt": ["a"]}
    assert rows_of(write_json(tmp_path / "uneven.json", uneven)) == [uneven]
    turns = [turn("user", "a"), turn("assistant", "b")]
    row = {"chosen": turns, "rejected": turns}
    assert rows_of(write_json(tmp_path / "row.json", row)) == [row]


def test_that_huge_numbers_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": ' + "9" * 100_000 + ', "b": 1e999999, "c": -Infinity}\n')
    assert rows_of(path) == [{"a": float("inf"), "b": float("inf"), "c": float("-inf")}]


def test_that_a_line_beyond_all_measure_is_one_bad_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orpo_studio.data.json_rows.LARGEST_VALUE", 1_000)
    for encoding in ("utf-8", "utf-16"):
        path = tmp_path / f"{encoding}.jsonl"
        good = json.dumps(ROWS[0])
        path.write_text(f'{good}\n{{"a": "{"x" * 5_000}"}}\n{good}\n', encoding=encoding)
        rows = list(read_rows(path))
        assert [number for number, _ in rows] == [1, 2, 3]
        assert isinstance(rows[1][1], Unreadable)
        assert rows[2][1] == ROWS[0]


def test_that_a_quotation_mark_never_closed_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('prompt,chosen,rejected\na,b,c\nd,"e,f\ng,h,i\n')
    problem = problem_of(path)
    assert problem.code == "broken-csv"
    assert "line 3" in problem.detail
    path.write_text('prompt,chosen,"rejected\na,b,c\n')
    assert problem_of(path).code == "broken-csv"


def test_that_rows_of_empty_cells_are_rows_and_blank_lines_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("prompt,chosen,rejected\n\n,,\n  \na,b,c\n")
    assert rows_of(path) == [
        {"prompt": "", "chosen": "", "rejected": ""},
        {"prompt": "a", "chosen": "b", "rejected": "c"},
    ]


def test_that_a_single_object_is_one_row(tmp_path: Path) -> None:
    row = {"prompt": [turn("user", "Hi")], "chosen": [turn("assistant", "a")], "rejected": [turn("assistant", "b")]}
    assert rows_of(write_json(tmp_path / "a.json", row)) == [row]


def test_that_message_lists_are_read_out_of_cells(tmp_path: Path) -> None:
    messages = [turn("user", 'a "quoted", word')]
    row = {"prompt": json.dumps(messages), "chosen": repr(messages), "rejected": '["no", "messages"]'}
    (read,) = rows_of(write_csv(tmp_path / "a.csv", [row]))
    assert read == {"prompt": messages, "chosen": messages, "rejected": '["no", "messages"]'}


def test_that_rows_with_too_many_cells_are_unreadable_and_short_ones_are_not(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("prompt,chosen,rejected\na,b,c,d\n\na,b\n")
    too_long, short = rows_of(path)
    assert isinstance(too_long, Unreadable)
    assert "4 cells under 3 columns" in too_long.words
    assert short == {"prompt": "a", "chosen": "b"}


def test_that_a_cell_of_ten_megabytes_is_read(tmp_path: Path) -> None:
    row = {"prompt": "p" * 10_000_000, "chosen": "a", "rejected": "b"}
    assert rows_of(write_csv(tmp_path / "a.csv", [row])) == [row]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.json", b"", "empty-file"),
        ("a.jsonl", b" \n\n ", "empty-file"),
        ("a.json", b'[{"prompt": "a"}, {"prompt": ', "broken-json"),
        ("a.json", b'[{"prompt": "a"}, {"prompt": "b]', "broken-json"),
        ("a.json", b'[{"prompt": "a"} {"prompt": "b"}]', "broken-json"),
        ("a.json", b"[nonsense]", "broken-json"),
        ("a.json", b"[" * 100_000, "broken-json"),
        ("a.json", b"not json", "broken-json"),
        ("a.json", b'["\xff"]', "not-utf-8"),
        ("a.csv", b"prompt,chosen,rejected\n\xff,b,c\n", "not-utf-8"),
        ("a.csv", b"prompt,chosen,prompt\na,b,c\n", "column-twice"),
        ("a.parquet", b"PAR1 and then nothing", "broken-parquet"),
        ("a.txt", b"plain words", "unknown-format"),
        ("a.json.gz", b"\x1f\x8b", "broken-compressed"),
        ("a.xlsx", b"PK", "broken-workbook"),
        ("a.xls", b"\xd0\xcf\x11\xe0", "refused-format"),
    ],
)
def test_that_a_file_that_cannot_be_read_is_named_with_its_reason(
    tmp_path: Path, name: str, content: bytes, code: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert problem_of(path).code == code


def test_that_the_place_of_a_fault_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[\n{"prompt": "a"},\n{"prompt": oops}\n]')
    assert "Line 3" in problem_of(path).detail
    path.write_bytes(b'["' + b"a" * 2_000_000 + b"\xfc" + b'"]')
    assert "2,000,002" in problem_of(path).detail


def test_that_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    assert problem_of(tmp_path / "nowhere.json").code == "no-such-file"
    assert problem_of(tmp_path).code == "no-data-files"


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('executed')",)


@pytest.mark.parametrize("name", ["a.pkl", "a.pt", "a.bin", "a.json", "a.csv", "a.parquet", "a"])
def test_that_a_pickle_is_never_run(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(pickle.dumps(_Trap()))
    problem_of(path)


def test_that_the_share_read_grows_to_one(tmp_path: Path) -> None:
    shares: list[float] = []
    path = write_jsonl(tmp_path / "a.jsonl", [text_row(number) for number in range(50_000)])
    for _ in read_rows(path, shares.append):
        pass
    assert shares == sorted(shares)
    assert len(shares) > 3
    assert shares[-1] == 1.0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_that_what_is_no_file_is_refused_and_not_read_for_ever(tmp_path: Path) -> None:
    pipe = tmp_path / "pairs.jsonl"
    os.mkfifo(pipe)
    for source, code in ((pipe, "not-a-file"), (tmp_path / "a\0b.json", "no-such-file")):
        with pytest.raises(DataProblem) as caught:
            prepare(source, held_out=0.1, seed=0, cache=tmp_path / "cache")
        assert caught.value.code == code
