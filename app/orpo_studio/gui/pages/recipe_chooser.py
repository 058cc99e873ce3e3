"""Recipes to start from: named settings, each with its source."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from orpo_studio.config import Option, Recipe, all_options
from orpo_studio.gui.forms.field import differs
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import label
from orpo_studio.gui.widgets.combo import ComboBox
from orpo_studio.gui.workbench import Workbench

OWN = ("Own settings", "These settings follow no recipe.", "Choosing one replaces them; Ctrl+Z brings them back.")
DEFAULTS = (
    "Default settings",
    "Every setting has its default.",
    "A recipe fits them to a machine, or repeats a known run.",
)


class RecipeChooser(QWidget):
    """Shows which recipe the subject follows, and gives its values to the draft when one is chosen."""

    def __init__(self, bench: Workbench, recipes: Sequence[Recipe]) -> None:
        super().__init__()
        self._bench, self._recipes = bench, list(recipes)
        self._options = [option for option in all_options() if option.section == "recipe"]
        self._expected = [_values_of(recipe) for recipe in self._recipes]
        self.box = ComboBox()
        self.box.setAccessibleName("Recipe to start from")
        for place, recipe in enumerate(self._recipes):
            self.box.addItem(recipe.title)
            self.box.setItemData(place, recipe.summary, Qt.ItemDataRole.ToolTipRole)
        self.summary = label("", wrap=True)
        self.source = label("", "muted", wrap=True, selectable=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(0.4))
        row = QHBoxLayout()
        row.setSpacing(em(1))
        row.addWidget(label("Start from", "heading"))
        row.addWidget(self.box, 1)
        column.addLayout(row)
        column.addWidget(self.summary)
        column.addWidget(self.source)
        self.box.activated.connect(lambda place: bench.draft.apply_recipe(self._recipes[place]))
        bench.issues_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the recipe that the subject's values follow."""
        self.setVisible(bool(self._recipes))
        is_open = not self._bench.read_only
        self.box.setEnabled(is_open)
        self.box.setToolTip(
            "Gives every setting of this page the recipe's value. Ctrl+Z takes it back." if is_open else ""
        )
        place = next((place for place, values in enumerate(self._expected) if self._follows(values)), -1)
        self.box.setCurrentIndex(place)
        if place < 0:
            title, what, choosing = OWN if any(self._is_changed(option) for option in self._options) else DEFAULTS
            self.box.setPlaceholderText(title)
            self.summary.setText(f"{what} {choosing}" if is_open else what)
            self.source.setText("")
        else:
            self.summary.setText(self._recipes[place].summary)
            self.source.setText(f"Source: {self._recipes[place].source}")
        self.source.setVisible(place >= 0)

    def _is_changed(self, option: Option) -> bool:
        return differs(option, self._bench.value(option))

    def _follows(self, values: Sequence[tuple[Option, Any]]) -> bool:
        return all(_plain(self._bench.value(option)) == value for option, value in values)


def _values_of(recipe: Recipe) -> list[tuple[Option, Any]]:
    """Return every option that a recipe decides, with its value: all of the recipe page, and what else it names."""
    decided = []
    for option in all_options():
        patch = recipe.values.get(option.section, {})
        if option.section == "recipe" or option.key in patch:
            decided.append((option, _plain(patch.get(option.key, option.default))))
    return decided


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
