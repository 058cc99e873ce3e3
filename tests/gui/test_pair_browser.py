"""Browsing pairs: find, order, go to a row, and long texts, without the window waiting."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetricsF
from pytestqt.qtbot import QtBot

from orpo_studio.data.pages import CELL_LENGTH, ListPages, PairPages
from orpo_studio.data.pair import Pair
from orpo_studio.data.pair_files import PairWriter
from orpo_studio.gui.background import wait_for_background
from orpo_studio.gui.pairs.browser import PairBrowser
from orpo_studio.gui.pairs.finding import Sort
from orpo_studio.gui.pairs.pane import PART_LENGTH, pieces
from orpo_studio.gui.pairs.reading import Mark
from orpo_studio.gui.theme import install_theme


def pair_of(row: int, prompt: str, chosen: str, rejected: str) -> Pair:
    return Pair(
        [{"role": "user", "content": prompt}],
        [{"role": "assistant", "content": chosen}],
        [{"role": "assistant", "content": rejected}],
        row,
    )


PAIRS = [
    pair_of(2 * n + 1, f"Question {n}" + (" about Paris" if n % 10 == 3 else ""), "yes " * (n % 7 + 1), "no " * n)
    for n in range(200)
]


@pytest.fixture
def browser(qtbot: QtBot, qapp: object) -> Iterator[PairBrowser]:
    install_theme(qapp, "light")
    made = PairBrowser()
    qtbot.addWidget(made)
    made.resize(1000, 700)
    made.show()
    yield made
    made.show_pages(None)
    assert wait_for_background(10)


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[PairPages]:
    with PairWriter(tmp_path / "pairs.arrow") as writer:
        for pair in PAIRS:
            writer.add(pair)
    with PairPages(tmp_path / "pairs.arrow", train=180) as made:
        yield made


def settle(qtbot: QtBot, browser: PairBrowser) -> None:
    qtbot.waitUntil(lambda: browser.is_settled, timeout=20_000)


def rows(browser: PairBrowser) -> list[int]:
    return [int(browser.model.data(browser.model.index(row, 0))) for row in range(browser.model.rowCount())]


def selected(browser: PairBrowser) -> int:
    (index,) = browser.table.selectionModel().selectedRows()
    return int(index.data())


def test_that_typing_finds_and_escape_shows_all_again(qtbot: QtBot, browser: PairBrowser, pages: PairPages) -> None:
    browser.show_pages(pages, "train")
    qtbot.keyClicks(browser.tools.text, "pARIS")
    settle(qtbot, browser)
    assert rows(browser) == [2 * n + 1 for n in range(3, 180, 10)]
    assert browser.tools.status.text() == "18 of 180 match"
    qtbot.keyClick(browser.tools.text, Qt.Key.Key_Escape)
    settle(qtbot, browser)
    assert browser.model.rowCount() == 180


def test_that_the_pair_looked_at_stays_when_it_is_among_those_found(
    qtbot: QtBot, browser: PairBrowser, pages: PairPages
) -> None:
    browser.show_pages(pages, "train")
    browser.table.selectRow(13)
    browser.tools.text.setText("paris")
    settle(qtbot, browser)
    assert selected(browser) == 27
    browser.tools.clear()
    settle(qtbot, browser)
    assert selected(browser) == 27


def test_that_nothing_found_is_said_and_shows_no_pair(qtbot: QtBot, browser: PairBrowser, pages: PairPages) -> None:
    browser.show_pages(pages, "train")
    browser.tools.text.setText("nowhere")
    settle(qtbot, browser)
    assert browser.tools.status.text() == "0 of 180 match"
    assert browser.view.prompt.toPlainText() == ""


def test_that_a_click_on_a_heading_orders_by_length(qtbot: QtBot, browser: PairBrowser, pages: PairPages) -> None:
    browser.show_pages(pages, "train")
    header = browser.table.horizontalHeader()
    header.sectionClicked.emit(3)
    settle(qtbot, browser)
    assert rows(browser)[:2] == [359, 357]
    assert browser.tools.sorting() == Sort("rejected")
    header.sectionClicked.emit(3)
    settle(qtbot, browser)
    assert rows(browser)[:2] == [1, 3]
    header.sectionClicked.emit(0)
    settle(qtbot, browser)
    assert rows(browser) == [2 * n + 1 for n in range(180)]


def test_that_what_is_found_is_ordered_too(qtbot: QtBot, browser: PairBrowser, pages: PairPages) -> None:
    browser.show_pages(pages, "train")
    browser.tools.set_sorting(Sort("rejected"))
    browser.tools.text.setText("paris")
    settle(qtbot, browser)
    assert rows(browser)[:2] == [347, 327]


@pytest.mark.parametrize(
    ("wanted", "shown", "words"), [(51, 51, "180 pairs"), (52, 53, "next is 53"), (900, 1, "none behind")]
)
def test_that_a_row_of_the_source_is_gone_to(
    qtbot: QtBot, browser: PairBrowser, pages: PairPages, wanted: int, shown: int, words: str
) -> None:
    browser.show_pages(pages, "train")
    qtbot.keyClicks(browser.tools.row, str(wanted))
    qtbot.keyClick(browser.tools.row, Qt.Key.Key_Return)
    settle(qtbot, browser)
    assert selected(browser) == shown
    assert words in browser.tools.status.text()


def test_that_only_some_pairs_can_be_shown(qtbot: QtBot, browser: PairBrowser, pages: PairPages) -> None:
    browser.show_pages(pages, "train")
    browser.show_only(np.array([3, 13, 190]), "Three of them")
    assert rows(browser) == [7, 27, 381]
    browser.tools.text.setText("paris")
    settle(qtbot, browser)
    assert rows(browser) == [7, 27]
    browser.tools.clear()
    browser.show_all.click()
    settle(qtbot, browser)
    assert browser.model.rowCount() == 180


def test_that_the_row_looked_at_stays_when_the_whole_replaces_the_beginning(
    qtbot: QtBot, browser: PairBrowser, pages: PairPages
) -> None:
    browser.show_pages(ListPages(PAIRS[:50]), "train")
    browser.table.selectRow(30)
    browser.show_pages(pages, "train")
    settle(qtbot, browser)
    assert selected(browser) == 61


def test_that_all_of_a_long_text_can_be_reached(qtbot: QtBot, browser: PairBrowser) -> None:
    long = "word " * 5_000
    browser.show_pages(ListPages([pair_of(1, long, "yes", "no")]))
    settle(qtbot, browser)
    pane = browser.view._prompt
    seen = len(pane.text.toPlainText())
    assert seen == PART_LENGTH
    while pane.after.isEnabled():
        pane.after.click()
        seen += len(pane.text.toPlainText())
    assert seen == len("user:\n" + long)
    assert not pane.last.isEnabled()


def test_that_words_that_differ_are_marked(qtbot: QtBot, browser: PairBrowser) -> None:
    browser.show_pages(ListPages([pair_of(1, "p", "the sky is blue today", "the sky is green today")]))
    text = browser.view.chosen.toPlainText()
    cursor = browser.view.chosen.textCursor()
    tinted = ""
    for place in range(len(text)):
        cursor.setPosition(place + 1)
        if cursor.charFormat().background().style() != Qt.BrushStyle.NoBrush:
            tinted += text[place]
    assert tinted == "blue"


MARKS = st.builds(Mark, st.integers(0, 30), st.integers(0, 30), st.sampled_from(["special", "differs", "cut"]))


@given(marks=st.lists(MARKS, max_size=6), first=st.integers(0, 20), length=st.integers(0, 20))
def test_that_pieces_cover_a_stretch_with_the_marks_of_each_character(
    marks: list[Mark], first: int, length: int
) -> None:
    end = first + length
    kinds = {place: found for start, stop, found in pieces(marks, first, end) for place in range(start, stop)}
    assert sorted(kinds) == list(range(first, end))
    for place, found in kinds.items():
        assert found == {mark.kind for mark in marks if mark.start <= place < mark.end}


def test_that_the_text_looked_for_is_marked_and_brought_into_view(qtbot: QtBot, browser: PairBrowser) -> None:
    long = "word 🙂 " * 2_000 + "Paris " + "word " * 2_000
    browser.show_pages(ListPages([pair_of(1, long, "yes", "Paris")]))
    browser.tools.text.setText("paris")
    browser.tools.parts.setCurrentIndex(1)
    settle(qtbot, browser)
    cursor = browser.view.prompt.textCursor()
    cursor.movePosition(cursor.MoveOperation.NextCharacter, cursor.MoveMode.KeepAnchor, 5)
    assert cursor.selectedText() == "Paris"
    assert cursor.charFormat().background().style() != Qt.BrushStyle.NoBrush


def test_that_a_cell_is_cut_to_what_its_column_shows_and_still_ends_in_an_ellipsis(
    qtbot: QtBot, browser: PairBrowser
) -> None:
    browser.show_pages(ListPages([pair_of(1, "i" * 5000, "l" * 5000, "no")]))
    settle(qtbot, browser)
    metrics = QFontMetricsF(browser.table.font())
    for column in (1, 2):
        text = browser.model.index(0, column).data()
        assert metrics.horizontalAdvance(text) > browser.table.columnWidth(column)
        assert len(text) < CELL_LENGTH
    browser.model.cut_to_width(1, 5000)
    assert len(browser.model.index(0, 1).data()) == CELL_LENGTH
