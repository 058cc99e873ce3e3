"""Reports that took long, kept beside the converted pairs, so that the next start of the program need not wait again.

They go by what they depend on: the pairs (their folder), the tokenizer's file, the maximum length, the base
model's answers, and the version of the program that made them. No Qt.
"""

import json
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from orpo_studio import __version__

if TYPE_CHECKING:
    from orpo_studio.data.doctor.report import Report

WORTH_S = 5.0
"""A report that took less is made anew."""


def report_file(folder: Path, tokenizer: Path | None, max_length: int, margins: Path | None = None) -> Path:
    """Return where a report lies, or would.

    Args:
        folder: of the converted pairs.
        tokenizer: the model folder whose tokenizer counts, or None.
        max_length: in tokens.
        margins: the file of what the base model made of the pairs, or None.
    """
    counter = tokenizer / "tokenizer.json" if tokenizer is not None else None
    parts = [__version__, max_length, *(_stamp(file) for file in (counter, margins))]
    return folder / f"report-{blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()}.json"


def _stamp(file: Path | None) -> tuple[str, int, int] | None:
    if file is None:
        return None
    stat = file.stat()
    return str(file), stat.st_size, stat.st_mtime_ns


def read_report(file: Path) -> "Report | None":
    """Return the report that is kept in a file; None where there is none that can be read."""
    from orpo_studio.data.doctor.report import Report

    try:
        return Report.from_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def keep_report(file: Path, report: "Report") -> None:
    """Keep a report where it took long; a disk that will not take it costs no more than the next wait."""
    if report.seconds < WORTH_S:
        return
    beside = file.with_name(f".{file.name}.{uuid4().hex[:8]}")
    try:
        beside.write_text(report.to_json(), encoding="utf-8")
        beside.replace(file)
    except OSError:
        beside.unlink(missing_ok=True)
