"""Tell the form of a file, from its name and from its first bytes, and refuse what is never opened."""

import codecs
from pathlib import PurePosixPath

from orpo_studio.data.compressed import (
    COMPRESSED_SUFFIXES,
    archive_of,
    compression_of,
    is_expanded,
    open_expanded,
    other_kind_of,
)
from orpo_studio.data.files import DataFile, ignore, unreadable
from orpo_studio.data.problem import DataProblem

SUFFIXES = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
}
FORM_TITLES = {
    "json": "JSON", "jsonl": "JSONL", "csv": "CSV", "tsv": "TSV", "parquet": "Parquet", "arrow": "Arrow",
    "xlsx": "XLSX",
}  # fmt: skip
"""Each form as it is called on the screen."""
_PICKLE = "A pickle can run any program when it is opened, so it is never opened."
_SPREADSHEET = "It is a spreadsheet of a kind that is not read. Save it as XLSX or CSV first."
_ARCHIVE = "It is an archive of a kind that is not read. Unpack it first."
REFUSED = {
    ".pkl": _PICKLE,
    ".pickle": _PICKLE,
    ".joblib": _PICKLE,
    ".pt": _PICKLE,
    ".pth": _PICKLE,
    ".ckpt": _PICKLE,
    ".npy": "It may hold a pickle, which can run any program when it is opened, so it is never opened.",
    ".npz": "It may hold a pickle, which can run any program when it is opened, so it is never opened.",
    ".bin": "Its content cannot be told from its name, and it may be a pickle.",
    ".py": "A script is a program, and data is never run.",
    ".xls": _SPREADSHEET,
    ".ods": _SPREADSHEET,
    ".7z": _ARCHIVE,
    ".rar": _ARCHIVE,
    ".tar": _ARCHIVE,
    ".tgz": _ARCHIVE,
    ".tbz": _ARCHIVE,
    ".txz": _ARCHIVE,
}
WORKBOOKS = frozenset({".xlsx", ".xlsm"})
"""Endings of spreadsheets: ZIP archives that are no archives of data files."""
_HINT = "Use a JSON, JSONL, Parquet, Arrow, CSV or XLSX file."
_HEAD = 65_536
"""How much of a file is looked at to tell its form, in bytes."""
_BLANK = b"\x00\t\n\r \xef\xbb\xbf\xff\xfe"


def data_suffix(name: str) -> str:
    """Return the ending of a file's name that tells its form, in small letters, without that of the compression."""
    path = PurePosixPath(name.lower())
    if path.suffix in COMPRESSED_SUFFIXES:
        path = path.with_suffix("")
    return path.suffix


def refusal_of(name: str) -> str | None:
    """Return why a file of this name is never opened, or None where it may be."""
    return REFUSED.get(PurePosixPath(name.lower()).suffix) or REFUSED.get(data_suffix(name))


def form_of(file: DataFile) -> str:
    """Return the form of a file: json, jsonl, csv, tsv, parquet, arrow or xlsx.

    Raises:
        DataProblem: it is empty, of a kind that is not read, or cannot be opened.
    """
    if why := refusal_of(file.name):
        raise refused(file.name, why)
    try:
        with open_expanded(file, ignore) as stream:
            head, expanded = stream.read(_HEAD), is_expanded(stream)
    except OSError as error:
        raise unreadable(file.path, error) from error
    suffix = data_suffix(file.name)
    if suffix in WORKBOOKS and not expanded and compression_of(head) == "zip":
        return "xlsx"
    if PurePosixPath(file.name.lower()).suffix in COMPRESSED_SUFFIXES and not expanded and not _is_text(head):
        raise DataProblem(
            "broken-compressed",
            f"{file.name} cannot be expanded.",
            detail="Its name says that it is compressed, and its first bytes do not.",
            hint="The file may be half copied or half downloaded. Copy it again.",
        )
    _check_head(file.name, head)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"ARROW1\x00\x00", b"\xff\xff\xff\xff")):
        return "arrow"
    form = SUFFIXES.get(suffix)
    if form == "xlsx":
        raise DataProblem(
            "broken-workbook",
            f"{file.name} is not a readable spreadsheet.",
            detail="Its name says that it is a spreadsheet, and its first bytes do not.",
            hint="Save it again as XLSX, or as CSV.",
        )
    if form in {None, "json", "jsonl"}:
        form = _json_form(head, form)
    if form is None:
        raise DataProblem(
            "unknown-format",
            f"{file.name} is of a kind that cannot be read.",
            detail=f"The name ends in {suffix or 'nothing'}, and the content is neither JSON, Parquet nor Arrow.",
            hint="Use a JSON, JSONL, Parquet, Arrow or CSV file, with that ending in its name.",
        )
    return form


def refused(name: str, why: str) -> DataProblem:
    """Return what is said of a file that is never opened."""
    return DataProblem("refused-format", f"{name} cannot be used as data.", detail=why, hint=_HINT)


def _is_text(head: bytes) -> bool:
    """Tell whether bytes may be text that something on the way has already expanded."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(head.strip(_BLANK)) and b"\x00" not in head


def _check_head(name: str, head: bytes) -> None:
    """Refuse what is empty, and archives in whatever disguise.

    Raises:
        DataProblem: it is one of these.
    """
    if archive := archive_of(head):
        raise refused(name, f"It is a {archive} archive. Unpack it first.")
    if nested := compression_of(head):
        raise DataProblem(
            "nested-archive",
            f"{name} is compressed twice.",
            detail=f"What it expands to is compressed again ({nested}).",
            hint="Expand it once yourself, and choose the result.",
        )
    if other := other_kind_of(head):
        raise refused(name, f"Its content is {other}, whatever its name says.")
    if head.startswith(b"FEA1"):
        raise refused(name, "It is a Feather file of version 1, which is no longer read. Save it as Parquet.")
    if not head.strip(_BLANK):
        raise DataProblem(
            "empty-file",
            f"{name} is empty.",
            detail="It holds nothing but blanks." if head else "It has 0 bytes.",
            hint="Choose a file that holds preference pairs.",
        )


def _json_form(head: bytes, named: str | None) -> str | None:
    """Tell JSON from JSONL by content, since many files carry the other's name."""
    from orpo_studio.data.json_rows import is_json_object

    text = head.decode("utf-8-sig", errors="replace").replace("\x00", "")
    start = text.lstrip("\ufeff\ufffd \t\r\n")
    if start.startswith("["):
        return "json"
    if not start.startswith("{"):
        return named
    line, _, rest = start.partition("\n")
    if line.strip() == "{":
        return "json"  # one object over several lines, whatever the name says
    if is_json_object(line) and rest.strip():
        return "jsonl"
    return named or "json"
