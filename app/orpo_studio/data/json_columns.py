"""JSON documents that hold columns in place of rows, as pandas writes them."""

from collections.abc import Mapping

from orpo_studio.data.messages import looks_like_message


def rows_of_columns(value: object) -> list[dict[str, object]] | None:
    """Return the rows of an object of columns: lists of the same length, or objects with the same keys.

    None where it is anything else, above all a row whose cells are lists of messages.
    """
    if not isinstance(value, dict) or len(value) < 2:
        return None
    if all(isinstance(column, list) for column in value.values()):
        columns: Mapping[str, list[object]] = value
    elif all(isinstance(column, dict) for column in value.values()):
        keys = [list(column) for column in value.values()]
        if any(of_column != keys[0] for of_column in keys) or not all(key.isdecimal() for key in keys[0]):
            return None
        columns = {name: list(column.values()) for name, column in value.items()}
    else:
        return None
    lengths = {len(column) for column in columns.values()}
    cells = [cell for column in columns.values() for cell in column[:10]]
    if len(lengths) != 1 or max(lengths) < 2 or any(looks_like_message(cell) for cell in cells):
        return None
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
