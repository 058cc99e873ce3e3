"""The Train page: what is about to start, then curves, progress, sample answers and the log of the run."""

from orpo_studio.gui.pages.train.page import TrainPage

__all__ = ["TrainPage"]
