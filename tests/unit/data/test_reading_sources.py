"""Sources of several files: folders, patterns, archives, saved and cached datasets, and their splits."""

import json
import os
import shutil
from pathlib import Path

import pytest

from helpers.pair_files import text_row, turn, write_csv, write_json, write_jsonl, write_parquet
from helpers.source_files import jsonl, write_hub_cache, write_saved, write_saved_splits, write_stream, zipped
from orpo_studio.data.digest import content_of, digest_of
from orpo_studio.data.problem import DataProblem
from orpo_studio.data.reading import read_rows
from orpo_studio.data.rows import Unreadable
from orpo_studio.data.sources import describe_source, source_files, splits_of

ROWS = [text_row(number) for number in range(6)]
TEST = [text_row(number) for number in range(100, 102)]

needs_links = pytest.mark.skipif(os.name == "nt", reason="Links need a privilege on Windows")


def rows_of(source: Path | str, split: str = "") -> list[object]:
    return [row for _, row in read_rows(source, split=split)]


def problem_of(source: Path | str, split: str = "") -> DataProblem:
    with pytest.raises(DataProblem) as caught:
        list(read_rows(source, split=split))
    assert caught.value.title
    assert caught.value.hint
    return caught.value


def test_that_shards_of_any_form_are_read_in_natural_order_and_counted_on(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "part-2.jsonl", ROWS[:2])
    write_parquet(tmp_path / "part-9.parquet", ROWS[2:4])
    write_csv(tmp_path / "part-10.csv", ROWS[4:])
    for name in ("README.md", ".hidden.jsonl", "notes.txt", "dataset_infos.json", "a.lock", "LICENSE"):
        (tmp_path / name).write_text('{"prompt": "no row"}\n')
    (tmp_path / ".cache").mkdir()
    write_jsonl(tmp_path / ".cache" / "b.jsonl", ROWS)
    assert list(read_rows(tmp_path)) == list(enumerate(ROWS, 1))
    assert splits_of(tmp_path) == ()
    assert describe_source(tmp_path) == "1 JSONL file and 1 Parquet file and 1 CSV file."
    assert [path.name for path in source_files(tmp_path)] == ["part-2.jsonl", "part-9.parquet", "part-10.csv"]


def test_that_a_pattern_means_the_files_that_match(tmp_path: Path) -> None:
    for number in range(3):
        write_jsonl(tmp_path / f"rows-{number}.jsonl", ROWS[2 * number : 2 * number + 2])
    write_jsonl(tmp_path / "more.jsonl", TEST)
    assert rows_of(tmp_path / "rows-*.jsonl") == ROWS
    assert rows_of(str(tmp_path / "rows-[01].jsonl")) == ROWS[:4]
    assert rows_of(tmp_path / "**" / "m*.jsonl") == TEST
    assert problem_of(tmp_path / "none-*.jsonl").code == "no-such-file"
    odd = write_jsonl(tmp_path / "rows-[01].jsonl", TEST)
    assert rows_of(odd) == TEST


def test_that_a_broken_row_of_a_shard_names_the_shard(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", ROWS)
    (tmp_path / "b.jsonl").write_bytes(b"\noops\n" + jsonl(TEST))
    rows = list(read_rows(tmp_path))
    assert [number for number, _ in rows] == list(range(1, 10))
    broken = rows[6][1]
    assert isinstance(broken, Unreadable)
    assert broken.words.startswith("b.jsonl, row 2: ")


@pytest.mark.parametrize(
    ("names", "splits", "meant"),
    [
        (["train.jsonl", "test.jsonl"], ("test", "train"), "train"),
        (["data/train-00000-of-00001.jsonl", "data/test-00000-of-00001.jsonl"], ("test", "train"), "train"),
        (["train_prefs.jsonl", "train_sft.jsonl", "test_prefs.jsonl"], None, "train_prefs"),
        (["data/train_gen-00000-of-00001.jsonl", "data/test_gen-00000-of-00001.jsonl"], None, "train_gen"),
        (["train/0000.jsonl", "validation/0000.jsonl"], ("train", "validation"), "train"),
        (["a-b/train.jsonl", "c-d/train.jsonl", "c-d/test.jsonl"], ("train", "test"), "train"),
        (["dpo_train_1.jsonl", "dpo_train_2.jsonl", "dpo_dev_1.jsonl"], ("validation", "train"), "train"),
        (["name-train-00000-of-00001.jsonl", "name-test-00000-of-00001.jsonl"], ("test", "train"), "train"),
        (["helpful-00000-of-00001.jsonl", "harmless-00000-of-00001.jsonl"], ("harmless", "helpful"), None),
        (["pairs.jsonl", "test.jsonl"], ("other", "test"), "other"),
        (["train_a.jsonl", "train_b.jsonl"], ("train_a", "train_b"), None),
        (["test.jsonl"], ("test",), "test"),
        (["a.jsonl", "b.jsonl"], (), ""),
        (["data-00000-of-00002.jsonl", "data-00001-of-00002.jsonl"], (), ""),
    ],
)
def test_that_splits_are_told_by_names(
    tmp_path: Path, names: list[str], splits: tuple[str, ...] | None, meant: str | None
) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_jsonl(tmp_path / name, [{"prompt": name}])
    assert splits is None or splits_of(tmp_path) == splits
    if meant is None:
        problem = problem_of(tmp_path)
        assert problem.code == "which-split"
        assert "data.split" in problem.hint
        assert all(split in problem.detail for split in splits_of(tmp_path))
    else:
        assert rows_of(tmp_path) == rows_of(tmp_path, meant)
    together = [row for split in splits_of(tmp_path) or ("",) for row in rows_of(tmp_path, split)]
    assert sorted(map(str, together)) == sorted(str({"prompt": name}) for name in names)


def test_that_a_split_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "train.jsonl", ROWS)
    write_jsonl(tmp_path / "test.jsonl", TEST)
    problem = problem_of(tmp_path, "trian")
    assert problem.code == "unknown-split"
    assert "test, train" in problem.detail
    assert "Did you mean train?" in problem.hint
    assert problem_of(tmp_path / "train.jsonl", "train").code == "unknown-split"


def test_that_an_object_of_splits_has_splits(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", {"version": "1", "test": TEST, "train": ROWS, "validation": []})
    assert splits_of(path) == ("test", "train", "validation")
    assert rows_of(path) == ROWS
    assert list(read_rows(path, split="test")) == list(enumerate(TEST, 1))
    assert rows_of(path, "validation") == []
    assert problem_of(path, "tests").code == "unknown-split"
    assert describe_source(path) == "1 JSON file, split train of test, train, validation."
    unsure = write_json(tmp_path / "b.json", {"helpful": ROWS, "harmless": TEST})
    assert problem_of(unsure).code == "which-split"
    assert rows_of(write_json(tmp_path / "c.json", {"data": ROWS})) == ROWS
    junk_first = write_json(tmp_path / "d.json", {"train": ["junk", *ROWS], "test": TEST})
    assert isinstance(rows_of(junk_first)[0], Unreadable)
    assert rows_of(junk_first)[1:] == ROWS


def test_that_an_object_of_splits_is_read_among_other_files_as_well(tmp_path: Path) -> None:
    write_json(tmp_path / "train.json", {"train": ROWS, "test": TEST})
    assert rows_of(tmp_path) == ROWS
    write_jsonl(tmp_path / "train.jsonl", TEST)
    assert rows_of(tmp_path) == ROWS + TEST


def test_that_a_row_with_a_list_of_objects_is_a_row_and_no_object_of_splits(tmp_path: Path) -> None:
    row = {"notes": [{"by": "a"}], "prompt": "p", "answers": [{"answer": "a", "rank": 1}, {"answer": "b", "rank": 2}]}
    messages = {"chosen": [turn("user", "a")], "rejected": [turn("user", "a")]}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(row, indent=2) + "\n" + json.dumps(messages, indent=2) + "\n")
    assert splits_of(path) == ()
    assert rows_of(path) == [row, messages]


def test_that_saved_datasets_are_read_in_their_own_order(tmp_path: Path) -> None:
    folder = write_saved(tmp_path / "saved", [ROWS[:4], ROWS[4:]])
    write_stream(folder / "cache-0123.arrow", TEST)
    assert list(read_rows(folder)) == list(enumerate(ROWS, 1))
    assert describe_source(folder) == "2 Arrow files."
    splits = write_saved_splits(tmp_path / "splits", {"train": ROWS, "test": TEST})
    assert splits_of(splits) == ("train", "test")
    assert rows_of(splits) == ROWS
    assert rows_of(splits, "test") == TEST


def test_that_incomplete_saved_datasets_are_refused(tmp_path: Path) -> None:
    folder = write_saved(tmp_path / "saved", [ROWS[:4], ROWS[4:]])
    (folder / "data-00001-of-00002.arrow").unlink()
    assert problem_of(folder).code == "broken-dataset"
    for state in ("{", "[]", '{"_data_files": [{"filename": "../../secret.arrow"}]}', '{"_data_files": 5}', "\udc00"):
        (folder / "state.json").write_text(state, errors="surrogatepass")
        assert problem_of(folder).code == "broken-dataset"
    splits = write_saved_splits(tmp_path / "splits", {"train": ROWS, "test": TEST})
    shutil.rmtree(splits / "test")
    assert problem_of(splits).code == "broken-dataset"
    (splits / "dataset_dict.json").write_text('{"splits": ["..", "/etc"]}')
    assert problem_of(splits).code == "broken-dataset"


@needs_links
def test_that_a_cached_hub_dataset_is_read_by_its_main_branch(tmp_path: Path) -> None:
    parquet = [write_parquet(tmp_path / f"{place}.parquet", ROWS[3 * place :][:3]).read_bytes() for place in range(2)]
    cache = write_hub_cache(
        tmp_path / "hub",
        {
            "README.md": b"# Words",
            "data/train_prefs-00000-of-00002.parquet": parquet[0],
            "data/train_prefs-00001-of-00002.parquet": parquet[1],
            "data/test_prefs-00000-of-00001.jsonl": jsonl(TEST),
        },
    )
    older = cache / "snapshots" / "000000"
    older.mkdir()
    write_jsonl(older / "train.jsonl", TEST)
    for source in (cache, cache / "snapshots" / "a1b2c3"):
        assert splits_of(source) == ("test_prefs", "train_prefs")
        assert rows_of(source) == ROWS
        assert rows_of(source, "test_prefs") == TEST
        assert describe_source(source) == "2 Parquet files, split train_prefs of test_prefs, train_prefs."
    (cache / "refs" / "main").write_text("../../../elsewhere")
    assert problem_of(cache).code == "which-snapshot"
    assert problem_of(cache.parent).code == "several-datasets"


@needs_links
def test_that_a_half_downloaded_dataset_is_refused(tmp_path: Path) -> None:
    cache = write_hub_cache(tmp_path, {f"train-0000{place}-of-00003.jsonl": jsonl(ROWS) for place in range(3)})
    (cache / "blobs" / f"{1:040x}").unlink()
    assert problem_of(cache).code == "missing-shards"
    (cache / "snapshots" / "a1b2c3" / "train-00001-of-00003.jsonl").unlink()
    problem = problem_of(cache)
    assert problem.code == "missing-shards"
    assert problem.title.startswith("1 of the 3 shards of train is missing")
    assert rows_of(cache / "snapshots" / "a1b2c3" / "train-*") == ROWS * 2


@needs_links
def test_that_links_to_devices_and_folders_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    write_jsonl(folder / "a.jsonl", ROWS)
    os.mkfifo(tmp_path / "pipe")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    assert rows_of(folder) == ROWS
    (folder / "b.jsonl").symlink_to(tmp_path / "pipe")
    assert problem_of(folder).code == "missing-shards"
    (folder / "b.jsonl").unlink()
    (folder / "b.jsonl").symlink_to("/dev/zero")
    assert problem_of(folder).code == "missing-shards"


def test_that_folders_without_data_and_scripts_are_refused(tmp_path: Path) -> None:
    assert problem_of(tmp_path).code == "no-data-files"
    (tmp_path / "README.md").write_text("words")
    (tmp_path / "loader.py").write_text("raise SystemExit('executed')")
    problem = problem_of(tmp_path)
    assert problem.code == "refused-format"
    assert "never run" in problem.detail
    write_jsonl(tmp_path / "a.jsonl", ROWS)
    (tmp_path / "weights.pt").write_bytes(b"\x80\x04.")
    assert rows_of(tmp_path) == ROWS
    assert describe_source(tmp_path) == "1 JSONL file; not read: loader.py, weights.pt."


def test_that_the_members_of_an_archive_are_files_of_a_source(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "a.zip",
        {
            "../../escaped/train.jsonl": jsonl(ROWS),
            "x\\test.csv": write_csv(tmp_path / "t.csv", TEST).read_bytes(),
            "__MACOSX/._train.jsonl": b"junk",
            "README.md": b"words",
        },
    )
    assert splits_of(path) == ("train", "test")
    assert rows_of(path) == ROWS
    assert rows_of(path, "test") == TEST
    assert source_files(path) == [path]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.zip", "t.csv"]
    assert problem_of(zipped(tmp_path / "b.zip", {"loader.py": b"1", "a.pkl": b"2"})).code == "refused-format"
    assert problem_of(zipped(tmp_path / "c.zip", {})).code == "no-data-files"


def test_that_the_share_read_grows_to_one_over_all_shards(tmp_path: Path) -> None:
    for number in range(3):
        write_jsonl(tmp_path / f"{number}.jsonl", [text_row(row) for row in range(20_000)])
    write_parquet(tmp_path / "3.parquet", [text_row(row) for row in range(20_000)])
    shares: list[float] = []
    assert sum(1 for _ in read_rows(tmp_path, shares.append)) == 80_000
    assert shares == sorted(shares)
    assert len(shares) > 6
    assert shares[-1] == 1.0


def test_that_a_digest_goes_by_content_and_order_and_not_by_place(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    write_jsonl(folder / "train-1.jsonl", ROWS)
    write_jsonl(folder / "train-2.jsonl", TEST)
    write_jsonl(folder / "test.jsonl", TEST)
    digest = digest_of(folder)
    assert digest == digest_of(folder, split="train") != digest_of(folder, split="test")
    assert content_of(folder).bytes == sum(path.stat().st_size for path in folder.glob("train*"))
    shutil.copytree(folder, tmp_path / "b")
    assert digest_of(tmp_path / "b") == digest
    write_jsonl(tmp_path / "b" / "test.jsonl", ROWS)
    assert digest_of(tmp_path / "b") == digest
    (tmp_path / "b" / "train-1.jsonl").rename(tmp_path / "b" / "train-3.jsonl")
    assert digest_of(tmp_path / "b") != digest
    assert digest_of(folder / "test.jsonl") == digest_of(write_jsonl(tmp_path / "moved", TEST))
