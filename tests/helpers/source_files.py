"""Rows in compressed files, Arrow files and folders such as the datasets library and the Hub's cache write."""

import bz2
import gzip
import json
import lzma
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, object]


def jsonl(rows: Sequence[object]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def zstd(content: bytes) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


def zipped(path: Path, members: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


COMPRESSORS: dict[str, Any] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd}


def table_of(rows: Sequence[Row]) -> Any:
    import pyarrow as pa

    return pa.Table.from_pylist([dict(row) for row in rows])


def write_stream(path: Path, rows: Any, batch: int = 1_000) -> Path:
    """Write rows, or a table, as an Arrow stream."""
    import pyarrow as pa

    table = rows if isinstance(rows, pa.Table) else table_of(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=batch)
    return path


def write_arrow(path: Path, rows: Any, compression: str | None = None) -> Path:
    """Write rows, or a table, as an Arrow file, which is Feather version 2."""
    import pyarrow as pa

    table = rows if isinstance(rows, pa.Table) else table_of(rows)
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return path


def write_saved(folder: Path, shards: Sequence[Sequence[Row]]) -> Path:
    """Write a folder as ``Dataset.save_to_disk`` does."""
    names = [f"data-{place:05}-of-{len(shards):05}.arrow" for place in range(len(shards))]
    for name, rows in zip(names, shards, strict=True):
        write_stream(folder / name, rows)
    state = {"_data_files": [{"filename": name} for name in names], "_fingerprint": "0", "_split": None}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text(json.dumps({"features": {}}))
    return folder


def write_saved_splits(folder: Path, splits: Mapping[str, Sequence[Row]]) -> Path:
    """Write a folder as ``DatasetDict.save_to_disk`` does."""
    for name, rows in splits.items():
        write_saved(folder / name, [rows])
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(splits)}))
    return folder


def write_hub_cache(hub: Path, files: Mapping[str, bytes], revision: str = "a1b2c3") -> Path:
    """Write a dataset as the Hub's cache keeps it: the snapshot's files are links to blobs."""
    cache = hub / "datasets--owner--name"
    (cache / "blobs").mkdir(parents=True)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(revision)
    for place, (name, content) in enumerate(files.items()):
        blob = cache / "blobs" / f"{place:040x}"
        blob.write_bytes(content)
        link = cache / "snapshots" / revision / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    return cache


def _xml(tag: str, inner: str) -> bytes:
    name = tag.split(maxsplit=1)[0]
    return f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<{tag}>{inner}</{name}>'.encode()


def _cell(reference: str, value: object, texts: list[str]) -> str:
    if value is None:
        return f'<c r="{reference}" s="1"/>'
    if isinstance(value, bool):
        return f'<c r="{reference}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{reference}"><v>{value}</v></c>'
    texts.append(str(value))
    return f'<c r="{reference}" t="s"><v>{len(texts) - 1}</v></c>'


def write_xlsx(path: Path, sheets: Mapping[str, Sequence[Row]], **parts: bytes) -> Path:
    """Write a workbook as spreadsheet programs do, in small; ``parts`` replace parts of it by their bare names."""
    from xml.sax.saxutils import escape, quoteattr

    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    links = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    texts: list[str] = []
    files: dict[str, bytes] = {"[Content_Types].xml": _xml("Types", "")}
    listed, related = "", ""
    for number, (name, rows) in enumerate(sheets.items(), 1):
        columns = list(dict.fromkeys(column for row in rows for column in row))
        body = ""
        lines = [columns, *([row.get(column) for column in columns] for row in rows)] if columns else []
        for place, line in enumerate(lines, 1):
            cells = "".join(_cell(f"{chr(65 + column)}{place}", value, texts) for column, value in enumerate(line))
            body += f'<row r="{place}">{cells}</row>'
        files[f"xl/worksheets/sheet{number}.xml"] = _xml(f"worksheet {space}", f"<sheetData>{body}</sheetData>")
        listed += f'<sheet name={quoteattr(name)} sheetId="{number}" r:id="rId{number}"/>'
        related += f'<Relationship Id="rId{number}" Type="x" Target="worksheets/sheet{number}.xml"/>'
    files["xl/workbook.xml"] = _xml(f"workbook {space} {links}", f"<sheets>{listed}</sheets>")
    files["xl/_rels/workbook.xml.rels"] = _xml("Relationships", related)
    shared = "".join(f'<si><t xml:space="preserve">{escape(text)}</t></si>' for text in texts)
    files["xl/sharedStrings.xml"] = _xml(f"sst {space}", shared)
    for name, content in parts.items():
        files[next(path for path in files if path.endswith(f"/{name}.xml"))] = content
    return zipped(path, files)
