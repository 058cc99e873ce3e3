"""The main window: rail, header, the six pages, notices and foot. It places and connects; the work is elsewhere."""

from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QByteArray, Qt, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QMessageBox, QVBoxLayout, QWidget

from orpo_studio.gui.outline import Outline
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import set_kind
from orpo_studio.gui.widgets.message_box import message_box

if TYPE_CHECKING:
    from orpo_studio.gui.pages.data import DataPage
    from orpo_studio.gui.pages.page import Page
    from orpo_studio.gui.question import Question
    from orpo_studio.gui.runs.queue import StartQuestion
    from orpo_studio.gui.workbench import Workbench


class MainWindow(QMainWindow):
    """The window. It shows its outline until it is filled: what filling imports takes longer than a first paint may.

    Args:
        geometry: place and size as the preferences remember them, or the empty string.
    """

    outlined = Signal()
    """The outline has been painted."""

    def __init__(self, geometry: str = "") -> None:
        super().__init__()
        self.setWindowTitle("ORPO Studio")
        self.setAcceptDrops(True)
        self.resize(em(80), em(52))
        if geometry:
            self.restoreGeometry(QByteArray.fromBase64(geometry.encode()))
        outline = Outline()
        outline.painted.connect(self.outlined)
        self.setCentralWidget(outline)
        self._is_filled = self._leaving = self._is_asking = False

    def fill(self, bench: "Workbench") -> None:
        """Put rail, header, pages, notices and foot into the window."""
        from orpo_studio.gui.actions import Actions
        from orpo_studio.gui.foot import Foot
        from orpo_studio.gui.header import Header
        from orpo_studio.gui.notices import NoticeStrip
        from orpo_studio.gui.page_stack import PageStack
        from orpo_studio.gui.pairs.actions import data_actions
        from orpo_studio.gui.palette import Palette
        from orpo_studio.gui.rail import Rail
        from orpo_studio.gui.runs.queue_list import QueueList
        from orpo_studio.gui.runs.rail_list import RunListView

        self.bench = bench
        bench.setParent(self)
        self.stack = PageStack(bench)
        self.pages = self.stack.pages
        self.runs = RunListView(bench)
        self.queue = QueueList(bench)
        self.rail = Rail(bench, self.queue, self.runs)
        self.header = Header(bench)
        self.notices = NoticeStrip()
        self.foot = Foot(bench)
        self.actions_table = Actions(self, bench, self.show_page, data_actions(bench, self._data_page))
        self.palette_dialog = Palette(self, self.actions_table.all, self.actions_table.refresh)
        self._arrange()
        self._connect()
        self._is_filled = True
        self.show_page("train" if bench.read_only else "model")

    def show_page(self, key: str) -> None:
        """Show the page of a step."""
        self.stack.show_page(key)
        self.rail.select(key)
        self._put_foot_last()

    @property
    def current_page(self) -> str:
        """The step of the page that is shown."""
        return self.stack.current

    def show_option(self, name: str) -> None:
        """Show the page of an option and focus its field."""
        from orpo_studio.gui.steps import page_of

        page = page_of(name.partition(".")[0])
        if page in self.pages:
            self.show_page(page)
            self.pages[page].show_option(name)

    def refresh(self) -> None:
        """Show the present states in rail and foot."""
        self.rail.refresh()
        self.foot.refresh()

    # --- Qt's events

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._is_filled:
            super().closeEvent(event)
            return
        follower = self.bench.follower
        if follower is not None and follower.state in {"launching", "running"} and not self._leaving:
            event.ignore()
            self._ask_before_leaving()
            return
        self.bench.preferences.geometry = bytes(self.saveGeometry().toBase64().data()).decode()
        try:
            self.bench.save_preferences()
        except OSError as error:
            self.bench.tell(error)
        self.bench.close()
        super().closeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self._is_filled and any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        for url in event.mimeData().urls():
            if url.isLocalFile():
                self.show_page(self.bench.take_file(url.toLocalFile()))

    # --- inside

    def _data_page(self) -> "DataPage":
        """Show the Data page and return it."""
        self.show_page("data")
        return cast("DataPage", self.pages["data"])

    def _arrange(self) -> None:
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(self.notices)
        column.addWidget(self.stack, 1)
        column.addWidget(self.foot)
        whole = QWidget()
        row = QHBoxLayout(whole)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addWidget(right, 1)
        self.setCentralWidget(whole)

    def _connect(self) -> None:
        bench = self.bench
        self.rail.step_chosen.connect(self.show_page)
        self.runs.all_wanted.connect(lambda: self.show_page("runs"))
        self.stack.made.connect(self._on_page)
        self.foot.issue_chosen.connect(self.show_option)
        bench.noticed.connect(self.notices.show_notice)
        bench.rows_wanted.connect(lambda _rows: self.show_page("data"))
        bench.issues_changed.connect(self.refresh)
        bench.subject_changed.connect(self._on_subject)
        bench.run_started.connect(lambda: self.show_page("train"))
        bench.run_shown.connect(lambda: self.show_page("train"))
        bench.workspace_wanted.connect(self.actions_table.choose_workspace)
        bench.start_in_question.connect(self._ask_before_starting)
        bench.in_question.connect(self._ask)
        bench.queue.changed.connect(self.refresh)
        self.header.menu.setMenu(self.actions_table.menu())
        palette = QShortcut(QKeySequence("Ctrl+K"), self)
        palette.activated.connect(self.palette_dialog.open_fresh)

    def _on_page(self, page: "Page") -> None:
        page.step_wanted.connect(self.show_page)
        page.option_wanted.connect(self.show_option)
        self._put_foot_last()

    def _put_foot_last(self) -> None:
        """Let Tab go as one reads: a page is made after the foot, and would come after it."""
        last: QWidget = self.previousInFocusChain() or self
        # Qt puts nothing after what takes no focus, nor after the list of a combo box, a window of its own.
        while last is not self and not (last.window() is self and last.focusPolicy() & Qt.FocusPolicy.TabFocus):
            last = last.previousInFocusChain() or self
        for widget in self.foot.in_order():
            self.setTabOrder(last, widget)
            last = widget

    def _on_subject(self) -> None:
        follower = self.bench.follower
        if follower is not None:
            follower.state_changed.connect(self.refresh)
        self.refresh()

    def _ask_before_starting(self, question: "StartQuestion") -> None:
        from orpo_studio.gui.runs.start_question import open_question

        open_question(self, question)

    def _ask(self, question: "Question") -> None:
        from orpo_studio.gui.question_box import open_question

        open_question(self, question)

    def _ask_before_leaving(self) -> None:
        follower = self.bench.follower
        if self._is_asking or follower is None:
            return
        self._is_asking = True
        waits = follower.fold.waits_to_save  # a stop could save nothing
        box = message_box(
            self,
            "A run is training",
            "The run waits to save its result." if waits else "The run is still training.",
            "It can go on without this window, which will show it again when it is next opened.",
        )
        keep = box.addButton("Keep it going in the background", QMessageBox.ButtonRole.AcceptRole)
        stop = None if waits else box.addButton("Stop and save", QMessageBox.ButtonRole.DestructiveRole)
        stay = box.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        set_kind(keep, "main")

        def answered() -> None:
            self._is_asking = False
            clicked = box.clickedButton()
            if clicked is None or clicked is stay:
                return
            if clicked is stop:
                self.bench.request("stop")
            self._leaving = True
            self.close()

        box.finished.connect(answered)
        box.open()
