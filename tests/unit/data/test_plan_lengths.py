"""Remedies that go by length count with the chosen model's tokenizer, as the doctor's findings do."""

import json
from pathlib import Path

import pytest

from helpers.model_folder import write_model
from orpo_studio.config.sections import DataSection
from orpo_studio.data.conversion import prepare_plan
from orpo_studio.data.doctor.examination import examine
from orpo_studio.data.plan import plan_of
from orpo_studio.models.token_counter import TokenCounter

MAX_LENGTH = 64


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Pairs whose prompts have 10, 20, … letters, each apart from the next."""
    rows = [
        {
            "prompt": " ".join("qzxj"[n % 4] for n in range(10 * size)),
            "chosen": f"Yes {size}.",
            "rejected": f"No {size}.",
        }
        for size in range(1, 21)
    ]
    file = tmp_path / "pairs.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def test_that_a_remedy_sets_aside_as_many_pairs_as_its_finding_names(source: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model")
    plain = DataSection(source=str(source))
    counted = examine(
        prepare_plan(plan_of(plain, MAX_LENGTH, str(model)), tmp_path / "cache"),
        counter=TokenCounter(model),
        max_length=MAX_LENGTH,
    )
    finding = counted.finding("no-room")
    assert finding is not None
    mended = plain.model_copy(update={"remedies": ("drop-no-room",)})

    by_tokens = prepare_plan(plan_of(mended, MAX_LENGTH, str(model)), tmp_path / "cache")
    estimated = prepare_plan(plan_of(mended, MAX_LENGTH), tmp_path / "cache")

    assert by_tokens.summary.kept == 20 - finding.count
    assert by_tokens.summary.kept != estimated.summary.kept
    assert by_tokens.folder != estimated.folder


def test_that_other_remedies_make_the_same_version_at_every_maximum_length(source: Path, tmp_path: Path) -> None:
    mended = DataSection(source=str(source), remedies=("drop-exact-duplicates",))
    folders = {prepare_plan(plan_of(mended, length), tmp_path / "cache").folder for length in (64, 128)}

    assert len(folders) == 1
