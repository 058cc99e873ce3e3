"""``orpo-studio data margins`` with a trainer that follows a script."""

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.fake_trainer import DIES_AT_IMPORT, put_in_front
from orpo_studio import paths
from orpo_studio.cli import data_margins
from orpo_studio.cli.output import Output
from orpo_studio.cli.words import CommandError
from orpo_studio.data.margins_file import SAMPLE

ANSWERS = """
import json
from orpo_studio.data.margins_file import AnswerLogps, Margins, write_margins
request = json.loads((folder.path / "evaluation" / "request.json").read_text())
rows = {row: AnswerLogps(-1.0, -1.1 if row % 4 else -0.2 - row / 100) for row in range(60)}
rows[5] = None
path = folder.path.parent.parent / "answer.parquet"
write_margins(path, Margins(60, "tiny", rows))
log.append(MarginsFinished(file=str(path), asked=60, unknown=1, total=60))
end()
"""
STOPS = """
end("stopped")
"""
Ask = Callable[..., int]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    file = tmp_path / "pairs.csv"
    lines = (f"Question {n}?,Good answer {n}.,Bad {n}." for n in range(60))
    file.write_text("prompt,chosen,rejected\n" + "\n".join(lines))
    return file


@pytest.fixture
def ask(pairs: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Return a function that asks the model about the pairs, with a script as its trainer."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "120")

    def run(script: str, *words: object, bare: bool = False) -> int:
        put_in_front(monkeypatch, tmp_path / "fake", script, bare=bare)
        parser = argparse.ArgumentParser()
        data_margins.add_arguments(parser)
        arguments = parser.parse_args([str(pairs), "--model", str(model), *map(str, words)])
        return data_margins.run(arguments, Output(as_json=False))

    return run


def test_that_what_the_model_says_is_told_with_how_far_it_can_be_trusted(
    ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(ANSWERS) == 0
    said = capsys.readouterr().out
    assert "Asked about 60 of 60 pairs" in said
    assert "Of 1 nothing is known" in said
    assert "the chosen answer likelier in 75 %" in said
    assert "cannot be told from this alone" in said
    assert said.count("log-odds") == 10
    assert list((paths.cache_folder() / "margins" / "runs").glob("*")) == []


def test_that_checked_pairs_make_an_estimate(ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = tmp_path / "checked.txt"
    numbers.write_text("\n".join(str(n) for n in range(1, 60)))
    assert ask(ANSWERS, "--checked", numbers) == 0
    assert "checked by hand" in capsys.readouterr().out
    numbers.write_text("the first ten")
    with pytest.raises(CommandError) as raised:
        ask(ANSWERS, "--checked", numbers)
    assert raised.value.words.code == "not-row-numbers"
    assert raised.value.words.hint


def test_that_a_stop_and_a_failure_are_told_and_leave_no_folder(ask: Ask) -> None:
    with pytest.raises(CommandError) as raised:
        ask(STOPS)
    assert raised.value.words.code == "interrupted"
    with pytest.raises(CommandError) as raised:
        ask(DIES_AT_IMPORT, bare=True)
    assert raised.value.words.code == "training-packages"
    assert list((paths.cache_folder() / "margins" / "runs").glob("*")) == []


def test_that_terminal_and_trainer_ask_about_as_many() -> None:
    parser = argparse.ArgumentParser()
    data_margins.add_arguments(parser)
    assert parser.parse_args(["pairs", "--model", "demo"]).sample == SAMPLE
    with pytest.raises(SystemExit):
        parser.parse_args(["pairs", "--model", "demo", "--sample", "-1"])
