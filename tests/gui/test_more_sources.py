"""Splits and further sources: set in a small window, seen in the draft and in the pairs."""

import json
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from helpers.pair_files import text_row, write_jsonl
from orpo_studio.gui.pages.data import DataPage
from orpo_studio.gui.pairs.more_sources import MoreSources
from orpo_studio.gui.workbench import Workbench


@pytest.fixture
def page(qtbot: QtBot, bench: Workbench) -> DataPage:
    made = DataPage(bench)
    qtbot.addWidget(made)
    made.resize(1000, 700)
    made.show()
    return made


def settle(qtbot: QtBot, page: DataPage) -> None:
    qtbot.waitUntil(lambda: page.is_settled, timeout=20_000)


def opened(page: DataPage) -> MoreSources:
    page.fields.more.click()
    (dialog,) = page.fields.findChildren(MoreSources)
    return dialog


def test_that_a_further_source_is_mixed_in(qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path) -> None:
    more = write_jsonl(tmp_path / "more.jsonl", [text_row(number) for number in range(50, 80)])
    bench.draft.set("data.source", str(write_jsonl(tmp_path / "a.jsonl", [text_row(number) for number in range(20)])))
    settle(qtbot, page)

    field = opened(page).form.field("data.mix")
    assert field is not None
    field.editor.edited.emit(f"{more}@50%")
    settle(qtbot, page)

    assert bench.draft.checked.parsed is not None
    assert bench.draft.checked.parsed.data.mix == (f"{more}@50%",)
    assert page.counts.text() == "50 rows = 31 to train on + 4 held out + 15 set aside"


def test_that_a_split_is_held_out_in_place_of_a_share(
    qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path
) -> None:
    source = tmp_path / "splits.json"
    rows = [text_row(number) for number in range(30)]
    source.write_text(json.dumps({"train": rows[:24], "test": rows[24:]}))
    bench.draft.set("data.source", str(source))
    bench.draft.set("data.held_out_split", "test")
    settle(qtbot, page)

    assert page.counts.text() == "30 rows = 24 to train on + 6 held out + 0 set aside"
    assert not page.fields.held_out.isEnabled()


def test_that_rows_are_counted_apart_from_pairs_where_they_differ(
    qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path
) -> None:
    rows = [
        {"prompt": f"Question {n}?", "completion": f"{word} {n}", "label": word == "good"}
        for n in range(10)
        for word in ("good", "bad")
    ]
    bench.draft.set("data.source", str(write_jsonl(tmp_path / "singles.jsonl", rows)))
    settle(qtbot, page)

    assert page.counts.text() == "20 rows = 20 used + 0 set aside → 10 pairs = 9 to train on + 1 held out"


def test_that_the_option_of_a_problem_is_found_there(bench: Workbench, page: DataPage) -> None:
    page.show_option("data.split")
    assert page.fields.findChildren(MoreSources)
