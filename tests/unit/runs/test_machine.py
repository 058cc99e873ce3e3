"""What is told of the machine's card."""

import sys

import pytest

from helpers.fake_nvml import FakeNvml
from orpo_studio.runs.machine import MachineSampler


@pytest.mark.parametrize(
    ("capability", "has_bf16"), [((7, 5), False), ((8, 0), True), ((9, 0), True), ((12, 0), True), (None, True)]
)
def test_that_a_card_of_before_ampere_is_told_to_have_no_bfloat16(
    capability: tuple[int, int] | None, has_bf16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = FakeNvml()
    driver.capability = capability
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    machine = MachineSampler()
    assert (machine.gpu_name, machine.gpu_total_gib, machine.gpu_has_bf16) == ("Test Card", 24.0, has_bf16)


def test_that_a_machine_without_a_card_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    machine = MachineSampler()
    assert (machine.gpu_name, machine.gpu_total_gib, machine.gpu_has_bf16) == ("", 0.0, False)
