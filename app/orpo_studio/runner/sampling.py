"""Samples of the machine, taken in a thread: a graphics driver that hangs must not take the supervisor with it."""

import contextlib
import threading
from queue import Empty, Full, Queue

import psutil

from orpo_studio.events import Machine
from orpo_studio.runs.machine import MachineSampler

SAMPLE_SECONDS = 2.0


class Sampling:
    """Samples every two seconds until it is ended.

    Args:
        pid: the process whose memory is measured, with its children.
    """

    def __init__(self, pid: int) -> None:
        self._samples: Queue[Machine] = Queue(maxsize=1)
        self._ended = threading.Event()
        threading.Thread(target=self._sample, args=(pid,), daemon=True, name="sampling").start()

    def newest(self) -> Machine | None:
        """Return a sample that is new since the last call, if there is one."""
        try:
            return self._samples.get_nowait()
        except Empty:
            return None

    def end(self) -> None:
        """Sample no longer; one under way is not waited for."""
        self._ended.set()

    def _sample(self, pid: int) -> None:
        try:
            sampler = MachineSampler(pid)
        except psutil.Error:  # the trainer is gone already
            return
        while not self._ended.is_set():
            sample = sampler.sample()
            with contextlib.suppress(Full):
                self._samples.put_nowait(sample)
            self._ended.wait(SAMPLE_SECONDS)
