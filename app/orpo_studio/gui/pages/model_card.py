"""The card of the chosen model: what its folder says, or why it cannot be used."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from orpo_studio.config import DEMO
from orpo_studio.gui.background import Task, run_in_background
from orpo_studio.gui.notice import Notice, notice_of
from orpo_studio.gui.theme import em, fixed_font
from orpo_studio.gui.widgets.basic import button, card, label, set_kind
from orpo_studio.gui.widgets.fold import Fold
from orpo_studio.gui.workbench import Workbench
from orpo_studio.words import count, parameters, size

if TYPE_CHECKING:
    from orpo_studio.models.card import ModelCard

FACTS = (
    "Architecture",
    "Parameters",
    "Stored as",
    "Size on disk",
    "Context",
    "Vocabulary",
    "End token",
    "Padding token",
    "License",
    "Folder",
)
EXAMPLE = (
    {"role": "user", "content": "What is the capital of France?"},
    {"role": "assistant", "content": "Paris."},
)
"""The conversation by which a chat template is shown."""


class ModelCardView(QWidget):
    """Shows the workbench's model."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self._shown: ModelCard | None = None
        self.title = label("", "heading", wrap=True, selectable=True)
        self.detail = label("", wrap=True, selectable=True)
        self.hint = label("", "muted", wrap=True, selectable=True)
        self.demo = button("Try the demo", bench.use_demo)
        self.facts = {name: label("", wrap=True, selectable=True) for name in FACTS}
        self.notes = label("", "muted", wrap=True, selectable=True)
        self.template = TemplateView()
        self._facts_area = self._make_facts()
        frame, inside = card()
        for widget in (self.title, self.detail, self.hint):
            inside.addWidget(widget)
        inside.addWidget(self.demo, 0, Qt.AlignmentFlag.AlignLeft)
        inside.addWidget(self._facts_area)
        inside.addWidget(self.notes)
        inside.addWidget(self.template)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(frame)
        column.addStretch(1)
        bench.model.changed.connect(self.refresh)
        bench.subject_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the chosen model anew."""
        choice = self._bench.model
        model = choice.card
        for widget in (self._facts_area, self.notes, self.template):
            widget.setVisible(model is not None)
        self.demo.setVisible(model is None and not choice.is_busy and not self._bench.read_only)
        if model is not None:
            self._show_words(Notice("info", "Demo model" if choice.path == DEMO else model.name))
            self._show_card(model)
        elif choice.is_busy:
            self._show_words(Notice("info", "Reading the folder…"))
        elif choice.problem is not None:
            self._show_words(notice_of(choice.problem))
        else:
            self._show_words(
                Notice(
                    "info",
                    "No model yet",
                    "A causal language model in the Hugging Face layout: a folder with config.json, a tokenizer and "
                    "weights as .safetensors.",
                    "Choose a known one, browse for a folder, drop one onto the window, or try the demo.",
                )
            )

    def _show_words(self, words: Notice) -> None:
        failed = words.severity == "error"
        self.title.setText(f"✕ {words.title}" if failed else words.title)
        set_kind(self.title, "failure" if failed else "heading")
        for widget, text in ((self.detail, words.detail), (self.hint, words.hint)):
            widget.setText(text)
            widget.setVisible(bool(text))

    def _show_card(self, model: "ModelCard") -> None:
        if model is self._shown:
            return
        self._shown = model
        kind = "" if model.model_type in model.architecture.lower() else f" ({model.model_type})"
        shape = (
            f", {model.layers} layers of width {count(model.hidden_size)}" if model.layers and model.hidden_size else ""
        )
        texts = {
            "Architecture": f"{model.architecture}{kind}{shape}",
            "Parameters": f"{parameters(model.parameters)} ({count(model.parameters)})",
            "Stored as": _stored(model),
            "Size on disk": size(model.size_bytes),
            "Context": f"{count(model.context)} tokens" if model.context else "Not stated",
            "Vocabulary": f"{count(model.vocabulary)} tokens",
            "End token": model.eos_token,
            "Padding token": model.pad.token + ("" if model.pad.declared else ", chosen for it"),
            "License": model.license or "Not stated",
            "Folder": str(model.path),
        }
        for name, text in texts.items():
            self.facts[name].setText(text)
        self.notes.setText("\n".join(f"▲ {note}" for note in model.notes))
        self.notes.setVisible(bool(model.notes))
        self.template.show_model(model)

    def _make_facts(self) -> QWidget:
        area = QWidget()
        grid = QGridLayout(area)
        grid.setContentsMargins(0, em(0.3), 0, em(0.3))
        grid.setHorizontalSpacing(em(1.5))
        grid.setVerticalSpacing(em(0.25))
        grid.setColumnStretch(1, 1)
        for row, (name, value) in enumerate(self.facts.items()):
            value.setAccessibleName(name)
            grid.addWidget(label(name, "muted"), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(value, row, 1)
        return area


class TemplateView(QWidget):
    """How the model writes a conversation: whose template it is, and, behind folds, an example and the source."""

    def __init__(self) -> None:
        super().__init__()
        self._task: Task | None = None
        self._model: ModelCard | None = None
        self.origin = label("", wrap=True)
        self.example = _text("Example conversation as the model reads it", em(9))
        self.source = _text("Source of the chat template", em(14))
        self.example_fold = Fold("Example", lambda: self.example)
        self.source_fold = Fold("Source", lambda: self.source)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, em(0.3), 0, 0)
        column.setSpacing(em(0.4))
        head = QHBoxLayout()
        head.setSpacing(em(1.5))
        head.addWidget(label("Chat template", "muted"), 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.origin, 1)
        column.addLayout(head)
        column.addWidget(self.example_fold)
        column.addWidget(self.source_fold)
        self.example_fold.toggled.connect(lambda _is_open: self._render())

    def show_model(self, model: "ModelCard") -> None:
        """Show the template of a model."""
        self._model = model
        if self._task is not None:
            self._task.cancel()
            self._task = None
        own = model.chat_template is not None
        self.origin.setText("The model brings its own." if own else "None; a plain one is used.")
        self.source.setPlainText(model.chat_template or "")
        self.source_fold.setVisible(own)
        self.example.setPlainText("")
        self._render()

    def _render(self) -> None:
        """Render the example in the background: a template is a program, and may be a slow one."""
        model = self._model
        if model is None or not self.example_fold.is_open or self._task is not None or self.example.toPlainText():
            return

        def work(_task: Task) -> str:
            from orpo_studio.models.chat_template import ChatTemplate

            return ChatTemplate.of(model).render(EXAMPLE)

        self._task = run_in_background(self, work, self._on_rendered, self._on_refused)

    def _on_rendered(self, text: str) -> None:
        self._task = None
        self.example.setPlainText(text)

    def _on_refused(self, error: Exception) -> None:
        self._task = None
        self.example.setPlainText(notice_of(error).as_text())


def _stored(model: "ModelCard") -> str:
    method = (model.quantization_config or {}).get("quant_method")
    return f"{model.dtype}, quantized ({method})" if isinstance(method, str) else model.dtype


def _text(name: str, height: int) -> QPlainTextEdit:
    shown = QPlainTextEdit(readOnly=True)
    shown.setFont(fixed_font())
    shown.setFixedHeight(height)
    shown.setAccessibleName(name)
    shown.setTabChangesFocus(True)
    return shown
