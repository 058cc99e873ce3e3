"""A guard against the PySide6 build that loses references to None with each void call (6.12.0 on Python 3.11)."""

import sys

from PySide6.QtGui import QImage, QPainter


def test_that_drawing_leaves_the_references_to_none_alone(qapp: object) -> None:
    image = QImage(8, 8, QImage.Format.Format_ARGB32)
    painter = QPainter(image)
    painter.drawLine(0, 0, 1, 1)
    before = sys.getrefcount(None)
    for _ in range(1000):
        painter.drawLine(0, 0, 1, 1)
    painter.end()

    assert abs(sys.getrefcount(None) - before) < 100
