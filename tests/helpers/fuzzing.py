"""Sources of every form, and the damage that is done to them."""

import bz2
import gzip
import json
import lzma
import pickle
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from helpers.pair_files import text_row, turn, write_csv, write_json, write_parquet
from helpers.source_files import jsonl, write_arrow, write_stream, write_xlsx, zipped, zstd

CANARY = "canary-was-run"


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, (f"import pathlib; pathlib.Path({CANARY!r}).touch()",)


PAYLOADS = (
    f"__import__('pathlib').Path('{CANARY}').touch()",
    f"{{{{ cycler.__init__.__globals__.os.system('touch {CANARY}') }}}}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %} {0.__class__} %(x)s ${x}",
    f"!!python/object/apply:os.system ['touch {CANARY}']",
    f"=cmd|'/C touch {CANARY}'!A0",
    f"[{{'role': 'user', 'content': open('{CANARY}', 'w')}}]",
    f"$(touch {CANARY}); `touch {CANARY}`",
)
"""Texts that run a program where data is taken for code."""

TRAP = pickle.dumps(_Trap())


def seed_rows() -> list[dict[str, Any]]:
    rows = [text_row(number) for number in range(8)]
    rows += [{"prompt": payload, "chosen": f"{payload} a", "rejected": payload} for payload in PAYLOADS]
    return [*rows, {"prompt": "é 大 \u2028 \"q\", ',;'\t", "chosen": "😀", "rejected": "\\ud83d \\x00"}]


def message_rows() -> list[dict[str, Any]]:
    return [
        {
            "prompt": [turn("user", row["prompt"])],
            "chosen": [turn("assistant", row["chosen"])],
            "rejected": [turn("assistant", row["rejected"])],
            "score": number / 3,
        }
        for number, row in enumerate(seed_rows())
    ]


def _trapped_table() -> Any:
    """Return a table whose column claims an extension type that old readers unpickle."""
    table = pa.Table.from_pylist(seed_rows())
    marks = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": TRAP}
    field = table.schema.field(0).with_metadata(marks)
    return table.cast(table.schema.set(0, field).with_metadata({b"pandas": TRAP, b"huggingface": TRAP}))


@cache
def seeds() -> tuple[tuple[str, bytes], ...]:
    """Return the content of undamaged files with their names."""
    rows, messages = seed_rows(), message_rows()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines, nested = jsonl(rows), jsonl(messages)
        table = write_csv(folder / "a.csv", rows).read_bytes()
        cells = write_csv(
            folder / "b.csv", [{key: json.dumps(cell) for key, cell in row.items()} for row in messages]
        ).read_bytes()
        parquet = write_parquet(folder / "a.parquet", messages).read_bytes()
        files = {
            "lines.jsonl": lines,
            "messages.jsonl": nested,
            "array.json": write_json(folder / "a.json", rows).read_bytes(),
            "splits.json": write_json(folder / "b.json", {"train": messages, "test": rows, "v": 1}).read_bytes(),
            "table.csv": table,
            "cells.csv": cells,
            "table.tsv": write_csv(folder / "a.tsv", rows, delimiter="\t").read_bytes(),
            "marked.csv": table.decode().encode("utf-16"),
            "a.parquet": parquet,
            "plain.parquet": write_parquet(folder / "b.parquet", rows).read_bytes(),
            "a.arrow": write_stream(folder / "a.arrow", messages, batch=5).read_bytes(),
            "a.feather": write_arrow(folder / "a.feather", messages, "lz4").read_bytes(),
            "trapped.arrow": write_stream(folder / "t.arrow", _trapped_table()).read_bytes(),
            "lines.jsonl.gz": gzip.compress(lines),
            "lines.jsonl.bz2": bz2.compress(lines),
            "lines.jsonl.xz": lzma.compress(lines),
            "lines.jsonl.zst": zstd(lines),
            "a.parquet.gz": gzip.compress(parquet),
            "several.zip": zipped(
                folder / "a.zip", {"train.jsonl": lines, "test.csv": table, "../../up/train.json": b"[]"}
            ).read_bytes(),
            "book.xlsx": write_xlsx(folder / "a.xlsx", {"train": rows, "test": rows}).read_bytes(),
            "one.zip": zipped(folder / "b.zip", {"a.parquet": parquet}).read_bytes(),
            "trap.pkl": TRAP,
            "trap.json": TRAP,
            "trap.jsonl.gz": gzip.compress(TRAP),
        }
    return tuple(files.items())


JUNK = (
    b"\x00", b"\x00" * 50, b"\xff\xfe", b"\xef\xbb\xbf", b"\xff", b"\xc3", b'"', b"'", b"\\", b"\n", b"\r", b"\n\n",
    b",", b"{", b"}", b"[", b"]", b"{}", b"[]", b'{"prompt": "a", "prompt": "b"}', b"null\n", b"NaN", b"-Infinity",
    b"[" * 5_000, b'{"a":' * 3_000, b"9" * 6_000, b"1e999999", b'"\\ud800"', b"\\u0000", b"\xf0\x9f", b"PAR1",
    b"ARROW1\x00\x00", b"\xff\xff\xff\xff", b"\x1f\x8b\x08", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", TRAP, *(payload.encode() for payload in PAYLOADS),
)  # fmt: skip

VALUES: tuple[object, ...] = (
    None, True, 0, -1, 10**5_000, 1.5, float("nan"), float("inf"), "", " ", "\x00", "\ud800", "a\u2028b", [], {}, [[]],
    [None], [1, "a"], {"a": 1}, [turn("user", "a"), 5], turn("user", None), [turn("robot", "a")], turn("user", ["a"]),
    {"role": ["user"], "content": ["a"]}, [[turn("user", "a")]], *PAYLOADS,
)  # fmt: skip
FIELDS = (
    "prompt",
    "chosen",
    "rejected",
    "messages",
    "label",
    "input",
    "completion",
    "answers",
    "",
    "Prompt ",
    "system",
)


def _digits(value: object) -> str:
    """Write JSON, integers of more digits than Python writes by itself as well."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**4_000:
        return "9" * 5_001
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {_digits(inner)}" for name, inner in value.items()) + "}"
    return json.dumps(value)


@st.composite
def damaged_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """Cut, flip, repeat, remove, fill in or re-encode parts of a file, up to four times."""
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, max(0, len(content))))
        length = draw(st.one_of(st.integers(1, 8), st.integers(1, max(1, len(content)))))
        damage = draw(
            st.sampled_from(["cut", "flip", "set", "extreme", "insert", "remove", "repeat", "splice", "encode", "zero"])
        )
        before, part, after = content[:place], content[place : place + length], content[place + length :]
        if damage == "cut":
            content = before
        elif damage == "flip":
            content = before + bytes(byte ^ (1 << (place % 8)) for byte in part[:4]) + part[4:] + after
        elif damage == "set":
            content = before + draw(st.binary(min_size=1, max_size=8)) + content[place + 8 :]
        elif damage == "extreme":  # lengths, counts and places, many of which stand near the end
            width = draw(st.sampled_from([1, 2, 4, 8]))
            place = place if draw(st.booleans()) else max(0, len(content) - place % 400)
            number = draw(st.sampled_from([b"\x00", b"\x01", b"\x7f", b"\x80", b"\xff"])) * width
            content = content[:place] + number + content[place + width :]
        elif damage == "insert":
            content = before + draw(st.sampled_from(JUNK)) + content[place:]
        elif damage == "remove":
            content = before + after
        elif damage == "repeat":
            content = before + part[:2_000] * draw(st.integers(2, 4)) + after
        elif damage == "splice":
            content = before + draw(st.sampled_from(seeds()))[1][place:]
        elif damage == "zero":
            content = before + bytes(min(length, 64)) + after
        else:
            encoding = draw(st.sampled_from(["utf-16", "utf-16-le", "utf-32", "latin-1", "utf-8-sig", "cp1252"]))
            content = content.decode("utf-8", "replace").encode(encoding, "replace")
    return content


@st.composite
def damaged_files(draw: st.DrawFn) -> tuple[str, bytes]:
    """Damage a seed file, or what it is made of before it is compressed; the name may come to lie."""
    name, content = draw(st.sampled_from(seeds()))
    content = draw(damaged_bytes(content))
    wrap = draw(st.sampled_from([None, None, None, "gz", "zst", "xz", "bz2", "zip"]))
    if wrap == "zip":
        name, content = f"{name}.zip", _zip(name, content)
    elif wrap:
        pack: Callable[[bytes], bytes] = {
            "gz": gzip.compress, "zst": zstd, "xz": lzma.compress, "bz2": bz2.compress,
        }[wrap]  # fmt: skip
        name, content = f"{name}.{wrap}", pack(content)
    if draw(st.integers(0, 9)) == 0:
        name = draw(
            st.sampled_from(
                ["a.json", "a.jsonl", "a.csv", "a.parquet", "a.arrow", "a.zip", "a.xlsx", "a.gz", "a", "a.x"]
            )
        )
    return name, content


def _zip(name: str, content: bytes) -> bytes:
    with tempfile.SpooledTemporaryFile() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, content)
        file.seek(0)
        return file.read()


@st.composite
def wild_lines(draw: st.DrawFn) -> tuple[str, bytes]:
    """Write rows whose fields hold, lack, repeat or mix what they should not."""
    rows = draw(st.sampled_from([seed_rows(), message_rows()]))
    for _ in range(draw(st.integers(1, 6))):
        row = draw(st.sampled_from(rows))
        damage = draw(st.sampled_from(["set", "remove", "replace"]))
        field = draw(st.sampled_from(FIELDS))
        if damage == "remove":
            row.pop(field, None)
        elif damage == "set":
            row[field] = draw(st.sampled_from(VALUES))
        else:
            rows[rows.index(row)] = draw(st.sampled_from([{"prompt": "a"}, {}, *({"x": value} for value in VALUES)]))
    form = draw(st.sampled_from(["jsonl", "json", "json"]))
    texts = [_digits(row) for row in rows]
    whole = "\n".join(texts) if form == "jsonl" else f"[{','.join(texts)}]"
    return f"wild.{form}", whole.encode("utf-8", "surrogatepass")


@st.composite
def damaged_sources(draw: st.DrawFn) -> dict[str, bytes]:
    """Return the files of a source: mostly one, sometimes a folder of shards."""
    one = st.one_of(damaged_files(), damaged_files(), wild_lines())
    count = draw(st.sampled_from([1, 1, 1, 1, 2, 3]))
    return {
        f"{place}/{name}" if count > 2 else name: content
        for place, (name, content) in enumerate(draw(one) for _ in range(count))
    }
