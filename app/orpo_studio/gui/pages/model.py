"""The Model page: known models and a path on the left, the card of the chosen one on the right."""

from PySide6.QtCore import QItemSelectionModel, QSignalBlocker, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from orpo_studio.config import DEMO, find_option
from orpo_studio.gui.forms.editors import PathEditor
from orpo_studio.gui.forms.field import Field
from orpo_studio.gui.pages.model_card import ModelCardView
from orpo_studio.gui.pages.model_list import KnownModels, KnownModelsTable
from orpo_studio.gui.pages.page import Page
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, label
from orpo_studio.gui.widgets.scroll import scroll
from orpo_studio.gui.workbench import Workbench

PATH = "model.path"


class ModelPage(Page):
    """Choosing the base model."""

    step = "model"
    title = "Base model"
    purpose = "The language model that learns from your preference pairs."

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench)
        option = find_option(PATH)
        self.path = Field(
            bench,
            option,
            editor=PathEditor(option, folder=True, placeholder="A folder with config.json and .safetensors files"),
        )
        self.known = KnownModels(self)
        self.table = KnownModelsTable(self.known)
        self.remove = button("Remove from the list", self._remove, "link")
        self.card = ModelCardView(bench)
        row = QHBoxLayout()
        row.setSpacing(em(1))
        row.addWidget(self._make_left(), 1)
        row.addWidget(scroll(self.card), 1)
        self.body.addLayout(row, 1)
        self.table.selectionModel().currentRowChanged.connect(lambda _now, _before: self._on_row())
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.table)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self._remove)
        self.known.dataChanged.connect(lambda *_where: self._show_removal())
        bench.model.changed.connect(self.refresh)
        bench.subject_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the known models and mark the chosen one."""
        self.table.setEnabled(not self.bench.read_only)
        with QSignalBlocker(self.table.selectionModel()):
            self.known.show_paths(self.bench.preferences.recent_models)
            self._mark(self.known.row_of(self.bench.model.path))
        self.table.viewport().update()
        self._show_removal()

    def show_option(self, name: str) -> None:
        self.path.setFocus(Qt.FocusReason.OtherFocusReason)

    def _make_left(self) -> QWidget:
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(0.5))
        column.addWidget(self.path)
        column.addSpacing(em(0.5))
        column.addWidget(label("Known models", "heading"))
        column.addWidget(self.table, 1)
        column.addWidget(self.remove)
        return left

    def _mark(self, row: int) -> None:
        selection = self.table.selectionModel()
        if row < 0:
            selection.clear()
            return
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        selection.setCurrentIndex(self.known.index(row, 0), flags)

    def _on_row(self) -> None:
        model = self.known.model_at(self.table.currentIndex().row())
        if model is not None and not self.bench.read_only:
            self.bench.draft.set(PATH, model.path)
        self._show_removal()

    def _show_removal(self) -> None:
        model = self.known.model_at(self.table.currentIndex().row())
        removable = model is not None and model.path != DEMO and not self.bench.read_only
        self.remove.setEnabled(removable)
        self.remove.setVisible(removable)

    def _remove(self) -> None:
        """Forget a recent model; nothing happens to its folder. If it was the chosen one, none is chosen."""
        model = self.known.model_at(self.table.currentIndex().row())
        if model is None or model.path == DEMO or self.bench.read_only:
            return
        preferences = self.bench.preferences
        preferences.recent_models = [path for path in preferences.recent_models if path != model.path]
        if self.bench.model.path == model.path:
            self.bench.draft.set(PATH, "")
        self.refresh()
