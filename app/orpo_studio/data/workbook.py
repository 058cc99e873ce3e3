"""Rows of a spreadsheet (XLSX), read as a stream: macros, formulas and links in it are never followed.

A workbook is a ZIP archive of XML files. A sheet that claims a cell a million rows down costs nothing here, and what
expands beyond all measure is refused as in any archive.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from xml.parsers import expat

from orpo_studio.data.compressed import members_of, open_expanded
from orpo_studio.data.files import BLOCK, DataFile, ignore
from orpo_studio.data.problem import DataProblem
from orpo_studio.data.rows import Advance, NumberedRow
from orpo_studio.data.table_cells import cell_value, named_row, require_names_once

_MOST_TEXT = 1 << 28
"""Most characters of the texts that a workbook's cells share, which are held in memory."""
_LONGEST_CELL = 1 << 26
"""Longest text of a cell, in characters; spreadsheet programs stop at 32,767."""
_MOST_COLUMNS = 16_384
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")

Cells = dict[int, object]
"""The cells of a row that are not empty, by column from 0."""


def sheets_of(file: DataFile) -> tuple[str, ...]:
    """Return the names of a workbook's sheets that hold anything.

    Raises:
        DataProblem: the workbook is damaged.
    """
    book = _Workbook(file)
    return tuple(name for name in book.sheets if next(book.rows(name, ignore), None) is not None)


def sheet_rows(file: DataFile, sheet: str, advance: Advance) -> Iterator[NumberedRow]:
    """Yield the rows of a sheet under its header; a cell that holds messages as JSON is read as such.

    Args:
        file: the workbook.
        sheet: name of the sheet; empty for the only one that holds anything.
        advance: told which share has been read, 0 to 1.

    Raises:
        DataProblem: the workbook is damaged, or its header names a column twice.
    """
    book = _Workbook(file)
    rows = book.rows(sheet or next(iter(sheets_of(file)), ""), advance)
    first = next(rows, {})
    header = [str(first.get(column, "")).strip() for column in range(max(first, default=-1) + 1)]
    require_names_once(header, file.name)
    for number, cells in enumerate(rows, 1):
        record = [cells.get(column) for column in range(max(cells) + 1)]
        record += [None] * (len(header) - len(record))
        yield number, named_row(header, [cell_value(cell) if isinstance(cell, str) else cell for cell in record])


class _Workbook:
    """The parts of a workbook, found by name in the archive."""

    def __init__(self, file: DataFile) -> None:
        self._file = file
        self._places = {name.lower(): place for place, name in members_of(file.path)}
        self._texts: list[str] | None = None
        self.sheets = self._sheets()

    def rows(self, sheet: str, advance: Advance) -> Iterator[Cells]:
        """Yield the rows of a sheet that are not empty."""
        if sheet not in self.sheets:
            return
        if self._texts is None:
            self._texts = self._shared_texts()
        parser = _SheetParser(self._file.name, self._texts)
        for _ in self._parsed(self.sheets[sheet], parser.start, parser.end, parser.text, advance):
            yield from parser.taken()

    def _sheets(self) -> dict[str, str]:
        """Return the path of each visible sheet in the archive, by its name."""
        targets: dict[str, str] = {}
        found: list[tuple[str, str]] = []

        def relation(name: str, attributes: dict[str, str]) -> None:
            if _local(name) == "Relationship":
                targets[attributes.get("Id", "")] = attributes.get("Target", "")

        def sheet(name: str, attributes: dict[str, str]) -> None:
            if _local(name) == "sheet" and attributes.get("state", "visible") == "visible":
                plain = {_local(key): value for key, value in attributes.items()}
                found.append((plain.get("name", ""), plain.get("id", "")))

        for _ in self._parsed("xl/_rels/workbook.xml.rels", relation):
            pass
        for _ in self._parsed("xl/workbook.xml", sheet):
            pass
        paths = {name: targets[place] for name, place in found if place in targets}
        return {
            name: target.lstrip("/") if target.startswith("/") else str(PurePosixPath("xl") / target)
            for name, target in paths.items()
        }

    def _shared_texts(self) -> list[str]:
        if "xl/sharedstrings.xml" not in self._places:
            return []
        texts = _TextParser(self._file.name)
        for _ in self._parsed("xl/sharedStrings.xml", texts.start, texts.end, texts.text):
            pass
        return texts.texts

    def _parsed(
        self,
        part: str,
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str], None] | None = None,
        text: Callable[[str], None] | None = None,
        advance: Advance = ignore,
    ) -> Iterator[None]:
        """Parse a part of the workbook, and come back after each block of it."""
        place = self._places.get(part.lower())
        if place is None:
            raise _broken(self._file.name, f"It has no {part}.")
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = self._refuse
        try:
            with open_expanded(DataFile(self._file.path, f"{self._file.name}/{part}", place), advance) as stream:
                while block := stream.read(BLOCK):
                    parser.Parse(block, False)
                    yield
                parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise _broken(self._file.name, f"{part}: {error}") from error
        yield

    def _refuse(self, *_declared: object) -> None:
        raise _broken(self._file.name, "It declares entities of its own, as no spreadsheet program does.")


class _TextParser:
    """Collects the texts that cells share."""

    def __init__(self, name: str) -> None:
        self.texts: list[str] = []
        self._name = name
        self._parts: list[str] | None = None
        self._spoken = 0
        self._count = 0

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        local = _local(name)
        if local == "si":
            self.texts.append("")
        elif local == "rPh":
            self._spoken += 1  # how a word is pronounced, which no cell shows
        elif local == "t" and not self._spoken and self.texts:
            self._parts = []

    def text(self, data: str) -> None:
        if self._parts is None:
            return
        self._parts.append(data)
        self._count += len(data)
        if self._count > _MOST_TEXT:
            raise _too_large(self._name, f"Its texts have more than {_MOST_TEXT:,} characters.")

    def end(self, name: str) -> None:
        local = _local(name)
        if local == "rPh":
            self._spoken -= 1
        elif local == "t" and self._parts is not None:
            self.texts[-1] += _unescaped("".join(self._parts))
            self._parts = None


class _SheetParser:
    """Collects the rows of a sheet."""

    def __init__(self, name: str, texts: list[str]) -> None:
        self._name = name
        self._texts = texts
        self._rows: list[Cells] = []
        self._row: Cells = {}
        self._column = -1
        self._kind = "n"
        self._parts: list[str] = []
        self._length = 0
        self._listening = False

    def taken(self) -> list[Cells]:
        """Return the rows collected so far, once."""
        rows, self._rows = self._rows, []
        return rows

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local = _local(name)
        if local == "row":
            self._row, self._column = {}, -1
        elif local == "c":
            self._column = _column_of(attributes.get("r", ""), self._column + 1)
            self._kind = attributes.get("t", "n")
            self._parts, self._length = [], 0
        elif local in {"v", "t"}:
            self._listening = True

    def text(self, data: str) -> None:
        if not self._listening:
            return
        self._parts.append(data)
        self._length += len(data)
        if self._length > _LONGEST_CELL:
            raise _too_large(self._name, f"One of its cells has more than {_LONGEST_CELL:,} characters.")

    def end(self, name: str) -> None:
        local = _local(name)
        if local in {"v", "t"}:
            self._listening = False
        elif local == "c" and self._parts and self._column < _MOST_COLUMNS:
            value = self._value("".join(self._parts))
            if value is not None and (not isinstance(value, str) or value.strip()):
                self._row[self._column] = value
        elif local == "row" and self._row:
            self._rows.append(self._row)

    def _value(self, text: str) -> object:
        if self._kind == "s":
            place = int(text) if text.strip().isdecimal() and len(text) < 10 else -1
            return self._texts[place] if 0 <= place < len(self._texts) else None
        if self._kind == "b":
            return text.strip() == "1"
        if self._kind == "e":
            return None  # an error such as #N/A
        if self._kind in {"str", "inlineStr"}:
            return _unescaped(text)
        return _number(text)


def _number(text: str) -> object:
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _column_of(reference: str, otherwise: int) -> int:
    """Return the column of a cell's reference such as ``B3``, from 0."""
    letters = re.match(r"[A-Z]{1,3}", reference)
    if letters is None:
        return otherwise
    column = 0
    for letter in letters.group():
        column = column * 26 + ord(letter) - ord("A") + 1
    return column - 1


def _unescaped(text: str) -> str:
    """Return a text with the characters that XML cannot hold, which are written as ``_x000D_``."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _too_large(name: str, detail: str) -> DataProblem:
    return DataProblem(
        "workbook-too-large",
        f"{name} is too large a spreadsheet.",
        detail=detail,
        hint="Save it as CSV, and choose that.",
    )


def _broken(name: str, detail: str) -> DataProblem:
    return DataProblem(
        "broken-workbook",
        f"{name} is not a readable spreadsheet.",
        detail=detail,
        hint="Save it again as XLSX, or as CSV.",
    )
