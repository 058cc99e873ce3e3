"""What a source is made of: its splits, its files, and one sentence about both."""

from contextlib import ExitStack
from pathlib import Path

from orpo_studio.data.files import DataFile, ignore
from orpo_studio.data.finding import find_source
from orpo_studio.data.forms import FORM_TITLES, form_of
from orpo_studio.data.split_names import choose_split
from orpo_studio.data.text_files import in_words, open_text


def splits_of(source: Path | str) -> tuple[str, ...]:
    """Return the names of a source's splits, none where it has none.

    File names and the datasets library's own files tell them; of a single JSON file all must be read, which takes
    some seconds for one of a gigabyte.

    Raises:
        DataProblem: the source as a whole cannot be read.
    """
    found = find_source(source)
    if found.names or len(found.files) != 1:
        return found.names
    (file,) = found.files
    return splits_within(file, form_of(file))


def source_files(source: Path | str, split: str = "") -> list[Path]:
    """Return the files on the disk that a split of a source is made of, in the order in which they are read.

    Raises:
        DataProblem: nothing is there, there is no such split, or which one is meant for training is not clear.
    """
    found = find_source(source)
    files = found.files if len(found.files) == 1 else found.files_of(split)
    return list(dict.fromkeys(file.path for file in files))


def describe_source(source: Path | str, split: str = "") -> str:
    """Return what a source is made of in one plain sentence, such as ``3 Parquet files, split train of train, test.``

    Raises:
        DataProblem: the source as a whole cannot be read.
    """
    found = find_source(source)
    names = splits_of(source)
    chosen = choose_split(names, split, found.name)
    files = found.files if len(found.files) == 1 else found.files_of(split)
    counts: dict[str, int] = {}
    for file in files:
        title = FORM_TITLES[form_of(file)]
        counts[title] = counts.get(title, 0) + 1
    kinds = [f"{count} {title} file{'' if count == 1 else 's'}" for title, count in counts.items()]
    words = " and ".join(kinds)
    if len(names) > 1 or (names and names != (chosen,)):
        words += f", split {chosen} of {', '.join(names)}"
    elif names:
        words += f", split {chosen}"
    if found.left_out:
        shown = ", ".join(found.left_out[:5]) + (" and more" if len(found.left_out) > 5 else "")
        words += f"; not read: {shown}"
    return f"{words}."


def splits_within(file: DataFile, form: str, enough: str = "") -> tuple[str, ...]:
    """Return the splits in one file: the arrays of a JSON object of splits, or the sheets of a spreadsheet.

    Args:
        file: the file.
        form: its form.
        enough: name of a split after which the others do not matter, so that little is read.

    Raises:
        DataProblem: it is damaged.
    """
    if form == "json":
        from orpo_studio.data.json_rows import splits_of_document

        with in_words(file), ExitStack() as stack:
            return splits_of_document(open_text(file, ignore, stack), file.name, enough=enough)
    if form == "xlsx":
        from orpo_studio.data.workbook import sheets_of

        with in_words(file):
            sheets = sheets_of(file)
        return sheets if len(sheets) > 1 else ()
    return ()
