"""``orpo-studio probe`` with a trainer that follows a script."""

from collections.abc import Callable
from pathlib import Path

from helpers.fake_trainer import DIES_AT_IMPORT
from helpers.terminal import Say
from orpo_studio import paths
from orpo_studio.runs import list_runs

Trainer = Callable[..., None]
FOUND = """
log.append(ProbeFinished(device="cuda:0", way="padded", pairs_at_once=1, peak_bytes=5 * 2**30, library_bytes=2**29,
                         seconds=[2.4, 2.2], tokens=[4000, 4000], pairs=8, longest=300, training_pairs=18,
                         pair_tokens=100.0))
end()
"""


def probes() -> list[Path]:
    return list((paths.cache_folder() / "probe" / "runs").glob("*"))


def test_that_the_figures_are_told_in_words(say: Say, trainer: Trainer, model: Path, data: Path) -> None:
    trainer(FOUND)
    said = say("probe", "--model", model, "--data", data)
    assert said.code == 0
    assert "Peak memory: 5.00 GiB of the card" in said.out
    assert "A step: 2.3 s with the longest pairs, up to 300 tokens (1,739 tokens/s)" in said.out
    assert "Memory was short: 1 instead of 2 pairs at once" in said.out
    assert "for 3 steps, rather less than more" in said.out
    assert probes() == []


def test_that_a_program_gets_them_as_one_object(
    say: Say, trainer: Trainer, model: Path, data: Path, workspace: Path
) -> None:
    trainer(FOUND)
    said = say("probe", "--model", model, "--data", data, "--json")
    assert said.result["peak_bytes"] == 5 * 2**30
    assert said.result["steps"] == 3
    assert said.result["total_seconds"] == 3 * 8 * 100 * 4.6 / 8000
    assert list_runs(workspace) == []


def test_that_a_failure_is_told_and_leaves_its_log_alone(say: Say, trainer: Trainer, model: Path, data: Path) -> None:
    trainer(DIES_AT_IMPORT, bare=True)
    said = say("probe", "--model", model, "--data", data, "--json")
    assert said.code == 1
    assert said.error["code"] == "training-packages"
    kept = paths.cache_folder() / "probe" / "console.log"
    assert str(kept) in said.error["hint"]
    assert kept.is_file()
    assert probes() == []


def test_that_settings_that_cannot_be_used_start_nothing(say: Say, model: Path, data: Path) -> None:
    said = say("probe", "--model", model, "--data", data, "--set", "recipe.micro_batch=0", "--json")
    assert said.code == 2
    assert said.error["code"] == "bad-settings"
    assert probes() == []
