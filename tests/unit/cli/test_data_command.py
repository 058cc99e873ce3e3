"""``orpo-studio data``: inspect, convert, split and examine preference data from the terminal."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from helpers.pair_files import text_row, write_jsonl
from helpers.terminal import Say


def pairs_file(folder: Path) -> Path:
    rows = [text_row(number) for number in range(30)]
    return write_jsonl(folder / "pairs.jsonl", [*rows, {"prompt": "a", "chosen": "", "rejected": "b"}])


def test_that_inspect_tells_the_layout_and_shows_pairs(tmp_path: Path, say: Say) -> None:
    said = say("data", "inspect", pairs_file(tmp_path))
    assert said.code == 0
    assert "Layout: prompt and text" in said.out
    assert "Good answer 0." in said.out
    assert "row 31" in said.out


def test_that_convert_writes_the_canonical_file_and_accounts_for_each_row(tmp_path: Path, say: Say) -> None:
    said = say("data", "convert", pairs_file(tmp_path), "--out", tmp_path / "out", "--json")
    result = json.loads(said.out.splitlines()[-1])
    assert (result["rows_in"], result["rows_used"], result["set_aside"]) == (31, 30, {"empty-answer": 1})
    assert pq.read_metadata(tmp_path / "out" / "pairs.parquet").num_rows == 30
    assert "31 rows = 30 used + 1 set aside" in said.err


def test_that_split_writes_two_files_without_a_common_prompt(tmp_path: Path, say: Say) -> None:
    said = say("data", "split", pairs_file(tmp_path), "--out", tmp_path / "out", "--set", "data.held_out=0.2")
    assert said.code == 0
    train, held_out = (
        [json.loads(line) for line in (tmp_path / "out" / f"{split}.jsonl").read_text().splitlines()]
        for split in ("train", "held_out")
    )
    assert (len(train), len(held_out)) == (24, 6)
    prompts = [{row["prompt"][-1]["content"] for row in rows} for rows in (train, held_out)]
    assert not prompts[0] & prompts[1]
    again = say("data", "inspect", tmp_path / "out" / "train.jsonl")
    assert "Good answer" in again.out


def test_that_a_folder_in_use_is_not_written_to(tmp_path: Path, say: Say) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    for action in ("convert", "split"):
        said = say("data", action, pairs_file(tmp_path), "--out", tmp_path / "out", "--json")
        assert said.code == 2
        assert json.loads(said.out.splitlines()[-1])["error"]["code"] == "folder-in-use"
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"


def test_that_columns_by_hand_are_taken(tmp_path: Path, say: Say) -> None:
    file = write_jsonl(tmp_path / "odd.jsonl", [{"q": f"Q {n}", "yes": f"y {n}", "no": f"n {n}"} for n in range(4)])
    refused = say("data", "convert", file, "--out", tmp_path / "a")
    assert refused.code == 1
    columns = "data.columns=prompt=q, chosen=yes, rejected=no"
    assert say("data", "convert", file, "--out", tmp_path / "a", "--set", columns).code == 0


def test_that_the_doctor_reports_and_a_remedy_writes_a_new_version(tmp_path: Path, say: Say) -> None:
    rows = [text_row(number) for number in range(30)]
    file = write_jsonl(tmp_path / "pairs.jsonl", [*rows, rows[3], rows[4]])
    before = file.read_bytes()
    said = say("data", "doctor", file, "--json")
    report = json.loads(said.out.splitlines()[-1])
    remedies = [finding["remedy"]["name"] for finding in report["findings"] if finding["remedy"]]
    assert "drop-exact-duplicates" in remedies
    mended = say("data", "doctor", file, "--apply", "drop-exact-duplicates", "--out", tmp_path / "new")
    assert mended.code == 0
    assert pq.read_metadata(tmp_path / "new" / "pairs.parquet").num_rows == 30
    assert file.read_bytes() == before


def test_that_a_remedy_needs_a_place_to_write_to(tmp_path: Path, say: Say) -> None:
    said = say("data", "doctor", pairs_file(tmp_path), "--apply", "drop-exact-duplicates")
    assert said.code == 2
    assert "--out" in said.err


def test_that_a_further_source_is_found_from_the_folder_of_the_command(
    tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jsonl(tmp_path / "more.jsonl", [text_row(number) for number in range(50, 70)])
    pairs = pairs_file(tmp_path)
    monkeypatch.chdir(tmp_path)
    said = say("data", "convert", pairs, "--out", "out", "--set", "data.mix=more.jsonl@5", "--json")
    assert json.loads(said.out.splitlines()[-1])["pairs"] == 35
