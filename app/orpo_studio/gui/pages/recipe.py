"""The Recipe page: how strongly, how fast and how long; on the right, what that means."""

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from orpo_studio import paths
from orpo_studio.config import Level, Option, all_options, load_recipes
from orpo_studio.gui.forms.field import Field, differs
from orpo_studio.gui.forms.form import Form
from orpo_studio.gui.pages.page import Page
from orpo_studio.gui.pages.recipe_chooser import RecipeChooser
from orpo_studio.gui.pages.recipe_meaning import Meaning
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import card
from orpo_studio.gui.widgets.fold import Fold
from orpo_studio.gui.widgets.scroll import scroll
from orpo_studio.gui.workbench import Workbench

SECTIONS = ("recipe", "train", "evaluate")
"""Sections of the schema whose options are edited here."""


def options_of(level: Level) -> list[Option]:
    """Return the options that a level of this page shows."""
    return [option for option in all_options() if option.section in SECTIONS and option.level is level]


class RecipePage(Page):
    """The settings of the training. They are made when the page is first shown, to keep the window's start short."""

    step = "recipe"
    title = "Recipe"
    purpose = "How strongly, how fast and how long it learns."

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench)
        self._view: RecipeView | None = None

    @property
    def view(self) -> "RecipeView":
        """What the page shows."""
        if self._view is None:
            self._view = RecipeView(self.bench)
            self.body.addWidget(self._view, 1)
        return self._view

    def show_option(self, name: str) -> None:
        self.view.show_option(name)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.view.show()


class RecipeView(QWidget):
    """Recipes to start from, the few settings that matter first, all others behind a fold, and what they mean."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self.chooser = RecipeChooser(bench, load_recipes(paths.resources() / "recipes"))
        self.basic = Form(bench, options_of(Level.BASIC))
        self.all_settings = Fold("All settings", self._make_advanced)
        self.all_settings.toggled.connect(self._remember)
        self.meaning = Meaning(bench)
        self._advanced: Form | None = None
        self._advanced_options = {option.name: option for option in options_of(Level.ADVANCED)}
        self._settings = self._make_settings()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(em(1))
        row.addWidget(self._settings, 5)
        consequences = scroll(self.meaning)
        consequences.setMinimumWidth(em(17))
        consequences.setMaximumWidth(em(26))
        row.addWidget(consequences, 3)
        bench.issues_changed.connect(self._count_problems)
        self._count_problems()
        if bench.preferences.advanced:
            QTimer.singleShot(0, self, lambda: self.all_settings.set_open(True))

    def field(self, name: str) -> Field | None:
        """Return the field of an option, unfolding the advanced ones if it is among them."""
        found = self.basic.field(name)
        if found is None and name in self._advanced_options:
            self.all_settings.set_open(True)
            found = self._advanced.field(name) if self._advanced is not None else None
        return found

    def show_option(self, name: str) -> None:
        """Bring the field of an option into view and focus it."""
        field = self.field(name)
        if field is None:
            return
        field.setFocus(Qt.FocusReason.OtherFocusReason)
        # what was unfolded a moment ago has its place only after the next layout
        QTimer.singleShot(0, field, lambda: self._settings.ensureWidgetVisible(field, em(1), em(2)))

    def _make_settings(self) -> QScrollArea:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(1))
        for inside in (self.chooser, self.basic):
            frame, layout = card()
            layout.addWidget(inside)
            column.addWidget(frame)
        column.addWidget(self.all_settings)
        column.addStretch(1)
        return scroll(content)

    def _make_advanced(self) -> QWidget:
        self._advanced = Form(self._bench, list(self._advanced_options.values()), headings=True)
        frame, layout = card()
        layout.addWidget(self._advanced)
        return frame

    def _remember(self, is_open: bool) -> None:
        self._bench.preferences.advanced = is_open

    def _count_problems(self) -> None:
        bench, options = self._bench, self._advanced_options
        errors = sum(issue.severity == "error" and issue.name in options for issue in bench.issues())
        unread = sum(bench.read_only and issue.name in options for issue in bench.issues())
        changed = sum(differs(option, bench.value(option)) for option in options.values())
        parts = ["All settings"]
        if changed:
            parts.append(f"{changed} changed")
        if errors:
            parts.append(f"{errors} to fix")
        if unread:
            parts.append(f"{unread} cannot be read")
        self.all_settings.set_title(" · ".join(parts))
