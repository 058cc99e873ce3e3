"""``orpo-studio data margins`` with a trainer that follows a script."""

from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.fake_trainer import DIES_AT_IMPORT
from helpers.terminal import Said, Say
from orpo_studio import paths
from orpo_studio.cli.arguments import parse
from orpo_studio.data.margins_file import SAMPLE, read_margins

ANSWERS = """
from orpo_studio.data.margins_file import AnswerLogps, Margins, write_margins
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
Ask = Callable[..., Said]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    file = tmp_path / "pairs.csv"
    lines = (f"Question {n}?,Good answer {n}.,Bad {n}." for n in range(60))
    file.write_text("prompt,chosen,rejected\n" + "\n".join(lines))
    return file


@pytest.fixture
def ask(say: Say, trainer: Callable[..., None], pairs: Path, model: Path) -> Ask:
    """Return a function that asks the model about the pairs, with a script as its trainer."""

    def run(script: str, *words: object, bare: bool = False) -> Said:
        trainer(script, bare=bare)
        return say("data", "margins", pairs, "--model", model, *words)

    return run


def test_that_what_the_model_says_is_told_with_how_far_it_can_be_trusted(ask: Ask) -> None:
    said = ask(ANSWERS)
    assert said.code == 0
    assert "60 of 60 pairs were asked about" in said.out
    assert "Of 1 nothing is known" in said.out
    assert "the chosen answer likelier in 75 %" in said.out
    assert "cannot be told from this alone" in said.out
    assert said.out.count("log-odds") == 10
    assert list((paths.cache_folder() / "margins" / "runs").glob("*")) == []


def test_that_a_program_gets_the_figures_and_the_file(ask: Ask) -> None:
    said = ask(ANSWERS, "--json", "--sample", 0)
    assert said.result["agreement"]["value"] == pytest.approx(0.75, abs=0.01)
    assert (said.result["asked"], said.result["unknown"], said.result["flipped"]) == (60, 1, None)
    assert read_margins(Path(said.result["file"])).count(None) == 1
    assert said.result["lowest"][0]["margin"] == min(row["margin"] for row in said.result["lowest"])


def test_that_checked_pairs_make_an_estimate(ask: Ask, tmp_path: Path) -> None:
    numbers = tmp_path / "checked.txt"
    numbers.write_text("\n".join(str(n) for n in range(1, 60)))
    assert "checked by hand" in ask(ANSWERS, "--checked", numbers).out
    numbers.write_text("the first ten")
    said = ask(ANSWERS, "--checked", numbers, "--json")
    assert said.error["code"] == "not-row-numbers"
    assert said.error["hint"]


def test_that_a_stop_and_a_failure_are_told_and_leave_no_folder(ask: Ask) -> None:
    assert ask(STOPS, "--json").error["code"] == "interrupted"
    assert ask(DIES_AT_IMPORT, "--json", bare=True).error["code"] == "training-packages"
    assert list((paths.cache_folder() / "margins" / "runs").glob("*")) == []


def test_that_terminal_and_trainer_ask_about_as_many(ask: Ask) -> None:
    assert parse(["data", "margins", "pairs", "--model", "demo"]).sample == SAMPLE
    assert ask(ANSWERS, "--sample", -1, "--json").code == 2
