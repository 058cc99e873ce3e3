"""Reports kept beside the converted pairs."""

from pathlib import Path

import pytest

from helpers.doctor_report import make_report
from orpo_studio.gui.doctor.kept import keep_report, read_report, report_file


def test_that_a_slow_report_is_kept_and_a_quick_one_is_not(tmp_path: Path) -> None:
    slow, quick = (report_file(tmp_path, None, length) for length in (512, 1024))
    keep_report(slow, make_report(seconds=40))
    keep_report(quick, make_report(seconds=0.5))

    assert read_report(slow) == make_report(seconds=40)
    assert read_report(quick) is None
    assert [path.name for path in tmp_path.iterdir()] == [slow.name]


def test_that_a_report_goes_by_tokenizer_and_maximum_length(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    files = [report_file(tmp_path, tokenizer, length) for tokenizer in (None, tmp_path) for length in (512, 1024)]
    (tmp_path / "tokenizer.json").write_text('{"other": 1}')
    files.append(report_file(tmp_path, tmp_path, 512))

    assert len(set(files)) == 5


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 0}', "\x00"])
def test_that_a_broken_report_is_made_anew(tmp_path: Path, text: str) -> None:
    file = report_file(tmp_path, None, 1024)
    file.write_text(text)

    assert read_report(file) is None


def test_that_a_place_that_takes_nothing_is_no_error(tmp_path: Path) -> None:
    keep_report(tmp_path / "missing" / "report.json", make_report(seconds=40))
