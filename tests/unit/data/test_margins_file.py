"""The file of a base model's margins: what is written is read, and what is not one is told."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orpo_studio.data.margins_file import (
    AnswerLogps,
    Margins,
    read_margins,
    read_margins_file,
    rows_to_ask,
    write_margins,
)
from orpo_studio.data.problem import DataProblem

LOGPS = st.floats(-50, 0)
ROWS = st.dictionaries(st.integers(0, 99), st.none() | st.builds(AnswerLogps, LOGPS, LOGPS))


@settings(deadline=None, max_examples=50)
@given(rows=ROWS)
def test_that_what_is_written_is_read_in_the_order_of_the_pairs(
    rows: dict[int, AnswerLogps | None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("margins") / "some" / "margins.parquet"
    write_margins(file, Margins(100, "tiny-λ", rows))
    assert read_margins_file(file) == Margins(100, "tiny-λ", rows)
    margins = read_margins(file)
    assert len(margins) == 100
    for row, margin in enumerate(margins):
        logps = rows.get(row)
        assert (margin is None) == (logps is None)
        if margin is not None and logps is not None:
            assert (margin > 0) == (logps.margin > 0)
    assert list(file.parent.iterdir()) == [file]


@settings(deadline=None, max_examples=50)
@given(LOGPS, LOGPS)
def test_that_swapping_the_answers_negates_the_margin(chosen: float, rejected: float) -> None:
    assert AnswerLogps(chosen, rejected).margin == -AnswerLogps(rejected, chosen).margin


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_that_a_larger_sample_holds_the_smaller_one(total: int, one: int, other: int) -> None:
    few, many = sorted((one, other))
    rows = rows_to_ask(total, many)
    assert list(rows[: min(few, total)]) == list(rows_to_ask(total, few))
    assert len(set(rows)) == len(rows) == min(many, total)
    assert sorted(rows_to_ask(total, None)) == list(range(total))


def test_that_a_file_that_is_none_of_ours_is_told(tmp_path: Path) -> None:
    file = tmp_path / "margins.parquet"
    tables = [
        pa.table({"row": [0]}),
        pa.table({"row": ["a"], "chosen_logp": [1.0], "rejected_logp": [1.0]}).replace_schema_metadata(
            {"orpo_studio_margins": '{"total": 3, "model": "m"}'}
        ),
        pa.table({"row": [7], "chosen_logp": [1.0], "rejected_logp": [1.0]}).replace_schema_metadata(
            {"orpo_studio_margins": '{"total": 3, "model": "m"}'}
        ),
    ]
    for table in tables:
        pq.write_table(table, file)
        with pytest.raises(DataProblem) as raised:
            read_margins(file)
        assert raised.value.hint
    file.write_bytes(b"PAR1")
    with pytest.raises(DataProblem):
        read_margins(file)
    with pytest.raises(DataProblem):
        read_margins(tmp_path / "nowhere.parquet")


def test_that_what_nothing_used_for_a_month_goes(tmp_path: Path) -> None:
    old, fresh, new = (tmp_path / f"{name}.parquet" for name in ("old", "fresh", "new"))
    for file in (old, fresh):
        write_margins(file, Margins(1, "m", {}))
    os.utime(old, (1, 1))
    write_margins(new, Margins(1, "m", {}))
    assert sorted(tmp_path.iterdir()) == [fresh, new]
