"""Light and dark: the palette, the few style rules, and the colors that mean something.

``QStyleHints.setColorScheme`` has no effect on a bare X server, so the palette is our own. Sizes are in em of the base
font, never in pixels, so that larger fonts keep the proportions.
"""

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontMetricsF, QPalette
from PySide6.QtWidgets import QApplication

Scheme = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class Colors:
    """The colors of one scheme; ``text`` and ``muted`` stand at 4.5:1 or more on ``panel`` and ``background``."""

    scheme: Scheme
    background: str
    panel: str
    raised: str
    border: str
    text: str
    muted: str
    accent: str
    accent_text: str
    selection: str
    chosen: str
    rejected: str
    tuned: str
    base: str
    attention: str
    failure: str


LIGHT = Colors(
    scheme="light",
    background="#F6F7F9",
    panel="#FFFFFF",
    raised="#EEF0F3",
    border="#DEE1E6",
    text="#1B1F24",
    muted="#5B636E",
    accent="#0067A3",
    accent_text="#FFFFFF",
    selection="#DCECF7",
    chosen="#00795A",
    rejected="#B94F00",
    tuned="#0067A3",
    base="#68707A",
    attention="#8F6200",
    failure="#BF2E0F",
)
DARK = Colors(
    scheme="dark",
    background="#14171B",
    panel="#1C2026",
    raised="#272C34",
    border="#30363E",
    text="#E8EBEF",
    muted="#9AA3AE",
    accent="#1F7FBD",
    accent_text="#FFFFFF",
    selection="#1D3A50",
    chosen="#2DBE93",
    rejected="#F08A3C",
    tuned="#4BA3DB",
    base="#A3A9B2",
    attention="#E6AC2E",
    failure="#FF7A5C",
)


class Theme(QObject):
    """The scheme in force; ``changed`` tells widgets that paint by themselves."""

    changed = Signal()

    def __init__(self, app: QApplication, choice: str = "system") -> None:
        super().__init__(app)
        self._app = app
        self._choice = choice
        self.colors = LIGHT
        app.setStyle("Fusion")
        app.styleHints().colorSchemeChanged.connect(self._apply)
        self._apply()

    @property
    def choice(self) -> str:
        """``system``, ``light`` or ``dark``."""
        return self._choice

    def choose(self, choice: str) -> None:
        """Follow the system, or be light or dark."""
        self._choice = choice
        self._apply()

    def _apply(self) -> None:
        dark = self._choice == "dark"
        if self._choice == "system":
            dark = self._app.styleHints().colorScheme() == Qt.ColorScheme.Dark
        colors = DARK if dark else LIGHT
        sheet = style_sheet(colors)
        if colors == self.colors and sheet == self._app.styleSheet():
            return  # to style every widget anew takes a millisecond each
        self.colors = colors
        self._app.setPalette(palette(colors))
        self._app.setStyleSheet(sheet)
        self.changed.emit()


_theme: list[Theme] = []


def install_theme(app: QApplication, choice: str = "system") -> Theme:
    """Make the application's theme, or choose anew; there is one, as there is one application."""
    if _theme:
        _theme[0].choose(choice)
    else:
        _theme.append(Theme(app, choice))
    return _theme[0]


def theme() -> Theme:
    """Return the application's theme."""
    if not _theme:
        app = QApplication.instance()
        if not isinstance(app, QApplication):
            raise RuntimeError("theme() needs a QApplication")
        return install_theme(app)
    return _theme[0]


def em(count: float = 1.0) -> int:
    """Return ``count`` times the height of the base font in pixels; the unit of every size."""
    return round(QFontMetricsF(QApplication.font()).height() * count)


def figure_font(scale: float = 1.6) -> QFont:
    """Return the font of large figures, with digits of one width."""
    font = QFont(QApplication.font())
    font.setPointSizeF(font.pointSizeF() * scale)
    font.setWeight(QFont.Weight.DemiBold)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def fixed_font() -> QFont:
    """Return the font of logs and templates."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPointSizeF(QApplication.font().pointSizeF())
    return font


def palette(colors: Colors) -> QPalette:
    """Return the Qt palette of a scheme."""
    made = QPalette()
    role = QPalette.ColorRole
    for which, color in (
        (role.Window, colors.background),
        (role.WindowText, colors.text),
        (role.Base, colors.panel),
        (role.AlternateBase, colors.background),
        (role.Text, colors.text),
        (role.PlaceholderText, colors.muted),
        (role.Button, colors.raised),
        (role.ButtonText, colors.text),
        (role.ToolTipBase, colors.panel),
        (role.ToolTipText, colors.text),
        (role.Highlight, colors.accent),
        (role.HighlightedText, colors.accent_text),
        (role.Link, colors.tuned),
        (role.Accent, colors.accent),
        (role.Mid, colors.border),
        (role.Dark, colors.border),
        (role.Light, colors.panel),
    ):
        made.setColor(which, QColor(color))
    for which in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, which, QColor(colors.muted))
    return made


def style_sheet(colors: Colors) -> str:
    """Return the rules that a palette cannot give. Frames are named by a dynamic property ``kind``."""
    small, base = em(0.2), em(0.35)
    return f"""
    QToolTip {{ color: {colors.text}; background: {colors.panel}; border: 1px solid {colors.border};
                padding: {small}px; }}
    QFrame[kind="card"] {{ background: {colors.panel}; border: 1px solid {colors.border}; border-radius: 8px; }}
    QFrame[kind="line"] {{ background: {colors.border}; border: none; max-height: 1px; }}
    QFrame[kind="rail"] {{ background: {colors.panel}; border: none; border-right: 1px solid {colors.border}; }}
    QFrame[kind="foot"] {{ background: {colors.panel}; border: none; border-top: 1px solid {colors.border}; }}
    QLabel[kind="title"] {{ font-size: {em(1.25)}px; font-weight: 600; }}
    QLabel[kind="heading"] {{ font-weight: 600; }}
    QLabel[kind="muted"] {{ color: {colors.muted}; }}
    QLabel[kind="failure"] {{ color: {colors.failure}; }}
    QLabel[kind="attention"] {{ color: {colors.attention}; }}
    QLabel[kind="chosen"] {{ color: {colors.chosen}; font-weight: 600; }}
    QLabel[kind="rejected"] {{ color: {colors.rejected}; font-weight: 600; }}
    QLabel[kind="tuned"] {{ color: {colors.tuned}; font-weight: 600; }}
    QLabel[kind="base"] {{ color: {colors.base}; font-weight: 600; }}
    QPushButton {{ padding: {base}px {em(1)}px; border: 1px solid {colors.border}; border-radius: 6px;
                   background: {colors.panel}; }}
    QPushButton:hover {{ background: {colors.raised}; }}
    QPushButton:focus {{ border: 1px solid {colors.accent}; }}
    QPushButton:disabled {{ color: {colors.muted}; background: {colors.raised}; }}
    QPushButton[kind="main"] {{ color: {colors.accent_text}; background: {colors.accent}; border-color: {colors.accent};
                                font-weight: 600; }}
    QPushButton[kind="main"]:disabled {{ color: {colors.muted}; background: {colors.raised};
                                         border-color: {colors.border}; }}
    QPushButton[kind="link"] {{ color: {colors.tuned}; border: none; padding: 0; background: transparent;
                                text-align: left; }}
    QPushButton[kind="link"]:hover, QPushButton[kind="link"]:focus {{ text-decoration: underline; }}
    QToolButton::menu-indicator {{ image: none; }}
    QLineEdit, QPlainTextEdit, QTextEdit {{ border: 1px solid {colors.border}; border-radius: 6px; padding: {small}px;
                   background: {colors.panel}; selection-background-color: {colors.accent}; }}
    QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus {{ border: 1px solid {colors.accent}; }}
    QLineEdit[invalid="true"] {{ border: 1px solid {colors.failure}; }}
    QTableView, QListView, QTreeView {{ border: 1px solid {colors.border}; border-radius: 6px;
                   background: {colors.panel};
                   gridline-color: {colors.border}; selection-background-color: {colors.selection};
                   selection-color: {colors.text}; outline: none; }}
    QTableView[kind="roomy"]::item {{ padding: 0 {small}px; }}
    QHeaderView::section {{ background: {colors.panel}; color: {colors.muted}; border: none;
                   border-bottom: 1px solid {colors.border}; padding: {small}px {base}px; }}
    QScrollBar:vertical {{ background: transparent; width: {em(0.7)}px; margin: 0; }}
    QScrollBar:horizontal {{ background: transparent; height: {em(0.7)}px; margin: 0; }}
    QScrollBar::handle {{ background: {colors.border}; border-radius: {em(0.35) - 2}px; margin: 2px; }}
    QScrollBar::handle:vertical {{ min-height: {em(2)}px; }}
    QScrollBar::handle:horizontal {{ min-width: {em(2)}px; }}
    QScrollBar::handle:hover {{ background: {colors.muted}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    QProgressBar {{ background: {colors.raised}; border: none; border-radius: {em(0.2)}px; min-height: {em(0.4)}px;
                    max-height: {em(0.4)}px; }}
    QProgressBar::chunk {{ background: {colors.accent}; border-radius: {em(0.2)}px; }}
    QScrollArea {{ border: none; background: transparent; }}
    QSplitter::handle {{ background: transparent; }}
    """
