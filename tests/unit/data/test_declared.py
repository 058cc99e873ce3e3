"""What a dataset's README says of its files is heeded: configurations and splits as on the Hub."""

import os
from pathlib import Path

import pytest

from helpers.pair_files import text_row, write_jsonl
from helpers.source_files import jsonl, write_hub_cache
from orpo_studio.data.declared import Declared, declared_files
from orpo_studio.data.problem import DataProblem
from orpo_studio.data.reading import read_rows
from orpo_studio.data.sources import describe_source, splits_of

NAMES = ("data/a-0.jsonl", "data/a-1.jsonl", "data/deep/b.jsonl", "held.jsonl", "train.jsonl")


def readme(folder: Path, configs: str) -> Path:
    path = folder / "README.md"
    path.write_text(f"---\nlicense: mit\n{configs}task: any\n---\n# Pairs\n", encoding="utf-8")
    return path


def declared(folder: Path, configs: str) -> list[tuple[str, str]]:
    return [(file.name, file.split) for file in declared_files(readme(folder, configs), NAMES)]


@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        ("configs:\n- config_name: default\n  data_files: held.jsonl\n", [("held.jsonl", "train")]),
        (
            "configs:\n- data_files: {train: data/a-*, test: [held.jsonl, data/deep/*]}\n",
            [
                ("data/a-0.jsonl", "train"),
                ("data/a-1.jsonl", "train"),
                ("held.jsonl", "test"),
                ("data/deep/b.jsonl", "test"),
            ],
        ),
        ("configs:\n- config_name: x\n  data_files: '**/b.jsonl'\n", [("data/deep/b.jsonl", "train")]),
        ("configs:\n- config_name: x\n  data_files: '*.jsonl'\n", [("held.jsonl", "train"), ("train.jsonl", "train")]),
        ("configs:\n- config_name: x\n  data_dir: data/deep\n", [("data/deep/b.jsonl", "train")]),
        (
            "configs:\n- config_name: x\n  data_dir: data\n  data_files: {train: a-0.jsonl}\n",
            [("data/a-0.jsonl", "train")],
        ),
        (
            "configs:\n- {config_name: one, data_files: held.jsonl}\n- {data_files: train.jsonl, default: true}\n",
            [("held.jsonl", "one/train"), ("train.jsonl", "train")],
        ),
        ("configs:\n- config_name: x\n  data_files: ../outside.jsonl\n", []),
        ("configs:\n- config_name: x\n  data_files: 'hf://datasets/other/*.jsonl'\n", []),
        ("configs: [what\n", []),
        ("configs: 3\n", []),
        ("configs:\n- [1, 2]\n- data_files: {1: 2}\n", []),
        ("configs: &a\n- &b [*a, *b]\n", []),
        ("configs:\n- !!python/object/apply:os.system ['exit 1']\n", []),
        ("", []),
    ],
)
def test_that_configurations_name_files_that_are_there(
    tmp_path: Path, configs: str, expected: list[tuple[str, str]]
) -> None:
    assert declared(tmp_path, configs) == expected


def test_that_a_readme_without_front_matter_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    assert declared_files(path, NAMES) == []
    path.write_text("# Words\n---\nconfigs:\n- data_files: held.jsonl\n---\n")
    assert declared_files(path, NAMES) == []
    path.write_bytes(b"---\nconfigs:\n- data_files: held.jsonl\r\n---\n\xff")
    assert declared_files(path, NAMES) == [Declared("held.jsonl", "train")]


@pytest.mark.skipif(os.name == "nt", reason="Links need a privilege on Windows")
def test_that_a_hub_cache_is_read_as_its_readme_says(tmp_path: Path) -> None:
    rows = [text_row(number) for number in range(6)]
    text = (
        b"---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: good/*\n"
        b"  - split: test\n    path: train.jsonl\n- config_name: raw\n  data_files: all.jsonl\n---\n"
    )
    cache = write_hub_cache(
        tmp_path,
        {
            "README.md": text,
            "good/one.jsonl": jsonl(rows[:2]),
            "good/two.jsonl": jsonl(rows[2:4]),
            "train.jsonl": jsonl(rows[4:5]),
            "all.jsonl": jsonl(rows[5:]),
            "other.jsonl": jsonl(rows),
        },
    )
    assert splits_of(cache) == ("train", "test", "raw/train")
    assert [row for _, row in read_rows(cache)] == rows[:4]
    assert [row for _, row in read_rows(cache, split="test")] == rows[4:5]
    assert [row for _, row in read_rows(cache, split="raw/train")] == rows[5:]
    assert describe_source(cache) == "2 JSONL files, split train of train, test, raw/train; not read: other.jsonl."


def test_that_configurations_without_a_default_must_be_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_jsonl(tmp_path / f"{name}.jsonl", [text_row(number) for number in range(3)])
    configs = "".join(f"- config_name: {name}\n  data_files: {name}.jsonl\n" for name in ("a", "b"))
    readme(tmp_path, f"configs:\n{configs}")
    with pytest.raises(DataProblem) as caught:
        list(read_rows(tmp_path))
    assert caught.value.code == "which-split"
    assert "a/train, b/train" in caught.value.detail
    assert len(list(read_rows(tmp_path, split="b/train"))) == 3
