"""A remedy makes a new version, accounts for every row, and leaves the old version as it was."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.pair_files import text_row, write_jsonl
from helpers.prepared_pairs import pair, prepared
from orpo_studio.data.conversion import convert
from orpo_studio.data.doctor.remedies import REMEDIES, apply_remedies
from orpo_studio.data.doctor.repairs import (
    mask_personal,
    mask_secrets,
    remove_control,
    repair_encoding,
    strip_leaked,
)
from orpo_studio.data.pair import Pair
from orpo_studio.data.prepared import PreparedData
from orpo_studio.data.problem import ConversionCancelled, DataProblem, Reason
from unit.data.doctor.test_examination import WRONG, report_of

DROPS = [name for name, words in REMEDIES.items() if not words.repairs]


def all_pairs(data: PreparedData) -> list[Pair]:
    with data.pages() as pages:
        return pages.page(0, len(pages))


def files(data: PreparedData) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(data.folder.iterdir())}


def assert_accounted(data: PreparedData) -> None:
    summary = data.summary
    assert summary.rows_in == summary.rows_used + sum(summary.set_aside.values())
    assert summary.kept == summary.train + summary.held_out == len(all_pairs(data))
    assert len(data.set_aside()) == sum(summary.set_aside.values())
    table = pq.read_table(data.pairs_file).to_pylist()
    assert [row["source_row"] for row in table] == [one.source_row for one in all_pairs(data)]
    assert [row["split"] for row in table] == ["train"] * summary.train + ["held_out"] * summary.held_out


def test_that_a_drop_sets_aside_with_its_reason_and_changes_nothing_else(tmp_path: Path, clean: list[Pair]) -> None:
    data = prepared(tmp_path / "old", [*clean[:30], clean[3], clean[4]], clean[30:])
    before = files(data)
    new = apply_remedies(data, ["drop-exact-duplicates"], tmp_path / "new")
    assert files(data) == before
    assert_accounted(new)
    assert new.summary.set_aside == {Reason.REMEDY: 2}
    assert new.summary.remedies == ("drop-exact-duplicates",)
    assert [aside.source_row for aside in new.set_aside()] == [31, 32]
    assert "drop-exact-duplicates" in new.set_aside()[0].words
    assert json.loads(new.set_aside()[0].excerpt)["prompt"] == clean[3].prompt
    assert [(one.prompt, one.chosen, one.rejected) for one in all_pairs(new)] == [
        (one.prompt, one.chosen, one.rejected) for one in clean
    ]


@pytest.mark.parametrize("name", DROPS)
def test_that_after_a_drop_the_doctor_finds_it_no_more(tmp_path: Path, clean: list[Pair], name: str) -> None:
    first = clean[0]
    near = pair(first.prompt[0]["content"] + " Yes", first.chosen[0]["content"], first.rejected[0]["content"])
    swapped = pair(*(part[0]["content"] for part in (clean[5].prompt, clean[5].rejected, clean[5].chosen)))
    data = prepared(tmp_path / "old", [*clean, *WRONG.values(), first, near, swapped], [clean[7]])
    concerned = next(f for f in report_of(data).findings if f.remedy is not None and f.remedy.name == name)
    new = apply_remedies(data, [name], tmp_path / "new")
    assert_accounted(new)
    assert data.summary.kept - new.summary.kept == concerned.count > 0
    left = report_of(new).finding(concerned.code)
    assert left is not None
    assert left.count == 0


def test_that_repairs_change_the_texts_they_name_and_keep_the_pairs(tmp_path: Path, clean: list[Pair]) -> None:
    data = prepared(tmp_path / "old", [*clean, *WRONG.values()])
    repairs = [name for name, words in REMEDIES.items() if words.repairs]
    new = apply_remedies(data, repairs, tmp_path / "new")
    assert_accounted(new)
    assert new.summary.set_aside == {}
    assert all_pairs(new)[: len(clean)] == all_pairs(data)[: len(clean)]
    repaired = dict(zip(WRONG, all_pairs(new)[len(clean) :], strict=True))
    assert repaired["encoding-damage"].chosen[0]["content"] == "The café is blue because light is scattered."
    assert repaired["template-tokens"].chosen[0]["content"] == "Light is scattered by the air."
    assert repaired["prompt-in-answer"].chosen[0]["content"] == "Because light is scattered."
    assert repaired["control-characters"].chosen[0]["content"] == "Light is scattered by the air that it passes."
    assert repaired["personal-data"].chosen[0]["content"] == "Ask [e-mail] about scattered light."
    assert repaired["secrets"].chosen[0]["content"] == "Set the key to [key] and look at the light."


def test_that_an_answer_emptied_by_a_repair_is_set_aside(tmp_path: Path, clean: list[Pair]) -> None:
    data = prepared(tmp_path / "old", [*clean, pair("What then?", "</s>", "Nothing.")])
    new = apply_remedies(data, ["strip-template-tokens"], tmp_path / "new")
    assert_accounted(new)
    assert [aside.source_row for aside in new.set_aside()] == [61]


def test_that_the_order_of_the_names_and_a_second_time_change_nothing(tmp_path: Path, clean: list[Pair]) -> None:
    data = prepared(tmp_path / "old", [*clean, *WRONG.values()])
    one = apply_remedies(data, list(REMEDIES), tmp_path / "one")
    other = apply_remedies(data, list(reversed(REMEDIES)), tmp_path / "other")
    again = apply_remedies(one, list(REMEDIES), tmp_path / "again")
    assert files(one) == files(other)
    assert all_pairs(again) == all_pairs(one)


def test_that_a_row_of_several_pairs_is_set_aside_only_with_the_last_of_them(tmp_path: Path) -> None:
    rows = [text_row(number) for number in range(5)]
    data = convert(write_jsonl(tmp_path / "a.jsonl", [*rows, rows[0]]), tmp_path / "old", held_out=0, seed=1)
    new = apply_remedies(data, ["drop-exact-duplicates"], tmp_path / "new")
    assert_accounted(new)
    assert (new.summary.kept, new.summary.rows_used) == (5, 5)


def test_that_an_unknown_remedy_is_named(tmp_path: Path, clean: list[Pair]) -> None:
    with pytest.raises(DataProblem, match="no remedy named drop-everything"):
        apply_remedies(prepared(tmp_path / "old", clean), ["drop-everything"], tmp_path / "new")


def test_that_data_is_not_emptied(tmp_path: Path) -> None:
    data = prepared(tmp_path / "old", [pair("Why?", "Because.", "because. ")] * 3)
    with pytest.raises(DataProblem, match="nothing to train on"):
        apply_remedies(data, ["drop-same-answers"], tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old", "old.jsonl"]


@pytest.mark.parametrize("after", [0, 1, 2])
def test_that_nothing_is_left_of_what_was_cancelled(tmp_path: Path, clean: list[Pair], after: int) -> None:
    data = prepared(tmp_path / "old", clean)
    asked = iter([False] * after + [True] * 100)
    with pytest.raises(ConversionCancelled):
        apply_remedies(data, list(REMEDIES), tmp_path / "new", cancel=lambda: next(asked))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old", "old.jsonl"]


@pytest.mark.parametrize(
    ("repair", "text"),
    [
        (repair_encoding, "Ein schöner Tag: 5 °C, „so“ – naïve façade, ÉCOLE, 100 €, Ã"),
        (remove_control, "Tabs\tand\nlines – stay, 👩‍👩‍👧 too."),
        (strip_leaked, "In the midst <|im_end|> stays, as does [INST] here."),
        (strip_leaked, "HTML strikes out <s>what was wrong</s>"),
        (mask_personal, "In 2023-04-05 12:30:45 there were 1,234,567 of 192.168.10.25 at user@example.com, 555-0123."),
        (mask_secrets, "The sk-learn package, hf_hub and AKIA are names."),
    ],
)
def test_that_what_is_well_stays_as_it_is(repair: object, text: str) -> None:
    assert callable(repair)
    assert repair(text) == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Call +49 30 1234567 now", "Call [phone] now"),
        ("Call (212) 867-5309 now", "Call [phone] now"),
        ("Pay to DE89 3704 0044 0532 0130 00 soon", "Pay to [account] soon"),
        ("Pay to GB82 WEST 1234 5698 7654 32.", "Pay to [account]."),
        (
            "Pay to MT84MALT011000012345MTLCAST001S, or DE89 3704 0044 0532 0130 01",
            "Pay to [account], or DE89 3704 0044 0532 0130 01",
        ),
        ("Card 4111 1111 1111 1234 is no card", "Card 4111 1111 1111 1234 is no card"),
        ("Card 4539 1488 0343 6467 is one", "Card [card] is one"),
        ("a.b+c@uni-x.ac.uk, d@e.org", "[e-mail], [e-mail]"),
    ],
)
def test_that_personal_data_is_replaced(text: str, masked: str) -> None:
    assert mask_personal(text) == masked


TEXT = st.text(st.sampled_from("aB \n\tÃ©â€™\x00\ufeff<|im_end>@.com0123456789+-sk[]/INST日本"), max_size=60)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=8), names=st.sets(st.sampled_from(list(REMEDIES)))
)
def test_that_whatever_the_texts_no_row_is_lost(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str, str]], names: set[str]
) -> None:
    folder = tmp_path_factory.mktemp("wild")
    data = prepared(folder / "old", [pair(*three) for three in texts])
    try:
        new = apply_remedies(data, sorted(names), folder / "new")
    except DataProblem as problem:
        assert problem.code == "nothing-left"  # noqa: PT017 - the only problem that wild texts may cause
    else:
        assert_accounted(new)
        assert new.summary.rows_in == len(texts)
    report_of(data)
