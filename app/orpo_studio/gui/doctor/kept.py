"""Reports that took long, kept beside the converted pairs, so that the next start of the program need not wait again.

They go by what they depend on: the pairs (their folder), the tokenizer's file, the maximum length, and the version
of the program that made them. No Qt.
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


def report_file(folder: Path, tokenizer: Path | None, max_length: int) -> Path:
    """Return where a report lies, or would.

    Args:
        folder: of the converted pairs.
        tokenizer: the model folder whose tokenizer counts, or None.
        max_length: in tokens.
    """
    parts: list[object] = [__version__, max_length]
    if tokenizer is not None:
        stat = (tokenizer / "tokenizer.json").stat()
        parts += [str(tokenizer), stat.st_size, stat.st_mtime_ns]
    return folder / f"report-{blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()}.json"


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
