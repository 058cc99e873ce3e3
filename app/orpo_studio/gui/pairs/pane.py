"""One text of a pair on the screen, a part of it at a time: a text of megabytes must not hold the window."""

from collections.abc import Iterator, Sequence

from PySide6.QtGui import QColor, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QTextEdit, QVBoxLayout, QWidget

from orpo_studio.gui.pairs.reading import Kind, Mark, Part
from orpo_studio.gui.theme import em, fixed_font, theme
from orpo_studio.gui.widgets.basic import button, label

PART_LENGTH = 6_000
"""Characters laid out at a time; they take about half as long as a frame of the screen."""
_TINT = 0.22
"""How strongly words that differ are tinted."""


class TextPane(QWidget):
    """A heading, the text, and, where it is long, the way to its other parts."""

    def __init__(self, name: str, kind: str, sign: str = "") -> None:
        super().__init__()
        self._name = f"{sign} {name}".strip()
        self._kind = kind
        self._part = Part("")
        self._first = 0
        self.head = label(self._name, kind)
        self.text = QTextEdit(readOnly=True)
        self.text.setAcceptRichText(False)
        self.text.setFont(fixed_font())
        self.text.setTabChangesFocus(True)
        self.text.setUndoRedoEnabled(False)
        self.text.setAccessibleName(name)
        self.text.setMinimumHeight(em(3))
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.where = label("", "muted")
        self.before = button("‹ Before", lambda: self._turn(-1), "link", name=f"{name}: the part before")
        self.after = button("After ›", lambda: self._turn(1), "link", name=f"{name}: the part after")
        self.last = button("End", self._turn_to_end, "link", name=f"{name}: the end")
        self._pager = QWidget()
        row = QHBoxLayout(self._pager)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(em(0.75))
        row.addWidget(self.where, 1)
        for control in (self.before, self.after, self.last):
            row.addWidget(control)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(0.25))
        column.addWidget(self.head)
        column.addWidget(self.text, 1)
        column.addWidget(self._pager)
        self._pager.hide()

    def show_part(self, part: Part, *, counting: bool) -> None:
        """Show a text from its beginning; the same text again stays where it is."""
        same = part.text == self._part.text
        if same and part.marks == self._part.marks and part.tokens == self._part.tokens and part.text:
            self._say(counting=counting)
            return
        repaint = not same or part.marks != self._part.marks
        self._part = part
        if not same:
            self._first = (self._found_from(0) or 0) // PART_LENGTH * PART_LENGTH
        self._say(counting=counting)
        if repaint:
            self._fill()

    def paint_again(self) -> None:
        """Take the colors of another theme."""
        self._fill()

    def _say(self, *, counting: bool) -> None:
        tokens = self._part.tokens
        if tokens is not None:
            about = "about " if self._part.estimated else ""
            self.head.setText(f"{self._name} · {about}{tokens:,} token{'' if tokens == 1 else 's'}")
        else:
            self.head.setText(f"{self._name} · counting…" if counting else self._name)

    def _fill(self) -> None:
        text, first = self._part.text, self._first
        end = min(len(text), first + PART_LENGTH)
        formats: dict[frozenset[Kind], QTextCharFormat] = {}
        self.text.clear()
        cursor = QTextCursor(self.text.document())
        cursor.beginEditBlock()
        for start, stop, kinds in pieces(self._part.marks, first, end):
            if kinds not in formats:
                formats[kinds] = self._format(kinds)
            cursor.insertText(text[start:stop], formats[kinds])
        cursor.endEditBlock()
        found = self._found_from(first)
        cursor.setPosition(self._place(found - first) if found is not None and found < end else 0)
        self.text.setTextCursor(cursor)
        self._pager.setVisible(len(text) > PART_LENGTH)
        self.where.setText(f"Characters {first + 1:,} to {end:,} of {len(text):,}")
        for control, leads_on in (
            (self.before, first > 0),
            (self.after, end < len(text)),
            (self.last, end < len(text)),
        ):
            control.setEnabled(leads_on)
            control.setVisible(leads_on)

    def _found_from(self, place: int) -> int | None:
        """Return where the text that is looked for is found first, from a character on."""
        return min(
            (mark.start for mark in self._part.marks if mark.kind == "found" and mark.start >= place), default=None
        )

    def _place(self, characters: int) -> int:
        """Return the document's position behind so many characters: it counts those beyond 16 bits as two."""
        start = self._part.text[self._first : self._first + characters]
        return len(start) + sum(character > "\uffff" for character in start)

    def _format(self, kinds: frozenset[Kind]) -> QTextCharFormat:
        colors = theme().colors
        made = QTextCharFormat()
        if "differs" in kinds and "cut" not in kinds:
            accent = colors.chosen if self._kind == "chosen" else colors.rejected
            made.setBackground(_blend(accent, colors.panel, _TINT))
        if "found" in kinds:
            made.setBackground(_blend(colors.attention, colors.panel, 1.4 * _TINT))
        elif "special" in kinds:
            made.setForeground(QColor(colors.muted))
            made.setBackground(QColor(colors.raised))
        if "cut" in kinds:
            made.setForeground(_blend(colors.muted, colors.panel, 0.75))
            made.setFontStrikeOut(True)
        return made

    def _turn(self, by: int) -> None:
        self._first = max(0, self._first + by * PART_LENGTH)
        self._fill()

    def _turn_to_end(self) -> None:
        self._first = (len(self._part.text) - 1) // PART_LENGTH * PART_LENGTH
        self._fill()


def pieces(marks: Sequence[Mark], first: int, end: int) -> Iterator[tuple[int, int, frozenset[Kind]]]:
    """Cut a stretch of a text into pieces that look the same throughout, with the kinds of marks each has."""
    inside = [mark for mark in marks if mark.start < end and mark.end > first and mark.start < mark.end]
    events: dict[int, list[tuple[Kind, int]]] = {}
    for mark in inside:
        events.setdefault(max(first, mark.start), []).append((mark.kind, 1))
        events.setdefault(min(end, mark.end), []).append((mark.kind, -1))
    open_marks: dict[Kind, int] = {}
    place = first
    for border in sorted(events):
        if border > place:
            yield place, border, _open(open_marks)
            place = border
        for kind, step in events[border]:
            open_marks[kind] = open_marks.get(kind, 0) + step
    if end > place:
        yield place, end, _open(open_marks)


def _open(marks: dict[Kind, int]) -> frozenset[Kind]:
    return frozenset(kind for kind, count in marks.items() if count > 0)


def _blend(color: str, ground: str, share: float) -> QColor:
    """Return a color laid over another one."""
    above, below = QColor(color), QColor(ground)
    mixed = (
        round(share * a + (1 - share) * b)
        for a, b in zip(above.getRgb()[:3], below.getRgb()[:3], strict=True)  # type: ignore[index]
    )
    return QColor(*mixed)
