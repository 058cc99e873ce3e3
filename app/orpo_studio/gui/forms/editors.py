"""Editors of one value. Each speaks text, as a person does, and shows any value, also one that is no value at all.

An editor never announces what it is told to show, only what a person does; so there is no loop to break.
"""

import math
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QWidget

from orpo_studio.config import Option, OptionError
from orpo_studio.gui.forms.slider import LogarithmicSlider
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, label
from orpo_studio.gui.widgets.check import CheckBox
from orpo_studio.gui.widgets.combo import ComboBox


class Editor(QWidget):
    """Edits the value of one option.

    Attributes:
        option: whose value it is.
        input: the widget that is typed into; it carries the name, the help and the focus.
    """

    edited = Signal(str)
    """What the person entered, for ``Option.parse``; also what cannot be parsed."""

    def __init__(self, option: Option, editing: QWidget) -> None:
        super().__init__()
        self.option = option
        self.input = editing
        editing.setAccessibleName(option.title)
        editing.setAccessibleDescription(option.help)
        editing.setWhatsThis(option.help)
        editing.setToolTip(option.help)
        self.setFocusProxy(editing)
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 0)
        self.row.setSpacing(em(0.6))

    def show_value(self, value: Any) -> None:
        """Show a value, or the raw text of what could not be parsed."""
        raise NotImplementedError

    def set_read_only(self, read_only: bool) -> None:
        """Forbid or allow editing; the value stays legible."""
        self.input.setEnabled(not read_only)

    def mark_invalid(self, invalid: bool) -> None:
        """Show in the editor itself that its value cannot be used."""
        if self.input.property("invalid") != invalid:
            self.input.setProperty("invalid", invalid)
            self.input.style().unpolish(self.input)
            self.input.style().polish(self.input)


class SettingLine(QLineEdit):
    """A line edit that leaves Undo and Redo to the window, whose undo covers every setting."""

    def event(self, event: QEvent) -> bool:
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and (event.matches(QKeySequence.StandardKey.Undo) or event.matches(QKeySequence.StandardKey.Redo))
        ):
            event.ignore()
            return False
        return super().event(event)


class LineEditor(Editor):
    """A line of text. What the person typed stays as typed while it means the value shown."""

    def __init__(self, option: Option) -> None:
        self.line = SettingLine()
        super().__init__(option, self.line)
        self.line.setMinimumHeight(em(1.9))
        self.line.textEdited.connect(self.edited)
        self.row.addWidget(self.line, 1)

    def show_value(self, value: Any) -> None:
        if _is_same(self._value_typed(), value):
            return
        text = value if isinstance(value, str) else self.option.format(value)
        cursor = self.line.cursorPosition()
        self.line.setText(text)
        self.line.setCursorPosition(min(cursor, len(text)) if self.line.hasFocus() else 0)

    def set_read_only(self, read_only: bool) -> None:
        self.line.setReadOnly(read_only)

    def _value_typed(self) -> Any:
        text = self.line.text()
        try:
            return self.option.parse(text)
        except OptionError:
            return text


class NumberEditor(LineEditor):
    """A number: a short line, then its unit and bounds, or a logarithmic slider; what is typed wins."""

    def __init__(self, option: Option) -> None:
        super().__init__(option)
        self.row.setStretch(0, 0)
        self.line.setFixedWidth(em(6.5))
        self.slider: LogarithmicSlider | None = None
        if option.logarithmic:
            self.slider = LogarithmicSlider.around(option.default)
            self.slider.setAccessibleName(f"{option.title}, slider")
            self.slider.setToolTip(f"{option.title}: {option.bounds}")
            self.slider.chosen.connect(self._on_slider)
            self.row.addWidget(self.slider, 1)
        else:
            self.row.addWidget(label(unit_and_bounds(option), "muted"), 1)

    def show_value(self, value: Any) -> None:
        super().show_value(value)
        if self.slider is not None and isinstance(value, (int, float)):
            self.slider.show_value(value)

    def set_read_only(self, read_only: bool) -> None:
        super().set_read_only(read_only)
        if self.slider is not None:
            self.slider.setEnabled(not read_only)

    def _on_slider(self, value: float) -> None:
        self.line.setText(self.option.format(value))
        self.edited.emit(self.line.text())


class ChoiceEditor(Editor):
    """One of a few values, each with its explanation; long ones are elided and told in full as a tooltip."""

    def __init__(self, option: Option) -> None:
        self.box = ComboBox()
        super().__init__(option, self.box)
        for place, (value, meaning) in enumerate(option.choices.items()):
            self.box.addItem(meaning, value)
            self.box.setItemData(place, meaning, Qt.ItemDataRole.ToolTipRole)
        self.box.activated.connect(lambda place: self.edited.emit(self.box.itemData(place)))
        self.row.addWidget(self.box, 1)

    def show_value(self, value: Any) -> None:
        self.box.setCurrentIndex(self.box.findData(value) if isinstance(value, str) else -1)
        self.box.setToolTip("\n\n".join(part for part in (self.box.currentText(), self.option.help) if part))


class FlagEditor(Editor):
    """A check box, which carries the option's title itself."""

    def __init__(self, option: Option) -> None:
        self.check = CheckBox(option.title)
        super().__init__(option, self.check)
        self.check.clicked.connect(lambda checked: self.edited.emit("true" if checked else "false"))
        self.row.addWidget(self.check)

    def show_value(self, value: Any) -> None:
        self.check.setChecked(value is True)


class PathEditor(LineEditor):
    """A path, typed or chosen in a dialog.

    Args:
        option: whose value it is.
        folder: whether a folder is wanted, not a file.
        name_filter: what a file's dialog offers, as Qt writes it.
    """

    def __init__(self, option: Option, *, folder: bool = False, name_filter: str = "", placeholder: str = "") -> None:
        super().__init__(option)
        self._folder, self._filter = folder, name_filter
        self.line.setPlaceholderText(placeholder)
        self.browse = button("Browse…", self.open_dialog, name=f"Browse for {option.title}")
        self.row.addWidget(self.browse)

    def set_read_only(self, read_only: bool) -> None:
        super().set_read_only(read_only)
        self.browse.setEnabled(not read_only)

    def open_dialog(self) -> QFileDialog:
        """Let the person choose; the dialog does not hold up the window."""
        dialog = QFileDialog(self, f"Choose: {self.option.title}")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        mode = QFileDialog.FileMode.Directory if self._folder else QFileDialog.FileMode.ExistingFile
        dialog.setFileMode(mode)
        if self._filter:
            dialog.setNameFilter(self._filter)
        present = Path(self.line.text()).expanduser()
        if self.line.text() and present.parent.is_dir():
            dialog.setDirectory(str(present.parent))
        dialog.fileSelected.connect(self._on_chosen)
        dialog.open()
        return dialog

    def _on_chosen(self, path: str) -> None:
        self.line.setText(path)
        self.edited.emit(path)


def editor_of(option: Option) -> Editor:
    """Return the editor that fits an option's kind."""
    match option.kind.value:
        case "integer" | "number":
            return NumberEditor(option)
        case "choice":
            return ChoiceEditor(option)
        case "flag":
            return FlagEditor(option)
        case "path":
            return PathEditor(option)
        case _:
            return LineEditor(option)


def unit_and_bounds(option: Option) -> str:
    """Return what a number counts and where it may lie, in a few words; far-off upper bounds are left out."""
    low, high = option.minimum, option.maximum
    words = []
    if low is not None:
        words.append(f"{'above' if option.exclusive_minimum else 'from'} {_number(low)}")
    if high is not None and high < 1_000_000:
        words.append(f"{'to below' if option.exclusive_maximum else 'to'} {_number(high)}")
    return ", ".join(part for part in (option.unit, " ".join(words)) if part)


def _number(value: float) -> str:
    return f"{value:,.10g}"


def _is_same(first: Any, second: Any) -> bool:
    if isinstance(first, float) and isinstance(second, float) and math.isnan(first) and math.isnan(second):
        return True
    plain = [list(value) if isinstance(value, tuple) else value for value in (first, second)]
    return bool(plain[0] == plain[1]) and isinstance(first, str) == isinstance(second, str)
