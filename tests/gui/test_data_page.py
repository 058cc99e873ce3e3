"""The Data page: reads in the background, shows pairs as the model will see them, and says what is wrong."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from orpo_studio.config.sections import DataSection
from orpo_studio.data.conversion import convert
from orpo_studio.data.problem import ConversionCancelled
from orpo_studio.gui.pages.data import DataPage
from orpo_studio.gui.pairs.more_sources import MoreSources
from orpo_studio.gui.pairs.table import FILE
from orpo_studio.gui.workbench import Workbench


@pytest.fixture
def page(qtbot: QtBot, bench: Workbench) -> DataPage:
    made = DataPage(bench)
    qtbot.addWidget(made)
    made.resize(1000, 700)
    made.show()
    return made


def write_pairs(path: Path, count: int = 40, broken: int = 0) -> Path:
    rows = [
        {"prompt": f"Question {n}?", "chosen": f"A full answer to {n}.", "rejected": f"No {n}."} for n in range(count)
    ]
    rows += [{"prompt": "p", "chosen": "", "rejected": "x"}] * broken
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def read(qtbot: QtBot, bench: Workbench, page: DataPage, source: Path | str) -> None:
    bench.draft.set("data.source", str(source))
    qtbot.waitUntil(lambda: page.is_settled, timeout=20_000)


def test_that_every_row_is_accounted_for(qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path) -> None:
    read(qtbot, bench, page, write_pairs(tmp_path / "pairs.jsonl", broken=3))

    assert page.counts.text() == "43 rows = 36 to train on + 4 held out + 3 set aside"
    assert page.model.rowCount() == 36
    page.shown.setCurrentIndex(2)
    assert page.aside.table.rowCount() == 3
    assert "empty" in page.aside.table.item(0, 1).text().lower()


def test_that_markup_in_a_row_set_aside_is_shown_as_it_is(
    qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path
) -> None:
    file = write_pairs(tmp_path / "pairs.jsonl")
    with file.open("a") as more:
        more.write("\n" + json.dumps({"prompt": "<img src=x>", "chosen": "", "rejected": "x"}))
    read(qtbot, bench, page, file)

    tip = page.aside.table.item(0, 2).toolTip()
    assert "&lt;img src=x&gt;" in tip
    assert "<img" not in tip


def test_that_the_first_pair_shows_at_once_with_its_turns(
    qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path
) -> None:
    read(qtbot, bench, page, write_pairs(tmp_path / "pairs.jsonl"))

    assert "Question" in page.pair_view.prompt.toPlainText()
    assert "A full answer" in page.pair_view.chosen.toPlainText()
    assert "No " in page.pair_view.rejected.toPlainText()


def test_that_the_pair_is_rendered_by_the_chosen_models_template(
    qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path, model_folder: Path
) -> None:
    read(qtbot, bench, page, write_pairs(tmp_path / "pairs.jsonl"))
    bench.draft.set("model.path", str(model_folder))
    qtbot.waitUntil(lambda: "tokens" in page.pair_view.prompt_head.text(), timeout=20_000)

    shown = page.pair_view.prompt.toPlainText() + page.pair_view.chosen.toPlainText()
    assert "Question" in shown
    assert shown != "user:\nQuestion 0?assistant:\nA full answer to 0."


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.jsonl", b""),
        ("columns.csv", b"a,b\n1,2\n"),
        ("one.jsonl", b'{"prompt": "p", "chosen": "a", "rejected": "b"}\n'),
        ("junk.parquet", b"\x00\x01"),
    ],
)
def test_that_a_file_which_cannot_be_used_is_said_in_words(
    qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    read(qtbot, bench, page, tmp_path / name)

    assert page.stack.currentWidget() is page.empty
    assert page.empty.title.text().startswith("✕")
    assert page.empty.hint.text()
    assert [issue.name for issue in bench.issues() if issue.section == "data"] == ["data.source"]
    assert not bench.can_start()


def test_that_a_held_out_share_which_is_no_number_is_told_beside_the_field(
    qtbot: QtBot, bench: Workbench, page: DataPage
) -> None:
    page.held_out.setFocus()
    page.held_out.selectAll()
    qtbot.keyClicks(page.held_out, "half")

    assert page.held_out.text() == "half"
    assert page.held_out_problem.isVisibleTo(page)
    assert "half" in page.held_out_problem.text()


def test_that_another_share_splits_anew(qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path) -> None:
    read(qtbot, bench, page, write_pairs(tmp_path / "pairs.jsonl"))
    bench.draft.set("data.held_out", 0.5)
    qtbot.waitUntil(lambda: "20 held out" in page.counts.text(), timeout=20_000)


def test_that_html_in_the_data_is_shown_and_not_rendered(
    qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path
) -> None:
    rows = [{"prompt": f"<b>{n}</b>", "chosen": "<img src=x>", "rejected": "<script>"} for n in range(4)]
    (tmp_path / "html.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    read(qtbot, bench, page, tmp_path / "html.jsonl")

    assert "<img src=x>" in page.pair_view.chosen.toPlainText()
    assert "<img" in page.model.data(page.model.index(0, 2), Qt.ItemDataRole.DisplayRole)


def test_that_the_first_rows_show_while_the_rest_is_being_read(
    qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orpo_studio.data import conversion

    convert, go_on = conversion.prepare_plan, Event()

    def wait_and_convert(*args: Any, **options: Any) -> Any:
        go_on.wait(20)
        return convert(*args, **options)

    monkeypatch.setattr(conversion, "prepare_plan", wait_and_convert)
    bench.draft.set("data.source", str(write_pairs(tmp_path / "pairs.jsonl", count=600)))
    qtbot.waitUntil(lambda: page.model.rowCount() == 200, timeout=20_000)
    assert bench.data.is_busy
    assert "first 200 rows" in page.counts.text()
    page.table.selectRow(20)
    go_on.set()
    qtbot.waitUntil(lambda: page.is_settled, timeout=20_000)
    assert page.counts.text().startswith("600 rows =")
    assert page.table.selectionModel().selectedRows()[0].data() in {"21", "22", "23"}


@pytest.fixture
def held_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Conversions that go on once the event is set."""
    from orpo_studio.data import conversion

    convert, go_on = conversion.prepare_plan, Event()

    def wait_and_convert(*args: Any, cancel: Callable[[], bool], **options: Any) -> Any:
        while not go_on.wait(0.01):
            if cancel():
                raise ConversionCancelled
        return convert(*args, cancel=cancel, **options)

    monkeypatch.setattr(conversion, "prepare_plan", wait_and_convert)
    yield go_on
    go_on.set()


def test_that_reading_can_be_cancelled_and_gone_on_with(
    qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path, held_up: Event
) -> None:
    bench.draft.set("data.source", str(write_pairs(tmp_path / "pairs.jsonl")))
    qtbot.waitUntil(lambda: page.model.rowCount() == 40, timeout=20_000)
    assert page.reading_bar.isVisibleTo(page)
    page.reading_bar.cancel.click()

    assert not bench.data.is_busy
    assert page.stack.currentWidget() is page.empty
    assert page.empty.title.text() == "Reading was cancelled"
    assert not page.reading_bar.isVisibleTo(page)
    assert [issue.message for issue in bench.issues() if issue.section == "data"] == [
        "Reading the pairs was cancelled."
    ]
    assert not bench.can_start()
    held_up.set()
    assert page.empty.read.text() == "Read it"
    page.empty.read.click()
    qtbot.waitUntil(lambda: page.is_settled, timeout=20_000)
    assert page.counts.text().startswith("40 rows =")
    assert not [issue for issue in bench.issues() if issue.name == "data.source"]


def test_that_another_source_is_read_after_one_was_cancelled(
    qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path, held_up: Event
) -> None:
    bench.draft.set("data.source", str(write_pairs(tmp_path / "pairs.jsonl")))
    bench.data.stop()
    held_up.set()
    read(qtbot, bench, page, write_pairs(tmp_path / "others.jsonl", count=10))
    assert page.counts.text().startswith("10 rows =")


def test_that_a_file_which_was_repaired_is_read_again(
    qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path
) -> None:
    (tmp_path / "pairs.jsonl").write_text("")
    read(qtbot, bench, page, tmp_path / "pairs.jsonl")
    write_pairs(tmp_path / "pairs.jsonl")
    page.empty.read.click()
    qtbot.waitUntil(lambda: page.is_settled, timeout=20_000)
    assert page.counts.text().startswith("40 rows =")


def test_that_a_file_which_changes_or_vanishes_is_told_of(
    qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path
) -> None:
    file = write_pairs(tmp_path / "pairs.jsonl")
    read(qtbot, bench, page, file)
    write_pairs(file, count=50)
    page.reading_bar.watch.look()
    qtbot.waitUntil(lambda: "has been changed" in page.reading_bar.words.text(), timeout=20_000)
    assert page.model.rowCount() == 36
    page.reading_bar.read.click()
    qtbot.waitUntil(lambda: page.is_settled, timeout=20_000)
    assert page.counts.text().startswith("50 rows =")
    assert not page.reading_bar.isVisibleTo(page)
    file.unlink()
    page.reading_bar.watch.look()
    qtbot.waitUntil(lambda: "no longer there" in page.reading_bar.words.text(), timeout=20_000)


def test_that_a_mix_names_the_file_of_each_row(qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path) -> None:
    more = write_pairs(tmp_path / "more.jsonl", count=20, broken=1)
    read(qtbot, bench, page, write_pairs(tmp_path / "pairs.jsonl", broken=1))
    assert page.table.isColumnHidden(FILE)
    assert page.aside.table.isColumnHidden(3)
    bench.draft.set("data.mix", (str(more),))
    qtbot.waitUntil(lambda: page.is_settled, timeout=20_000)

    assert not page.table.isColumnHidden(FILE)
    assert [page.aside.table.item(row, 3).text() for row in range(2)] == ["pairs.jsonl", "more.jsonl"]
    row = page.model.index(0, 0).data()
    seen = []
    for _ in range(3):
        page.browser.go_to(int(row))
        qtbot.waitUntil(lambda: page.browser.is_settled, timeout=20_000)
        (chosen,) = page.table.selectionModel().selectedRows()
        seen.append((chosen.data(), chosen.siblingAtColumn(FILE).data(), page.browser.tools.status.text()))
    assert seen == [
        (row, "more.jsonl", f"Row {row}: 2 of 2"),
        (row, "pairs.jsonl", f"Row {row}: 1 of 2"),
        (row, "more.jsonl", f"Row {row}: 2 of 2"),
    ]


def test_that_pairs_of_which_none_can_be_held_out_are_no_start(
    qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path
) -> None:
    rows = [{"prompt": "The same?", "chosen": f"Yes {n}.", "rejected": "No."} for n in range(8)]
    (tmp_path / "same.jsonl").write_text("\n".join(map(json.dumps, rows)))
    read(qtbot, bench, page, tmp_path / "same.jsonl")
    (problem,) = [issue for issue in bench.issues() if issue.name == "data.held_out"]
    assert problem.message.startswith("No pairs are held out")
    assert not bench.can_start()


def test_that_a_split_which_is_not_clear_can_be_chosen_at_once(
    qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path
) -> None:
    rows = [{"prompt": f"Question {n}?", "chosen": f"Yes {n}.", "rejected": "No."} for n in range(8)]
    (tmp_path / "two.json").write_text(json.dumps({"one": rows, "other": rows}))
    read(qtbot, bench, page, tmp_path / "two.json")
    assert "not clear" in page.empty.title.text()
    page.empty.split.click()
    (dialog,) = page.fields.findChildren(MoreSources)
    qtbot.waitUntil(lambda: dialog.splits.text() == "Splits of the chosen source: one, other.", timeout=20_000)
    bench.draft.set("data.split", "other")
    qtbot.waitUntil(lambda: page.is_settled, timeout=20_000)
    assert page.counts.text().startswith("8 rows =")
    dialog.accept()


def test_that_a_search_without_a_match_says_so_in_the_table(
    qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path
) -> None:
    read(qtbot, bench, page, write_pairs(tmp_path / "pairs.jsonl"))
    assert not page.browser.nothing.isVisibleTo(page)
    page.browser.tools.text.setText(".*[(")
    qtbot.waitUntil(lambda: page.is_settled, timeout=20_000)
    assert page.browser.nothing.isVisibleTo(page)
    page.browser.tools.clear()
    qtbot.waitUntil(lambda: page.is_settled, timeout=20_000)
    assert not page.browser.nothing.isVisibleTo(page)


def test_that_a_run_shows_the_pairs_it_was_trained_on_whatever_became_of_their_source(
    qtbot: QtBot, bench: Workbench, page: DataPage, tmp_path: Path
) -> None:
    source = write_pairs(tmp_path / "pairs.jsonl")
    trained_on = convert(source, tmp_path / "run" / "data", held_out=0.1, seed=42)
    write_pairs(source, count=60)
    bench.data.choose(DataSection(source=str(source)), 512, "", trained_on.folder)
    qtbot.waitUntil(lambda: page.is_settled, timeout=20_000)
    assert page.counts.text().startswith("40 rows =")
    source.unlink()
    bench.data.choose(DataSection(source=str(source)), 1024, "", trained_on.folder)
    qtbot.waitUntil(lambda: page.is_settled, timeout=20_000)
    assert page.counts.text().startswith("40 rows =")
    bench.data.choose(DataSection(source=str(source)), 512, "", tmp_path / "none yet")
    qtbot.waitUntil(lambda: page.is_settled, timeout=20_000)
    assert page.empty.title.text() == "✕ There is no such file."
