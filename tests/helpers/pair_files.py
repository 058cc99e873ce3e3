"""Small files of preference rows in the forms that are read."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

Row = Mapping[str, object]


def text_row(number: int) -> dict[str, object]:
    """Return a plain row whose texts tell its number."""
    return {"prompt": f"Question {number}?", "chosen": f"Good answer {number}.", "rejected": f"Bad answer {number}."}


def turn(role: str, content: object) -> dict[str, object]:
    return {"role": role, "content": content}


def write_jsonl(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_json(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False), encoding="utf-8")
    return path


def write_csv(path: Path, rows: Sequence[Row], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_parquet(path: Path, rows: Sequence[Row]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path)
    return path
