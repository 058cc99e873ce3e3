"""What a run takes of the disk, by headers and settings, and what is said of it."""

from pathlib import Path

import pytest

from helpers.model_folder import write_model
from orpo_studio.config import RunSpec
from orpo_studio.config.plan import Plan
from orpo_studio.fit.disk import DiskNeed, RunRoom, merged_bytes, room_for_run
from orpo_studio.models.card import inspect_model

GB = 10**9


def spec_of(**sections: object) -> RunSpec:
    return RunSpec.model_validate(sections)


def plan_of(steps: int, every: int) -> Plan:
    return Plan(steps, 0, 1.0, 1, every, every)


def need_of(model: Path, plan: Plan | None = None, **sections: object) -> DiskNeed:
    room = room_for_run(spec_of(**sections), inspect_model(model), plan, pairs=None, free=0, cache_free=None)
    assert room is not None
    return room.need


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "tiny")


def test_that_full_fine_tuning_saves_every_weight_and_its_states(model: Path) -> None:
    parameters = inspect_model(model).parameters
    adamw = need_of(model, recipe={"adapter": "full"})
    rmsprop = need_of(model, recipe={"adapter": "full", "optimizer": "rmsprop"})

    assert adamw.checkpoint - rmsprop.checkpoint == 4 * parameters
    assert adamw.checkpoint - adamw.result >= 8 * parameters
    assert adamw.result >= 4 * parameters


def test_that_an_adapter_grows_with_its_rank(model: Path) -> None:
    small, large = (need_of(model, recipe={"lora_rank": rank}) for rank in (8, 16))
    beside = small.result - (large.result - small.result)

    assert large.checkpoint - small.checkpoint == pytest.approx(3 * (large.result - small.result))
    assert beside < 10**6  # the tokenizer and a card


def test_that_the_checkpoint_under_way_counts_beside_those_kept(model: Path) -> None:
    for steps, kept, at_once in ((100, 2, 3), (100, 5, 6), (20, 5, 2), (10, 2, 1)):
        need = need_of(model, plan_of(steps, 10), train={"keep_checkpoints": kept})
        assert need.checkpoints == at_once * need.checkpoint
    assert need_of(model).checkpoints == 3 * need_of(model).checkpoint


def test_that_pairs_count_twice_while_they_are_converted(tmp_path: Path, model: Path) -> None:
    (tmp_path / "pairs.arrow").write_bytes(bytes(50_000_000))

    room = room_for_run(spec_of(), inspect_model(model), None, pairs=tmp_path, free=GB, cache_free=None)

    assert room is not None
    assert room.need.data == 50_000_000
    assert 100_000_000 < room.need.run < 110_000_000


@pytest.mark.parametrize(("precision", "width"), [("auto", 2), ("fp32", 4), ("bf16", 2), ("fp16", 2)])
def test_that_a_merge_takes_every_parameter_in_its_format(model: Path, precision: str, width: int) -> None:
    card = inspect_model(model)
    assert card.dtype == "bfloat16"

    needed = merged_bytes(spec_of(ship={"merge_precision": precision}), card)

    assert 0 <= needed - width * card.parameters < 10**6


def test_that_it_is_an_error_only_where_nothing_could_be_saved() -> None:
    need = DiskNeed(checkpoint=2 * GB, checkpoints=6 * GB, result=GB, data=GB, tokens=GB)
    least, whole = need.least + GB, need.run + GB

    found = [RunRoom(need, free).severity for free in (least - 1, least, whole - 1, whole)]

    assert found == ["error", "warning", "warning", None]
    assert "at least 5.0 GB (9.0 GB with all its checkpoints), and 4.0 GB are free" in RunRoom(need, 4 * GB).problem()
    assert "each of 2.0 GB" in RunRoom(need, 7 * GB).problem()
    assert RunRoom(need, 70 * GB).problem() == ""
    assert RunRoom(need, 70 * GB).in_words() == "about 9.0 GB needed, 70.0 GB free"


def test_that_ids_count_where_the_cache_lies_or_in_the_run_where_it_has_no_room() -> None:
    need = DiskNeed(checkpoint=GB, checkpoints=GB, result=GB, data=GB, tokens=GB)

    assert RunRoom(need, 9 * GB, cache_free=9 * GB).takes == need.run
    assert RunRoom(need, 9 * GB, cache_free=0).takes == need.run + GB
    assert RunRoom(need, 9 * GB).takes == need.run + GB
