"""The editor of columns: what is recognized, what is said by hand, and the pairs that come of it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from orpo_studio.data.mapping import Mapping
from orpo_studio.data.plan import Portion
from orpo_studio.gui.background import wait_for_background
from orpo_studio.gui.pages.data import DataPage
from orpo_studio.gui.pairs.columns import ColumnsEditor
from orpo_studio.gui.workbench import Workbench

ROWS = [{"frage": f"Wo ist {n}?", "gut": f"Hier ist {n}.", "schlecht": f"Weg mit {n}."} for n in range(30)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "fragen.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in ROWS))
    return file


@pytest.fixture
def page(qtbot: QtBot, bench: Workbench) -> Iterator[DataPage]:
    made = DataPage(bench)
    qtbot.addWidget(made)
    made.resize(1000, 700)
    made.show()
    yield made
    assert wait_for_background(10)


def editor_of(qtbot: QtBot, page: DataPage, source: Path, mapping: Mapping) -> ColumnsEditor:
    editor = ColumnsEditor(page, Portion(source), mapping)
    editor.open()
    settle(qtbot, editor)
    return editor


def settle(qtbot: QtBot, editor: ColumnsEditor) -> None:
    qtbot.waitUntil(lambda: editor.is_settled, timeout=20_000)


def choose(editor: ColumnsEditor, **columns: str) -> None:
    for part, column in columns.items():
        combo = editor.parts[part]
        combo.setCurrentIndex(combo.findData(column))


def test_that_unknown_columns_are_said_by_hand_and_read_at_once(
    qtbot: QtBot, bench: Workbench, page: DataPage, source: Path
) -> None:
    bench.draft.set("data.source", str(source))
    qtbot.waitUntil(lambda: page.is_settled, timeout=20_000)
    assert page.empty.columns.isVisibleTo(page)
    page.empty.columns.click()
    (editor,) = page.findChildren(ColumnsEditor)
    settle(qtbot, editor)
    assert "guess by their names" in editor.evidence.text()
    assert editor.model.rowCount() == 30

    choose(editor, prompt="frage", chosen="gut", rejected="gut")
    settle(qtbot, editor)
    assert "are set aside" in editor.counts.text()
    assert not editor.apply.isEnabled()

    choose(editor, prompt="frage", chosen="gut", rejected="schlecht")
    settle(qtbot, editor)
    assert editor.model.rowCount() == 30
    assert editor.model.index(0, 2).data() == "Hier ist 0."
    assert "30 pairs" in editor.counts.text()

    editor.apply.click()
    qtbot.waitUntil(lambda: page.is_settled and page.model.rowCount() > 0, timeout=20_000)
    assert bench.draft.values["data"]["columns"] == "prompt=frage, chosen=gut, rejected=schlecht"
    assert page.counts.text().startswith("30 rows =")


def test_that_what_is_recognized_is_shown_and_can_be_turned_round(qtbot: QtBot, page: DataPage, tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text("\n".join(json.dumps({"prompt": f"p{n}", "chosen": "c", "rejected": "r"}) for n in range(5)))
    editor = editor_of(qtbot, page, file, Mapping())
    assert [editor.parts[part].currentData() for part in ("prompt", "chosen", "rejected")] == [
        "prompt",
        "chosen",
        "rejected",
    ]
    choose(editor, chosen="rejected", rejected="chosen")
    settle(qtbot, editor)
    assert editor.model.index(0, 2).data() == "r"
    editor.recognize.click()
    settle(qtbot, editor)
    assert editor.values()["data.columns"] == ""
    assert editor.model.index(0, 2).data() == "c"
    editor.reject()


def test_that_nothing_changes_when_it_is_cancelled(
    qtbot: QtBot, bench: Workbench, page: DataPage, source: Path
) -> None:
    editor = editor_of(qtbot, page, source, Mapping())
    choose(editor, prompt="frage", chosen="gut", rejected="schlecht")
    settle(qtbot, editor)
    editor.cancel.click()
    assert "data" not in bench.draft.values
