"""One option on the screen: title, editor, help, what is wrong with it, and the way back to its default."""

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from orpo_studio.config import Issue, Level, Option
from orpo_studio.gui.forms.editors import Editor, FlagEditor, editor_of
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import button, label, set_kind
from orpo_studio.gui.workbench import Workbench

DOT = "●"


class Field(QWidget):
    """Shows and edits one option of the workbench's subject; a run's value can be read, not edited.

    Args:
        bench: whose draft is edited and whose issues are shown.
        option: which one.
        editor: how it is edited, when its kind does not say all.
        with_help: whether the help stands under the editor; it always is its tooltip and its "What's this?".
    """

    def __init__(
        self, bench: Workbench, option: Option, *, editor: Editor | None = None, with_help: bool | None = None
    ) -> None:
        super().__init__()
        self.setProperty("option", option.name)  # by which F1 finds its help
        self.option = option
        self.editor = editor or editor_of(option)
        self._bench = bench
        self.dot = label(DOT, "tuned")
        self.dot.setAccessibleName("Differs from the default")
        self.title = label(option.title, "heading")
        self.title.setBuddy(self.editor)
        self.default = label("", "muted")
        self.reset = button("Reset", self._reset, "link", name=f"Reset {option.title} to its default")
        shows_help = option.level is Level.BASIC if with_help is None else with_help
        self.help = label(option.help if shows_help else "", "muted", wrap=True)
        self.message = label("", "failure", wrap=True)
        self.setFocusProxy(self.editor)
        self._arrange()
        self.editor.edited.connect(lambda text: bench.draft.set_text(option.name, text))
        bench.issues_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the subject's value and what is wrong with it."""
        bench, option = self._bench, self.option
        value = bench.value(option)
        self.editor.show_value(value)
        self.editor.set_read_only(bench.read_only)
        self._show_default(is_changed=differs(option, value))
        issues = [issue for issue in bench.issues() if issue.name == option.name]
        self._show_issues(issues, is_empty=value == "" == option.default)

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(em(0.3))
        head = QHBoxLayout()
        head.setSpacing(em(0.35))
        if isinstance(self.editor, FlagEditor):
            self.title.hide()
            head.addWidget(self.editor)
        else:
            head.addWidget(self.title)
        head.addWidget(self.dot)
        head.addStretch(1)
        head.addWidget(self.default)
        head.addWidget(self.reset)
        column.addLayout(head)
        if not isinstance(self.editor, FlagEditor):
            column.addWidget(self.editor)
        for words in (self.message, self.help):
            column.addWidget(words)
        self.help.setVisible(bool(self.help.text()))
        self.title.setParent(self)
        column.addStretch(1)
        column.setAlignment(Qt.AlignmentFlag.AlignTop)

    def _show_default(self, *, is_changed: bool) -> None:
        shown = brief(self.option, self.option.default)
        told = is_changed and bool(shown)
        self.dot.setVisible(told)
        self.default.setVisible(told)
        self.reset.setVisible(told and not self._bench.read_only)
        self.default.setText(f"Default {shown}")

    def _show_issues(self, issues: list[Issue], *, is_empty: bool) -> None:
        """Show what is wrong; that something is yet to be chosen is no failure, and is said calmly."""
        failed = any(issue.severity == "error" for issue in issues)
        self.editor.mark_invalid(failed and not is_empty)
        sign = "" if is_empty else "✕ " if failed else "▲ "
        self.message.setText("\n".join(f"{sign}{issue.message}" for issue in issues))
        set_kind(self.message, "heading" if is_empty else "failure" if failed else "attention")
        self.message.setVisible(bool(issues))
        told = " ".join(issue.message for issue in issues)
        self.editor.input.setAccessibleDescription(f"{told} {self.option.help}".strip())

    def _reset(self) -> None:
        self._bench.draft.reset(self.option.name)
        self.editor.setFocus(Qt.FocusReason.OtherFocusReason)


def brief(option: Option, value: Any) -> str:
    """Return a value in the fewest words: of a choice, its explanation up to the colon."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str) and value in option.choices:
        return option.choices[value].partition(":")[0]
    return option.format(value)


def differs(option: Option, value: Any) -> bool:
    """Tell whether a value is another one than the option's default."""
    return bool((tuple(value) if isinstance(value, list) else value) != option.default)
