"""The job "margins", by the real trainer on a tiny model: its figures, what is kept of it, and what it says."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.tiny_model import make_rows, write_rows
from helpers.training import error, of_kind, reference_orpo, run
from orpo_studio import paths
from orpo_studio.config import RunSpec
from orpo_studio.data.conversion import prepare
from orpo_studio.data.margins_file import read_margins, read_margins_file, rows_to_ask
from orpo_studio.data.prepared import PreparedData
from orpo_studio.events import Event, JobEnded, MarginsFinished, Stage
from orpo_studio.runs import Job, RunFolder, ask
from orpo_studio.runs.margins import make_margins_folder
from orpo_studio.trainer import margins as job
from orpo_studio.trainer import measure
from orpo_studio.trainer.tokens import tokenize_pairs


@pytest.fixture(autouse=True)
def _own_cache(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "cache_folder", lambda: own_cache / "orpo-studio")


def prepared(folder: Path, rows: list[dict[str, str]]) -> PreparedData:
    source = write_rows(folder / "pairs.jsonl", rows)
    return prepare(source, held_out=0.25, seed=1, cache=paths.cache_folder() / "data")


@pytest.fixture
def data(tmp_path: Path) -> PreparedData:
    return prepared(tmp_path, make_rows(24))


def make(model: Path, data: PreparedData, **recipe: Any) -> RunFolder:
    values = {"micro_batch": 2, "accumulation": 2, "max_length": 128, **recipe}
    spec = {"model": {"path": str(model)}, "data": {"source": data.summary.source}, "recipe": values}
    return make_margins_folder(RunSpec.model_validate(spec))


def ask_about(model: Path, data: PreparedData, sample: int = 0, **recipe: Any) -> list[Event]:
    return run(make(model, data, **recipe), Job.MARGINS, pairs=str(data.folder), sample=sample)


def result(events: list[Event]) -> MarginsFinished:
    (found,) = of_kind(events, MarginsFinished)
    assert isinstance(found, MarginsFinished)
    return found


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that takes the source rows of all pairs that are measured."""
    seen: list[int] = []
    original: Callable[..., Any] = job.measure_pairs

    def measure_pairs(loaded: Any, pairs: Any, **options: Any) -> Any:
        found = original(loaded, pairs, **options)
        seen.extend(pair.source_row for pair in pairs)
        return found

    monkeypatch.setattr(job, "measure_pairs", measure_pairs)
    return seen


def test_that_each_margin_is_the_log_odds_difference_of_the_loss(tiny_model: Path, data: PreparedData) -> None:
    import torch

    folder = make(tiny_model, data)
    events = run(folder, Job.MARGINS, pairs=str(data.folder), sample=0)

    assert [event.outcome for event in of_kind(events, JobEnded)] == ["completed"]
    found = result(events)
    assert (found.asked, found.unknown, found.total) == (24, 0, 24)
    margins = read_margins(Path(found.file))
    loaded = job.load_frozen(folder.read_spec(), job.read_card(folder.read_spec()))
    with data.pages() as pages:
        texts = pages.page(0, 24)
    for margin, pair in zip(
        margins, tokenize_pairs(texts, loaded.tokenizer, loaded.template, max_length=128).pairs, strict=True
    ):
        with torch.no_grad():
            chosen, rejected = (loaded.model(torch.tensor([ids])).logits[0] for ids in (pair.chosen, pair.rejected))
        row = (chosen, pair.chosen, pair.chosen_prompt, rejected, pair.rejected, pair.rejected_prompt)
        assert margin == pytest.approx(reference_orpo([row], 0.1)["log_odds"], abs=1e-4)


def test_that_a_sample_is_random_and_the_same_and_a_larger_one_measures_only_the_rest(
    tiny_model: Path, data: PreparedData, asked: list[int]
) -> None:
    first = result(ask_about(tiny_model, data, sample=10))
    margins = read_margins(Path(first.file))
    assert {row for row, margin in enumerate(margins) if margin is not None} == set(rows_to_ask(24, 10))
    assert (first.asked, len(asked)) == (10, 10)

    more = result(ask_about(tiny_model, data, sample=0))
    assert (more.file, more.asked) == (first.file, 24)
    assert sorted(asked) == list(range(1, 25))

    again = ask_about(tiny_model, data, sample=10)
    assert result(again).asked == 10
    assert len(asked) == 24
    assert "ask_model" not in [event.name for event in of_kind(again, Stage)]


def test_that_other_pairs_another_model_or_another_length_have_a_file_of_their_own(
    tmp_path: Path, tiny_model: Path, data: PreparedData
) -> None:
    from helpers.tiny_model import write_tiny_model

    other = write_tiny_model(tmp_path / "other", seed=1)
    (tmp_path / "more").mkdir()
    more = prepared(tmp_path / "more", make_rows(24, seed=5))
    events = [
        ask_about(tiny_model, data, sample=2),
        ask_about(other, data, sample=2),
        ask_about(tiny_model, more, sample=2),
        ask_about(tiny_model, data, sample=2, max_length=64),
    ]
    assert len({result(said).file for said in events}) == 4


def test_that_a_stop_keeps_what_is_measured_and_the_next_job_goes_on(
    tiny_model: Path, data: PreparedData, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "_PIECE", 4)
    folder = make(tiny_model, data)
    following = job.measure_pairs

    def measure_pairs(loaded: Any, pairs: Any, **options: Any) -> Any:
        if len(asked) == 8:
            ask(folder, "stop")
        return following(loaded, pairs, **options)

    monkeypatch.setattr(job, "measure_pairs", measure_pairs)
    events = run(folder, Job.MARGINS, pairs=str(data.folder), sample=0)
    assert [event.outcome for event in of_kind(events, JobEnded)] == ["stopped"]
    assert not of_kind(events, MarginsFinished)
    (file,) = (paths.cache_folder() / "margins").glob("*.parquet")
    assert set(read_margins_file(file).rows) == set(rows_to_ask(24, 8))

    assert result(ask_about(tiny_model, data)).asked == 24
    assert sorted(asked) == list(range(1, 25))


def test_that_pairs_without_room_are_counted_and_have_no_margin(tmp_path: Path, tiny_model: Path) -> None:
    rows = make_rows(12)
    for row in rows[:3]:
        row["prompt"] += " where is the house" * 100
    data = prepared(tmp_path, rows)
    found = result(ask_about(tiny_model, data, max_length=64))
    assert (found.asked, found.unknown) == (12, 3)
    assert read_margins(Path(found.file)).count(None) == 3

    for row in rows:
        row["prompt"] += " where is the house" * 100
    (tmp_path / "none").mkdir()
    events = ask_about(tiny_model, prepared(tmp_path / "none", rows), max_length=64)
    assert error(events).code == "no-margins"
    assert error(events).hint


def test_that_short_memory_is_answered_by_fewer_pairs_at_once_and_told_where_one_is_too_many(
    tiny_model: Path, data: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Callable[..., Any] = measure._measure_batch

    def measure_batch(loaded: Any, parts: Any, pairs: Any) -> Any:
        if len(pairs) > 1:
            raise MemoryError
        return original(loaded, parts, pairs)

    monkeypatch.setattr(measure, "_measure_batch", measure_batch)
    assert result(ask_about(tiny_model, data, sample=6)).asked == 6

    def none_fits(*_arguments: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(measure, "_measure_batch", none_fits)
    told = error(ask_about(tiny_model, data, sample=12))
    assert told.code == "out-of-memory"
    assert "maximum length" in told.hint


def test_that_a_damaged_file_is_made_again(tiny_model: Path, data: PreparedData) -> None:
    file = Path(result(ask_about(tiny_model, data, sample=4)).file)
    file.write_bytes(b"PAR1 no more")
    assert result(ask_about(tiny_model, data, sample=4)).asked == 4
    assert len(read_margins(file)) == 24


def test_that_pairs_that_are_gone_are_told_in_words(tmp_path: Path, tiny_model: Path, data: PreparedData) -> None:
    folder = make(tiny_model, data)
    events = run(folder, Job.MARGINS, pairs=str(tmp_path / "nowhere"), sample=0)
    assert error(events).code == "not-prepared"


def test_that_what_a_killed_window_left_is_removed_before_the_next_job(tiny_model: Path, data: PreparedData) -> None:
    left, fresh = make(tiny_model, data), make(tiny_model, data)
    os.utime(left.path, (1, 1))
    again = make(tiny_model, data)
    assert sorted((paths.cache_folder() / "margins" / "runs").glob("*")) == sorted([fresh.path, again.path])
