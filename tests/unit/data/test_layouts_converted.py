"""Files in each layout, through the whole conversion: each row in a pair, or set aside with its reason."""

from pathlib import Path

import pytest

from helpers.layout_rows import WRITERS
from helpers.pair_files import write_jsonl
from orpo_studio.data.conversion import convert_plan
from orpo_studio.data.mapping import Mapping
from orpo_studio.data.pair import Pair
from orpo_studio.data.plan import DataPlan
from orpo_studio.data.prepared import PreparedData
from orpo_studio.data.problem import Reason


def pair(number: int) -> Pair:
    return Pair(
        [{"role": "user", "content": f"Question {number}?"}],
        [{"role": "assistant", "content": f"Good answer {number}."}],
        [{"role": "assistant", "content": f"Bad answer {number}."}],
        number,
    )


def converted(tmp_path: Path, rows: list[dict[str, object]], mapping: Mapping = Mapping()) -> PreparedData:  # noqa: B008
    plan = DataPlan(write_jsonl(tmp_path / "a.jsonl", rows), held_out=1, seed=1, mapping=mapping)
    data = convert_plan(plan, tmp_path / "out")
    assert data.summary.rows_in == len(rows) == data.summary.rows_used + sum(data.summary.set_aside.values())
    return data


def made(data: PreparedData) -> set[tuple[str, str, str]]:
    with data.pages() as pages:
        found = pages.page(0, len(pages), None)
    return {(one.prompt[-1]["content"], one.chosen[-1]["content"], one.rejected[-1]["content"]) for one in found}


@pytest.mark.parametrize("name", WRITERS)
def test_that_a_file_of_each_layout_is_converted(name: str, tmp_path: Path) -> None:
    writer = WRITERS[name]
    data = converted(tmp_path, [*(writer.write(pair(number)) for number in range(1, 6)), {"nothing": "of use"}])
    assert data.summary.layout == writer.layout
    assert data.summary.set_aside == {Reason.MISSING_FIELD: 1}
    assert made(data) == {(f"Question {n}?", f"Good answer {n}.", f"Bad answer {n}.") for n in range(1, 6)}


def test_that_ranked_rows_make_the_pairs_that_the_rule_says(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"prompt": f"Q{n}", "answers": [{"answer": text, "rank": rank} for rank, text in enumerate("ABC")]}
        for n in range(3)
    ]
    rows.append({"prompt": "Q9", "answers": [{"answer": text, "rank": 1} for text in "ABC"]})
    data = converted(tmp_path, rows, Mapping(ranking="all"))
    assert data.summary.set_aside == {Reason.TIE: 1}
    assert (data.summary.rows_used, data.summary.kept) == (3, 9)
    assert {(chosen, rejected) for _, chosen, rejected in made(data)} == {("A", "B"), ("A", "C"), ("B", "C")}


def test_that_labelled_singles_are_joined_by_prompt(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"prompt": prompt, "completion": completion, "label": label}
        for prompt, completion, label in [("p", "good", True), ("p", "bad", False), ("q", "x", True), ("q", "y", False)]
    ]
    rows.append({"prompt": "alone", "completion": "z", "label": True})
    data = converted(tmp_path, rows)
    assert data.summary.set_aside == {Reason.NO_PARTNER: 1}
    assert made(data) == {("p", "good", "bad"), ("q", "x", "y")}


def test_that_a_mapping_by_hand_goes_through_the_conversion(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"frage": f"F{n}", "gut": f"G{n}", "schlecht": f"S{n}"} for n in range(3)]
    data = converted(tmp_path, rows, Mapping(columns="prompt=frage, chosen=gut, rejected=schlecht"))
    assert data.summary.layout == "by hand"
    assert made(data) == {(f"F{n}", f"G{n}", f"S{n}") for n in range(3)}
