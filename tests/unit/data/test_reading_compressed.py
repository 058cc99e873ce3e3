"""Compressed files: every kind, damaged ones, and those made to fill a disk."""

import gzip
import zipfile
from pathlib import Path

import pytest

from helpers.pair_files import text_row, write_csv, write_json, write_parquet
from helpers.source_files import COMPRESSORS, jsonl, write_arrow, write_stream, zipped, zstd
from orpo_studio.data import compressed
from orpo_studio.data.problem import DataProblem
from orpo_studio.data.reading import read_rows
from orpo_studio.data.rows import Unreadable
from orpo_studio.data.sources import describe_source

ROWS = [text_row(number) for number in range(5)]


def problem_of(path: Path) -> DataProblem:
    with pytest.raises(DataProblem) as caught:
        list(read_rows(path))
    assert caught.value.hint
    return caught.value


def forms(folder: Path) -> dict[str, bytes]:
    """Return the same rows in every form, by the ending of its name."""
    return {
        "jsonl": jsonl(ROWS),
        "json": write_json(folder / "a.json", ROWS).read_bytes(),
        "csv": write_csv(folder / "a.csv", ROWS).read_bytes(),
        "parquet": write_parquet(folder / "a.parquet", ROWS).read_bytes(),
        "arrow": write_stream(folder / "a.arrow", ROWS).read_bytes(),
        "feather": write_arrow(folder / "a.feather", ROWS).read_bytes(),
    }


@pytest.mark.parametrize("kind", COMPRESSORS)
def test_that_every_form_is_read_out_of_every_compression(tmp_path: Path, kind: str) -> None:
    for form, content in forms(tmp_path).items():
        path = tmp_path / f"rows.{form}.{kind}"
        path.write_bytes(COMPRESSORS[kind](content))
        assert list(read_rows(path)) == list(enumerate(ROWS, 1)), path.name


def test_that_every_form_is_read_out_of_an_archive(tmp_path: Path) -> None:
    for form, content in forms(tmp_path).items():
        path = zipped(tmp_path / f"rows.{form}.zip", {f"folder/rows.{form}": content})
        assert list(read_rows(path)) == list(enumerate(ROWS, 1)), path.name
    assert describe_source(path) == "1 Arrow file."


@pytest.mark.parametrize("kind", [*COMPRESSORS, "zip"])
def test_that_compression_is_told_by_content(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "rows.jsonl"
    if kind == "zip":
        zipped(path, {"rows.jsonl": jsonl(ROWS)})
    else:
        path.write_bytes(COMPRESSORS[kind](jsonl(ROWS)))
    assert [row for _, row in read_rows(path)] == ROWS


def test_that_a_name_that_wrongly_says_compressed_is_forgiven(tmp_path: Path) -> None:
    for name, content in (("a.jsonl.gz", jsonl(ROWS)), ("a.csv.zip", forms(tmp_path)["csv"])):
        path = tmp_path / name
        path.write_bytes(content)
        assert [row for _, row in read_rows(path)] == ROWS


def test_that_streams_one_after_the_other_are_read_as_one(tmp_path: Path) -> None:
    for kind, compress in COMPRESSORS.items():
        path = tmp_path / f"a.jsonl.{kind}"
        path.write_bytes(compress(jsonl(ROWS[:2])) + compress(jsonl(ROWS[2:])))
        assert [row for _, row in read_rows(path)] == ROWS, kind


def test_that_a_bad_byte_within_is_a_bad_row_and_its_place_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(jsonl(ROWS[:1]) + b'{"a": "\xff"}\n' + jsonl(ROWS[1:])))
    rows = [row for _, row in read_rows(path)]
    assert isinstance(rows[1], Unreadable)
    assert [rows[0], *rows[2:]] == ROWS
    whole = tmp_path / "a.json.gz"
    whole.write_bytes(gzip.compress(b'["' + b"a" * 2_000_000 + b"\xfc" + b'"]'))
    assert problem_of(whole).code == "not-utf-8"
    assert "2,000,002" in problem_of(whole).detail


@pytest.mark.parametrize("kind", COMPRESSORS)
@pytest.mark.parametrize("damage", ["cut", "flipped", "head"])
def test_that_damaged_files_are_refused(tmp_path: Path, kind: str, damage: str) -> None:
    content = bytearray(COMPRESSORS[kind](jsonl([text_row(number) for number in range(3_000)])))
    path = tmp_path / f"a.jsonl.{kind}"
    if damage == "flipped":
        content[len(content) // 2] ^= 0xFF
    path.write_bytes({"cut": content[: len(content) // 2], "flipped": content, "head": content[:14]}[damage])
    assert problem_of(path).code == "broken-compressed"


def test_that_damaged_and_locked_archives_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.jsonl": jsonl([text_row(number) for number in range(500)])})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert problem_of(path).code == "broken-compressed"
    path.write_bytes(content[:200] + b"\xff\xff" + content[202:])
    assert problem_of(path).code == "broken-compressed"
    locked = bytearray(content)
    with zipfile.ZipFile(zipped(tmp_path / "b.zip", {"a.jsonl": b"{}"})) as archive:
        assert archive.infolist()
    entry = content.index(b"PK\x01\x02")
    locked[entry + 8] |= 1
    locked[6] |= 1
    path.write_bytes(locked)
    assert problem_of(path).code == "password"


@pytest.mark.parametrize("outer", ["gz", "zst", "zip"])
@pytest.mark.parametrize("inner", ["gz", "bz2", "zip", "tar"])
def test_that_archives_within_are_refused(tmp_path: Path, outer: str, inner: str) -> None:
    if inner == "zip":
        content = zipped(tmp_path / "inner.zip", {"a.jsonl": jsonl(ROWS)}).read_bytes()
    elif inner == "tar":
        content = b"a.jsonl".ljust(257, b"\0") + b"ustar\x0000" + bytes(248) + jsonl(ROWS)
    else:
        content = COMPRESSORS[inner](jsonl(ROWS))
    path = tmp_path / f"a.jsonl.{outer}"
    if outer == "zip":
        zipped(path, {"a.jsonl": content})
    else:
        path.write_bytes(COMPRESSORS[outer](content))
    assert problem_of(path).code == ("refused-format" if inner == "tar" else "nested-archive")


@pytest.mark.parametrize(
    ("name", "start"), [("a.7z", b"7z\xbc\xaf\x27\x1c"), ("a.jsonl", b"Rar!\x1a\x07\x00"), ("a.tgz", b"\x1f\x8b\x08")]
)
def test_that_other_archives_are_refused(tmp_path: Path, name: str, start: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(start + bytes(600))
    assert problem_of(path).code == "refused-format"


def blanks(kind: str, mebibytes: int) -> bytes:
    """Return so many blanks as compressed streams one after the other."""
    return COMPRESSORS[kind](b" " * (4 << 20)) * (mebibytes // 4)


@pytest.mark.parametrize("kind", COMPRESSORS)
@pytest.mark.parametrize("form", ["jsonl", "json", "csv"])
def test_that_a_file_made_to_fill_a_disk_is_refused(
    tmp_path: Path, kind: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compressed, "ALWAYS_ALLOWED", 8 << 20)
    monkeypatch.setattr(compressed, "LARGEST_RATIO", 100)
    path = tmp_path / f"a.{form}.{kind}"
    start = {"jsonl": b"{}\n", "json": b"[", "csv": b"prompt,chosen\n"}[form]
    path.write_bytes(COMPRESSORS[kind](start) + blanks(kind, 16))
    assert problem_of(path).code == "expands-too-far"


def test_that_the_bound_is_a_gibibyte_at_a_thousand_times_the_size(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(zstd(b"{}\n") + blanks("zst", 1_100))
    problem = problem_of(path)
    assert problem.code == "expands-too-far"
    assert f"{path.stat().st_size:,} bytes" in problem.detail


def test_that_an_archive_made_to_fill_a_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "a.zip", {f"{number}.jsonl": b" " * (1 << 20) for number in range(8)})
    monkeypatch.setattr(compressed, "ALWAYS_ALLOWED", 4 << 20)
    monkeypatch.setattr(compressed, "LARGEST_RATIO", 100)
    assert problem_of(path).code == "expands-too-far"


def test_that_the_share_read_goes_by_the_bytes_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(jsonl([{"prompt": f"{number**9}" * 9} for number in range(40_000)]), 1))
    shares: list[float] = []
    for _ in read_rows(path, shares.append):
        pass
    assert shares == sorted(shares)
    assert len(shares) > 2
    assert shares[-1] == 1.0
