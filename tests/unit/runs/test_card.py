"""Who holds the card, as the driver tells it."""

import os
import subprocess
import sys

import pytest

from helpers.fake_nvml import FakeNvml, NVMLError
from orpo_studio.runs.card import CardUse, CardWatch

NOBODY = 2**22 + 1
"""A pid that no process has."""


def test_that_a_program_with_memory_of_its_own_holds_the_card_and_small_ones_do_not() -> None:
    parent = os.getppid()
    nvml = FakeNvml({parent: 9.1, NOBODY: 2.0, NOBODY + 2: 0.4})
    use = CardWatch(nvml).look()
    assert [holder.pid for holder in use.holders] == [parent, NOBODY]
    assert str(use.holders[0]).endswith(f"(process {parent}, 9.1 GiB)")
    assert str(use.holders[1]) == f"a program (process {NOBODY}, 2.0 GiB)"
    assert use.total_gib == 24.0
    assert use.free_gib == pytest.approx(24.0 - 9.1 - 2.0 - 0.4, abs=0.01)
    nvml.computing = {}
    assert CardWatch(nvml).look() == CardUse()


def test_that_what_was_started_from_here_does_not_count() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert CardWatch(FakeNvml({child.pid: 9.0, os.getpid(): 3.0})).look() == CardUse()


def test_that_a_desktop_does_not_hold_the_card_and_what_cannot_be_seen_does() -> None:
    nvml = FakeNvml()
    nvml.drawing = {1: 3.0}
    nvml.used = 3.5
    assert CardWatch(nvml).look() == CardUse()
    nvml.used = 12.0
    (holder,) = CardWatch(nvml).look().holders
    assert str(holder) == "a program that cannot be seen from here (9.0 GiB)"
    nvml.lists_error = NVMLError(FakeNvml.NVML_ERROR_NOT_SUPPORTED)  # as some drivers answer
    (holder,) = CardWatch(nvml).look().holders
    assert holder.gib == 12.0


@pytest.mark.parametrize("value", [FakeNvml.NVML_ERROR_LIBRARY_NOT_FOUND, FakeNvml.NVML_ERROR_DRIVER_NOT_LOADED])
def test_that_a_machine_without_a_card_has_none_to_hold(value: int) -> None:
    nvml = FakeNvml()
    nvml.error = NVMLError(value)
    assert CardWatch(nvml).look() == CardUse()


def test_that_a_card_that_is_lost_is_told_until_it_is_back() -> None:
    nvml = FakeNvml()
    watch = CardWatch(nvml)
    assert watch.look() == CardUse()
    nvml.error = NVMLError(15, "GPU is lost")
    assert watch.look() == CardUse(fault="GPU is lost")
    nvml.error = NVMLError(FakeNvml.NVML_ERROR_DRIVER_NOT_LOADED, "Driver Not Loaded")  # while it is put in anew
    assert watch.look() == CardUse(fault="Driver Not Loaded")
    nvml.error = None
    assert watch.look() == CardUse()
    assert len(nvml.asked) == 2


def test_that_a_driver_that_does_not_fit_its_library_is_told_at_once() -> None:
    nvml = FakeNvml()
    nvml.error = NVMLError(18, "Driver/library version mismatch")
    assert CardWatch(nvml).look().fault == "Driver/library version mismatch"


@pytest.mark.parametrize(
    ("visible", "asked"), [("1", [1]), ("2,0", [2]), ("GPU-8f2a", ["GPU-8f2a"]), ("", []), ("-1", [])]
)
def test_that_the_card_is_the_first_that_training_may_see(
    visible: str, asked: list[int | str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    nvml = FakeNvml({os.getppid(): 9.0})
    assert bool(CardWatch(nvml).look().holders) == bool(asked)
    assert nvml.asked == asked
