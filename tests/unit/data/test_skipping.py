"""Rows that are left out by hand: read strictly, honoured in each source, and counted like all that are set aside."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from helpers.tiny_model import make_rows, write_rows
from orpo_studio.config.sections import DataSection
from orpo_studio.data.conversion import convert_plan, prepare_plan
from orpo_studio.data.plan import plan_of
from orpo_studio.data.prepared import PreparedData
from orpo_studio.data.problem import DataProblem, Reason
from orpo_studio.data.skipping import SkippedRows, parse_skipped


def prepare(tmp_path: Path, *skip: str | int, mix: Sequence[str] = ()) -> PreparedData:
    section = DataSection(source=str(tmp_path / "a.jsonl"), mix=tuple(mix), skip_rows=skip, held_out=0.2)
    return convert_plan(plan_of(section, 1024), tmp_path / "out")


@pytest.fixture(autouse=True)
def _sources(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.jsonl", make_rows(20, seed=1))
    write_rows(tmp_path / "b.jsonl", make_rows(20, seed=2))


def skipped(data: PreparedData) -> list[tuple[str, int]]:
    return [(row.file, row.source_row) for row in data.set_aside() if row.reason is Reason.SKIPPED]


def test_that_rows_and_stretches_are_read() -> None:
    assert parse_skipped(["17", " 3 - 5 ", 9, "b.jsonl:4", "odd:name.jsonl:2-8"]) == (
        SkippedRows("", 17, 17),
        SkippedRows("", 3, 5),
        SkippedRows("", 9, 9),
        SkippedRows("b.jsonl", 4, 4),
        SkippedRows("odd:name.jsonl", 2, 8),
    )


@pytest.mark.parametrize("text", ["", "0", "-3", "5-3", "a.jsonl", "a.jsonl:", "1.5", "9" * 40, "x" * 5000])
def test_that_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(DataProblem) as refused:
        parse_skipped([text])
    assert refused.value.code == "skip-rows"
    assert "17" in refused.value.hint


def test_that_named_rows_are_set_aside_with_their_reason(tmp_path: Path) -> None:
    data = prepare(tmp_path, 2, "5-7", 4000)

    assert skipped(data) == [("a.jsonl", 2), ("a.jsonl", 5), ("a.jsonl", 6), ("a.jsonl", 7)]
    assert data.summary.set_aside == {Reason.SKIPPED: 4}
    assert (data.summary.rows_in, data.summary.rows_used) == (20, 16)
    with data.pages() as pages:
        rows = {pages.pair(position).source_row for position in pages.span()}
    assert rows == set(range(1, 21)) - {2, 5, 6, 7}


def test_that_a_further_source_is_named_and_the_first_is_meant_otherwise(tmp_path: Path) -> None:
    data = prepare(tmp_path, "b.jsonl:3", "3", "4", mix=[str(tmp_path / "b.jsonl")])

    assert skipped(data) == [("a.jsonl", 3), ("a.jsonl", 4), ("b.jsonl", 3)]


def test_that_a_source_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataProblem, match=r"no source named c\.jsonl"):
        prepare(tmp_path, "c.jsonl:3")


def test_that_the_cache_tells_plans_apart_by_the_rows_they_skip(tmp_path: Path) -> None:
    counts = []
    for skip in ((), (2,), (2, 3), ()):
        plan = plan_of(DataSection(source=str(tmp_path / "a.jsonl"), skip_rows=skip, held_out=0.2), 1024)
        counts.append(prepare_plan(plan, tmp_path / "cache").summary.kept)
    assert counts == [20, 19, 18, 20]
