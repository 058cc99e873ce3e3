"""What can be done with a run: open, use its settings, show its folder, write a support archive, delete."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, Qt, QUrl
from PySide6.QtGui import QAction, QDesktopServices, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QFileDialog, QMenu, QMessageBox

from orpo_studio.gui.background import run_in_background
from orpo_studio.gui.notice import Notice
from orpo_studio.gui.runs import face
from orpo_studio.gui.widgets.message_box import message_box
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import RunFolder, RunSummary, is_held, write_support_archive
from orpo_studio.runs.folder import NEWER

_ADD, _TAKE_OUT = "Add to the queue", "Take out of the queue"


class RunActions(QObject):
    """The actions of a view of runs: in its context menu and by keys, for the run that is marked in it."""

    def __init__(
        self,
        view: QAbstractItemView,
        bench: Workbench,
        marked: Callable[[], RunSummary | None],
        open_run: Callable[[RunSummary], object],
        first: Sequence[QAction] = (),
    ) -> None:
        super().__init__(view)
        self._view, self._bench, self._marked = view, bench, marked
        self.open = self._action("Open", "Return", open_run)
        self.queue = self._action(_ADD, "", self._turn_queue)
        self._first = list(first)
        self.use_settings = self._action("Use these settings", "Ctrl+D", lambda s: bench.use_settings(s.folder))
        self.show_folder = self._action("Open folder", "Ctrl+O", lambda s: show_in_files(s.folder.path))
        self.support = self._action("Support archive…", "", self._ask_for_archive)
        self.delete = self._action("Delete…", QKeySequence(QKeySequence.StandardKey.Delete), self._ask_to_delete)
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        view.customContextMenuRequested.connect(self._open_menu)

    def all(self) -> list[QAction]:
        """Return the actions of any run, in the order of the menu."""
        return [self.open, self.use_settings, self.show_folder, self.support, self.delete]

    def refresh(self) -> None:
        """Allow what is possible with the marked run."""
        summary = self._marked()
        for action in self.all():
            action.setEnabled(summary is not None)
        if summary is not None:
            self.open.setEnabled(summary.problem is None or summary.problem.code == NEWER)
            self.use_settings.setEnabled(summary.problem is None)
            self.delete.setEnabled(not face.is_live(summary))
            self.queue.setText(_TAKE_OUT if summary.place else _ADD)
        self.queue.setEnabled(summary is not None and (bool(summary.place) or face.may_wait(summary)))

    def _action(self, text: str, keys: str | QKeySequence, work: Callable[[RunSummary], object]) -> QAction:
        action = QAction(text, self)
        action.setShortcut(keys)
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)

        def triggered() -> None:
            summary = self._marked()
            if summary is not None:
                work(summary)

        action.triggered.connect(triggered)
        self._view.addAction(action)
        return action

    def _open_menu(self, at: QPoint) -> None:
        if self._marked() is None:
            return
        self.refresh()
        menu = QMenu(self._view)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if self._first:
            menu.addActions(self._first)
            menu.addAction(self.queue)
            menu.addSeparator()
        menu.addActions(self.all()[:-1])
        if not self._first:
            menu.addAction(self.queue)
        menu.addSeparator()
        menu.addAction(self.delete)
        menu.popup(self._view.viewport().mapToGlobal(at))

    def _turn_queue(self, summary: RunSummary) -> None:
        if summary.place:
            self._bench.queue.take_out(summary.folder)
        else:
            self._bench.queue.add(summary.folder)

    def _ask_for_archive(self, summary: RunSummary) -> None:
        suggested = Path.home() / f"{summary.folder.id}-support.zip"
        dialog = QFileDialog(self._view, "Support archive", str(suggested), "Zip archive (*.zip)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("zip")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.write_archive(summary.folder, Path(path)))
        dialog.open()

    def write_archive(self, folder: RunFolder, target: Path) -> None:
        """Write the support archive in the background and tell where it lies."""

        def done(path: Path) -> None:
            self._bench.tell(
                Notice(
                    "info",
                    "The support archive is written.",
                    str(path),
                    "It holds settings, events, the log and versions: no prompts, answers, weights or tokens.",
                )
            )

        run_in_background(self, lambda _task: write_support_archive(folder, target), done, self._bench.tell)

    def _ask_to_delete(self, summary: RunSummary) -> None:
        if is_held(summary.folder.lock_file):
            self._bench.tell(
                Notice(
                    "warning",
                    f"“{summary.title}” is still being worked on.",
                    "A run cannot be deleted while its processes live.",
                    "Stop it first, or wait until it ends.",
                )
            )
            return
        box = message_box(
            self._view,
            "Delete a run",
            f"Delete “{summary.title}”?",
            f"The folder {summary.folder.path} is removed with its adapter, checkpoints and exports. "
            "This cannot be undone.",
        )
        delete = box.addButton("Delete", QMessageBox.ButtonRole.DestructiveRole)
        keep = box.addButton("Keep", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        box.finished.connect(lambda: self._bench.delete_run(summary.folder) if box.clickedButton() is delete else None)
        box.open()


def show_in_files(path: Path) -> None:
    """Show a folder, or the folder of a file, in the system's file manager."""
    is_program = sys.platform == "darwin" and bool(path.suffix)  # a folder that ends in .app would be started
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path if path.is_dir() and not is_program else path.parent)))
