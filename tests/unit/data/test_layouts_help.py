"""The help's table of layouts is what the program recognizes, in its own words."""

from helpers.layout_rows import WRITERS
from orpo_studio.data.layouts import LAYOUTS, recognize
from orpo_studio.data.layouts.layout import CHOSEN_COLUMNS, PROMPT_COLUMNS, REJECTED_COLUMNS, SYSTEM_COLUMNS
from orpo_studio.data.pair import Pair
from orpo_studio.help_topics import topic_text, topics

PAIR = Pair(
    [{"role": "user", "content": "Hi"}],
    [{"role": "assistant", "content": "Hello"}],
    [{"role": "assistant", "content": "What"}],
    1,
)
OTHERS: list[dict[str, object]] = [
    {"info": {"post": "x"}, "summaries": [{"text": "a"}, {"text": "b"}], "choice": 0},
    {"prompt": "x", "completion": "y", "label": True},
]


def rows() -> dict[str, dict[str, object]]:
    """Return a row of each layout."""
    found: dict[str, dict[str, object]] = {}
    for row in [*(writer.write(PAIR) for writer in WRITERS.values()), *OTHERS]:
        found.setdefault(recognize([row]).layout, row)
    return found


def test_that_the_table_names_all_layouts_in_their_order_with_their_evidence() -> None:
    by_layout = rows()
    lines = ["| Layout | Typical columns | What is shown as evidence |", "|---|---|---|"]
    for layout in LAYOUTS:
        row = by_layout[layout.name]
        columns = ", ".join(f"`{column}`" for column in row)
        lines.append(f"| {layout.name} | {columns} | {recognize([row]).evidence} |")
    assert "\n".join(lines) in topic_text("data-layouts")
    assert topics()["data-layouts"] == "Layouts of preference data"


def test_that_the_help_names_all_names_of_columns() -> None:
    text = topic_text("data-layouts")
    for names in (PROMPT_COLUMNS, CHOSEN_COLUMNS, REJECTED_COLUMNS, SYSTEM_COLUMNS):
        assert ", ".join(f"`{name}`" for name in names) in text
