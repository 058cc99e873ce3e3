"""Samples of the machine: a trainer that is gone and a driver that hangs disturb nobody."""

import os
import subprocess
import sys
import threading

import pytest

from helpers.waiting import wait_until
from orpo_studio.events import Machine
from orpo_studio.runner import sampling
from orpo_studio.runner.sampling import Sampling


def test_that_a_sample_is_told_once() -> None:
    found: list[Machine] = []
    sampler = Sampling(os.getpid())
    wait_until(lambda: found.append(sample) if (sample := sampler.newest()) else found)
    assert found[0].values["process_memory_gib"] > 0
    sampler.end()


def test_that_a_trainer_that_is_gone_already_gives_no_sample_and_no_error() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(20)
    sampler = Sampling(process.pid)  # an exception in its thread would fail this test
    wait_until(lambda: not any(thread.name == "sampling" for thread in threading.enumerate()))
    assert sampler.newest() is None


def test_that_a_driver_that_hangs_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = threading.Event()

    class Hanging:
        def __init__(self, pid: int) -> None:
            hangs.wait(20)

        def sample(self) -> Machine:
            return Machine(values={})

    monkeypatch.setattr(sampling, "MachineSampler", Hanging)
    sampler = Sampling(os.getpid())
    assert sampler.newest() is None
    sampler.end()
    hangs.set()
