"""Spreadsheets: their sheets, their cells, and what damaged or hostile ones do."""

import json
from pathlib import Path

import pytest

from helpers.pair_files import text_row, turn
from helpers.source_files import write_xlsx
from orpo_studio.data import compressed
from orpo_studio.data.problem import DataProblem
from orpo_studio.data.reading import read_rows
from orpo_studio.data.rows import Unreadable
from orpo_studio.data.sources import describe_source, splits_of

ROWS = [text_row(number) for number in range(5)]
SPACE = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def rows_of(path: Path, split: str = "") -> list[object]:
    return [row for _, row in read_rows(path, split=split)]


def problem_of(path: Path) -> DataProblem:
    with pytest.raises(DataProblem) as caught:
        list(read_rows(path))
    assert caught.value.hint
    return caught.value


def sheet(rows: str) -> bytes:
    return b"<worksheet %s><sheetData>%s</sheetData></worksheet>" % (SPACE, rows.encode())


def test_that_a_sheet_is_read_under_its_header(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"Sheet1": ROWS, "Sheet2": [], "Sheet3": []})
    shares: list[float] = []
    assert list(read_rows(path, shares.append)) == list(enumerate(ROWS, 1))
    assert shares
    assert splits_of(path) == ()
    assert describe_source(path) == "1 XLSX file."


def test_that_several_sheets_are_splits(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"test": ROWS[:1], "train": ROWS[1:]})
    assert splits_of(path) == ("test", "train")
    assert rows_of(path) == ROWS[1:]
    assert rows_of(path, "test") == ROWS[:1]
    unsure = write_xlsx(tmp_path / "b.xlsx", {"Marie": ROWS, "José & <co>": ROWS})
    assert problem_of(unsure).code == "which-split"
    assert rows_of(unsure, "José & <co>") == ROWS


def test_that_cells_keep_what_they_hold(tmp_path: Path) -> None:
    messages = [turn("user", "a\nb")]
    row = {"prompt": json.dumps(messages), "chosen": " é 大 <b>&amp;", "rejected": "a_x000D_b", "label": True, "n": 3}
    cells = {"prompt": messages, "chosen": " é 大 <b>&amp;", "rejected": "a\rb", "label": True, "n": 3}
    assert rows_of(write_xlsx(tmp_path / "a.xlsx", {"s": [row, {"prompt": "p", "n": 2.5}]})) == [
        cells,
        {"prompt": "p", "chosen": None, "rejected": None, "label": None, "n": 2.5},
    ]


def test_that_odd_cells_are_read(tmp_path: Path) -> None:
    odd = sheet(
        '<row r="1"><c t="inlineStr"><is><t>pro</t><r><t>mpt</t></r></is></c><c t="str"><v>chosen</v></c></row>'
        '<row r="2"/><row r="3"><c r="A3"/></row><row r="5"><c r="B5" t="str"><f>A1()</f><v>v</v></c></row>'
        '<row r="6"><c r="A6" t="e"><v>#N/A</v></c><c r="B6" t="s"><v>99</v></c></row>'
        '<row r="1048576"><c r="XFD1048576" t="str"><v>far</v></c></row>'
    )
    first, far = rows_of(write_xlsx(tmp_path / "a.xlsx", {"s": ROWS}, sheet1=odd))
    assert first == {"prompt": None, "chosen": "v"}
    assert isinstance(far, Unreadable)
    assert "16384 cells under 2 columns" in far.words


def test_that_damaged_workbooks_are_refused(tmp_path: Path) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + sheet("<row><c><v>&b;</v></c></row>")
    for name, content in (("sheet1", bomb), ("sheet1", b"<worksheet"), ("sharedStrings", b"\xff"), ("workbook", b"")):
        path = write_xlsx(tmp_path / "a.xlsx", {"s": ROWS}, **{name: content})
        assert problem_of(path).code == "broken-workbook"
    twice = [{"prompt": "a", "prompt ": "b"}]
    assert problem_of(write_xlsx(tmp_path / "b.xlsx", {"s": twice})).code == "column-twice"
    assert rows_of(write_xlsx(tmp_path / "c.xlsx", {"s": []})) == []


def test_that_a_workbook_made_to_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed, "ALWAYS_ALLOWED", 4 << 20)
    monkeypatch.setattr(compressed, "LARGEST_RATIO", 100)
    blanks = sheet("<row><c><v>" + " " * (8 << 20) + "</v></c></row>")
    assert problem_of(write_xlsx(tmp_path / "a.xlsx", {"s": ROWS}, sheet1=blanks)).code == "expands-too-far"
