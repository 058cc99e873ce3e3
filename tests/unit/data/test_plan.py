"""Plans: several sources, how much of each, and what is held out."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.pair_files import text_row, write_jsonl
from orpo_studio.config.sections import DataSection
from orpo_studio.data import digest
from orpo_studio.data.conversion import RowsRead, convert_plan, prepare_plan
from orpo_studio.data.digest import digest_of
from orpo_studio.data.drawing import draw
from orpo_studio.data.pair import Pair
from orpo_studio.data.plan import DataPlan, Portion, plan_of
from orpo_studio.data.prepared import PreparedData
from orpo_studio.data.problem import DataProblem, Reason
from orpo_studio.data.source_names import distinct_names


def pairs_of(data: PreparedData, split: Any = None) -> list[Pair]:
    with data.pages() as pages:
        return pages.page(0, len(pages), split)


def prompts_of(data: PreparedData, split: Any) -> set[str]:
    return {pair.prompt[-1]["content"] for pair in pairs_of(data, split)}


def assert_accounted(data: PreparedData) -> None:
    summary = data.summary
    assert summary.rows_in == summary.rows_used + sum(summary.set_aside.values())
    assert summary.kept == summary.train + summary.held_out == len(pairs_of(data))
    assert len(data.set_aside()) == sum(summary.set_aside.values())
    assert sum(source.rows_in for source in summary.sources) == summary.rows_in


@pytest.mark.parametrize(
    ("text", "portion"),
    [
        ("/a/b.jsonl", Portion(Path("/a/b.jsonl"))),
        ("/a/b.jsonl@50%", Portion(Path("/a/b.jsonl"), share=0.5)),
        (" /a/b.jsonl @200% ", Portion(Path("/a/b.jsonl"), share=2.0)),
        ("/a/b.jsonl@2000", Portion(Path("/a/b.jsonl"), most=2000)),
        ("/a/me@home/b.jsonl", Portion(Path("/a/me@home/b.jsonl"))),
    ],
)
def test_that_an_amount_stands_behind_an_at(text: str, portion: Portion) -> None:
    assert Portion.parse(text) == portion


@pytest.mark.parametrize("text", ["a.jsonl@0%", "a.jsonl@1.5", "a.jsonl@0", "a.jsonl@20000%"])
def test_that_an_amount_without_sense_is_refused(text: str) -> None:
    with pytest.raises(DataProblem) as caught:
        Portion.parse(text)
    assert caught.value.code == "mix-amount"


def test_that_a_file_with_an_at_in_its_name_is_that_file(tmp_path: Path) -> None:
    odd = write_jsonl(tmp_path / "pairs@10", [])
    assert Portion.parse(str(odd)) == Portion(odd)


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 500), st.floats(0.01, 5), st.none() | st.integers(1, 300), st.integers(0, 2**31 - 1))
def test_that_a_draw_takes_what_was_asked(pairs: int, share: float, most: int | None, seed: int) -> None:
    portion = Portion(Path("a"), share=share, most=most)
    takes = draw(portion, pairs, seed=seed, place=0)
    assert np.array_equal(takes, draw(portion, pairs, seed=seed, place=0))
    assert len(takes) == pairs
    assert set(takes.tolist()) <= {0, int(share), int(share) + 1}
    if most is None:
        assert abs(int(takes.sum()) - share * pairs) <= 1
    else:
        assert np.count_nonzero(takes) <= most


def test_that_sources_are_mixed_in_their_amounts(tmp_path: Path) -> None:
    first = write_jsonl(tmp_path / "a.jsonl", [text_row(number) for number in range(100)])
    half = write_jsonl(tmp_path / "b.jsonl", [text_row(number) for number in range(100, 200)])
    twice = write_jsonl(tmp_path / "c.jsonl", [text_row(number) for number in range(200, 210)])
    mix = (Portion(half, share=0.5), Portion(twice, share=2.0), Portion(twice, most=4))
    data = convert_plan(DataPlan(first, held_out=0.1, seed=3, mix=mix), tmp_path / "out")
    assert_accounted(data)
    assert [source.pairs for source in data.summary.sources] == [100, 50, 20, 4]
    assert data.summary.set_aside == {Reason.NOT_DRAWN: 50 + 6}
    assert not prompts_of(data, "train") & prompts_of(data, "held_out")
    taken = Counter(pair.prompt[-1]["content"] for pair in pairs_of(data, "train"))
    trained_twice = [text_row(number)["prompt"] for number in range(200, 210)]
    assert all(taken[prompt] in {0, 2, 3} for prompt in trained_twice)


def test_that_a_pair_taken_twice_is_held_out_once(tmp_path: Path) -> None:
    rows = write_jsonl(tmp_path / "a.jsonl", [text_row(number) for number in range(20)])
    more = write_jsonl(tmp_path / "b.jsonl", [text_row(number) for number in range(20, 40)])
    plan = DataPlan(rows, held_out=0.5, seed=0, mix=(Portion(more, share=3.0),))
    data = convert_plan(plan, tmp_path / "out")
    assert max(Counter(pair.prompt[-1]["content"] for pair in pairs_of(data, "held_out")).values()) == 1
    assert max(Counter(pair.prompt[-1]["content"] for pair in pairs_of(data, "train")).values()) == 3


def test_that_the_columns_by_hand_are_the_first_sources(tmp_path: Path) -> None:
    odd = [{"q": f"Question {n}?", "yes": "a", "no": "b"} for n in range(10)]
    first = write_jsonl(tmp_path / "a.jsonl", odd)
    more = write_jsonl(tmp_path / "b.jsonl", [text_row(number) for number in range(10)])
    section = DataSection(source=str(first), mix=(str(more),), columns="prompt=q, chosen=yes, rejected=no")
    data = convert_plan(plan_of(section, 512), tmp_path / "out")
    assert [source.pairs for source in data.summary.sources] == [10, 10]


def test_that_single_answers_meet_by_their_prompt(tmp_path: Path) -> None:
    rows = [
        {"prompt": "one", "completion": "good", "label": True},
        {"prompt": "two", "completion": "fine", "label": True},
        {"prompt": "one", "completion": "bad", "label": False},
        {"prompt": "one", "completion": "better", "label": True},
        {"prompt": "two", "completion": "poor", "label": False},
        {"prompt": "three", "completion": "alone", "label": False},
        {"prompt": "four", "completion": "same", "label": False},
        {"prompt": "four", "completion": "same ", "label": True},
    ]
    data = convert_plan(DataPlan(write_jsonl(tmp_path / "a.jsonl", rows), held_out=0, seed=0), tmp_path / "out")
    assert_accounted(data)
    found = [
        (pair.prompt[-1]["content"], pair.chosen[-1]["content"], pair.rejected[-1]["content"], pair.source_row)
        for pair in pairs_of(data)
    ]
    assert found == [("one", "good", "bad", 1), ("two", "fine", "poor", 2)]
    assert data.summary.set_aside == {Reason.NO_PARTNER: 2, Reason.SAME_ANSWERS: 2}
    assert {(aside.source_row, aside.reason) for aside in data.set_aside()} == {
        (4, Reason.NO_PARTNER),
        (6, Reason.NO_PARTNER),
        (7, Reason.SAME_ANSWERS),
        (8, Reason.SAME_ANSWERS),
    }


def test_that_what_a_row_says_of_its_origin_is_kept(tmp_path: Path) -> None:
    rows = [text_row(number) | {"source": f"set {number % 2}"} for number in range(6)]
    data = convert_plan(DataPlan(write_jsonl(tmp_path / "a.jsonl", rows), held_out=0, seed=0), tmp_path / "out")
    assert [pair.origin for pair in pairs_of(data)] == ["set 0", "set 1"] * 3


def test_that_the_cache_tells_plans_apart(tmp_path: Path) -> None:
    first = write_jsonl(tmp_path / "a.jsonl", [text_row(number) for number in range(30)])
    more = write_jsonl(tmp_path / "b.jsonl", [text_row(number) for number in range(30, 60)])
    plans = [
        DataPlan(first, held_out=0.1, seed=1),
        DataPlan(first, held_out=0.1, seed=1, mix=(Portion(more),)),
        DataPlan(first, held_out=0.1, seed=1, mix=(Portion(more, most=5),)),
        DataPlan(first, held_out=more, seed=1),
    ]
    folders = {prepare_plan(plan, tmp_path / "cache").folder for plan in plans}
    assert len(folders) == len(plans)
    assert {prepare_plan(plan, tmp_path / "cache").folder for plan in plans} == folders


def test_that_rows_of_files_with_the_same_name_are_told_apart(tmp_path: Path) -> None:
    """Row 2 of both is broken, and a remedy sets aside row 4 of both: four rows, each named with its file."""
    rows = [text_row(number) for number in range(6)]
    damaged = [rows[0], {"prompt": "x", "chosen": "", "rejected": "b"}, *rows[1:]]
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        own = [
            {part: f"{text} Said in {name}." if text else "" for part, text in row.items()} | {"prompt": row["prompt"]}
            for row in damaged
        ]
        own[3] = {**own[3], "chosen": "I'm sorry, but I can't help with that."}
        write_jsonl(tmp_path / name / "train.jsonl", own)
    mix = (Portion(tmp_path / "two" / "train.jsonl"),)
    plan = DataPlan(tmp_path / "one" / "train.jsonl", held_out=0, seed=0, mix=mix, remedies=("drop-chosen-refusals",))
    data = convert_plan(plan, tmp_path / "out")

    assert_accounted(data)
    assert [source.name for source in data.summary.sources] == ["one/train.jsonl", "two/train.jsonl"]
    assert [(row.file, row.source_row, row.reason) for row in data.set_aside()] == [
        ("one/train.jsonl", 2, Reason.EMPTY_ANSWER),
        ("two/train.jsonl", 2, Reason.EMPTY_ANSWER),
        ("one/train.jsonl", 4, Reason.REMEDY),
        ("two/train.jsonl", 4, Reason.REMEDY),
    ]
    assert {(pair.file, pair.source_row) for pair in pairs_of(data)} == {
        (f"{name}/train.jsonl", row) for name in ("one", "two") for row in (1, 3, 5, 6, 7)
    }


def test_that_sources_have_names_of_their_own() -> None:
    portions = [
        Portion(Path("/a/x/train.jsonl")),
        Portion(Path("/b/x/train.jsonl")),
        Portion(Path("/c/hub"), split="train"),
        Portion(Path("/c/hub"), split="test"),
        Portion(Path("/c/more.csv")),
        Portion(Path("/c/more.csv")),
    ]
    assert distinct_names(portions) == [
        "a/x/train.jsonl",
        "b/x/train.jsonl",
        "hub (train)",
        "hub (test)",
        "more.csv",
        "more.csv (2)",
    ]
    assert distinct_names([Portion(Path("/c/hub"), split="train")]) == ["hub"]


def test_that_a_source_which_changes_while_it_is_read_is_not_taken(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "a.jsonl", [text_row(number) for number in range(300)])
    grown = []

    def grow(_share: float) -> None:
        if not grown:
            grown.append(source.write_text(source.read_text() + json.dumps(text_row(300)) + "\n"))

    with pytest.raises(DataProblem) as caught:
        prepare_plan(DataPlan(source, held_out=0.1, seed=1), tmp_path / "cache", progress=grow)
    assert caught.value.code == "changed-meanwhile"
    assert prepare_plan(DataPlan(source, held_out=0.1, seed=1), tmp_path / "cache").summary.rows_in == 301


def test_that_a_source_is_read_once_for_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_jsonl(tmp_path / "a.jsonl", [text_row(number) for number in range(30)])
    made = []
    monkeypatch.setattr(digest, "digest_of", lambda *arguments: made.append(arguments) or digest_of(*arguments))
    data = prepare_plan(DataPlan(source, held_out=0.1, seed=1), tmp_path / "cache")
    assert len(made) == 1
    assert data.summary.source_digest == digest_of(source)


def test_that_rows_read_are_told_with_about_how_many_there_are(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "a.jsonl", [text_row(number) for number in range(20_000)])
    told: list[RowsRead] = []
    prepare_plan(DataPlan(source, held_out=0.1, seed=1), tmp_path / "cache", reading=told.append)
    assert [read.rows for read in told] == sorted(read.rows for read in told)
    assert told[-1].rows > 19_000
    assert all(read.of is not None and read.of >= read.rows for read in told[len(told) // 2 :])
    assert abs((told[-1].of or 0) - 20_000) < 1_000
