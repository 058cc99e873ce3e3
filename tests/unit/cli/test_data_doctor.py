"""The data doctor's report in the terminal."""

from pathlib import Path

import pytest

from helpers.pair_files import text_row, write_jsonl
from orpo_studio.cli import data_doctor
from orpo_studio.cli.output import Output
from orpo_studio.data.conversion import convert
from orpo_studio.data.doctor.report import Report

ROWS = [text_row(number) for number in range(30)]
WRONG = {"prompt": "Why?", "chosen": "Ask \x1b[31mmary@uni-hall.edu about it.", "rejected": "No idea at all."}


def examined(tmp_path: Path) -> Report:
    source = write_jsonl(tmp_path / "a.jsonl", [*ROWS, ROWS[0], WRONG])
    return data_doctor.examined(convert(source, tmp_path / "out", held_out=0, seed=1), None, 1024, lambda _share: None)


def test_that_every_finding_is_told_with_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = examined(tmp_path)
    data_doctor.say(report, Output(as_json=False))
    said = " ".join(capsys.readouterr().out.split())
    for finding in report.findings:
        assert finding.title in said
        if finding.severity != "good":
            assert " ".join(finding.advice.split()) in said
        if finding.remedy is not None:
            assert f"--apply {finding.remedy.name}" in said
    assert f"Cleanliness {report.cleanliness.score:.0f} of 100" in said


def test_that_a_text_cannot_command_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data_doctor.say(examined(tmp_path), Output(as_json=False))
    assert "\x1b[31m" not in capsys.readouterr().out


def test_that_programs_get_the_whole_report(tmp_path: Path) -> None:
    report = examined(tmp_path)
    values = data_doctor.result(report)
    assert [finding["code"] for finding in values["findings"]] == [finding.code for finding in report.findings]
