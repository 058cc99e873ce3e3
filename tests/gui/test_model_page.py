"""The Model page: known models, the card of the chosen one, and why one cannot be used."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from helpers.model_folder import write_model
from orpo_studio import paths
from orpo_studio.config import DEMO, RunSpec
from orpo_studio.gui.pages.model import ModelPage
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import create_run

LONG = 60_000
"""Milliseconds a folder may take to be read on a machine that is busy with other things."""


@pytest.fixture
def make_page(bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot):
    demo = write_model(tmp_path / "demo-model")
    monkeypatch.setattr(paths, "demo_model", lambda: demo)

    def make() -> ModelPage:
        page = ModelPage(bench)
        qtbot.addWidget(page)
        page.resize(1000, 700)
        page.show()
        return page

    return make


def states(page: ModelPage) -> list[tuple[str, str]]:
    rows = (page.known.model_at(row) for row in range(page.known.rowCount()))
    return [(row.name, row.state) for row in rows if row is not None]


def test_that_an_empty_page_says_what_belongs_here_and_offers_the_demo(make_page):
    page = make_page()
    assert page.card.title.text() == "No model yet"
    assert page.card.demo.isVisible()
    assert states(page)[0][0] == "Demo model"


def test_that_choosing_a_row_chooses_its_model(make_page, bench, model_folder, qtbot):
    bench.preferences.recent_models = [str(model_folder)]
    page = make_page()
    qtbot.waitUntil(lambda: states(page) == [("Demo model", "Ready"), ("tiny-llama", "Ready")], timeout=LONG)
    page.table.selectRow(1)
    assert bench.draft.values["model"]["path"] == str(model_folder)
    assert page.path.editor.input.text() == str(model_folder)
    qtbot.waitUntil(lambda: bench.model.card is not None, timeout=LONG)
    assert page.card.title.text() == "tiny-llama"
    assert page.card.facts["Context"].text() == "64 tokens"
    assert page.card.facts["Architecture"].text().startswith("LlamaForCausalLM")
    assert page.card.facts["End token"].text() == "</s>"
    page.table.selectRow(0)
    assert bench.draft.values["model"]["path"] == DEMO


def test_that_a_typed_folder_joins_the_known_models_without_moving_the_others(
    make_page, bench, model_folder, tmp_path, qtbot
):
    other = write_model(tmp_path / "other")
    bench.preferences.recent_models = [str(other)]
    page = make_page()
    page.path.editor.input.setFocus()
    qtbot.keyClicks(page.path.editor.input, str(model_folder))
    qtbot.waitUntil(lambda: [name for name, _ in states(page)] == ["Demo model", "tiny-llama", "other"], timeout=LONG)
    assert page.table.currentIndex().row() == 1
    page.table.selectRow(2)
    qtbot.waitUntil(lambda: bench.model.card is not None, timeout=LONG)
    assert [name for name, _ in states(page)] == ["Demo model", "tiny-llama", "other"]


def test_that_a_folder_that_cannot_be_used_is_told_with_what_to_do(make_page, bench, tmp_path, qtbot):
    folder = tmp_path / "pickles"
    folder.mkdir()
    write_model(tmp_path / "good")
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((tmp_path / "good" / name).read_bytes())
    (folder / "pytorch_model.bin").write_bytes(b"x")
    page = make_page()
    bench.draft.set("model.path", str(folder))
    qtbot.waitUntil(lambda: bench.model.problem is not None, timeout=LONG)
    assert "only pickles" in page.card.title.text()
    assert "pytorch_model.bin" in page.card.detail.text()
    assert "safetensors" in page.card.hint.text()
    assert "only pickles" in page.path.message.text()
    assert not page.card.facts["Parameters"].isVisible()


def test_that_a_recent_folder_that_is_gone_is_shown_as_missing_and_can_be_removed(make_page, bench, tmp_path, qtbot):
    bench.preferences.recent_models = [str(tmp_path / "gone")]
    page = make_page()
    qtbot.waitUntil(lambda: ("gone", "Missing") in states(page), timeout=LONG)
    page.table.selectRow(1)
    qtbot.mouseClick(page.remove, Qt.MouseButton.LeftButton)
    assert [name for name, _ in states(page)] == ["Demo model"]
    assert bench.preferences.recent_models == []
    assert bench.draft.values["model"]["path"] == ""


def test_that_the_demo_cannot_be_removed(make_page, bench, qtbot):
    page = make_page()
    page.table.selectRow(0)
    assert not page.remove.isVisible()
    qtbot.keyClick(page.table, Qt.Key.Key_Delete)
    assert states(page)[0][0] == "Demo model"


def test_that_a_name_is_never_read_as_html(make_page, bench, tmp_path, qtbot):
    folder = write_model(tmp_path / "<b>bold</b><img src=x>".replace("/", "-"))
    page = make_page()
    bench.draft.set("model.path", str(folder))
    qtbot.waitUntil(lambda: bench.model.card is not None, timeout=LONG)
    assert page.card.title.textFormat() == Qt.TextFormat.PlainText
    tip = page.known.index(1, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert "&lt;b&gt;" in tip
    assert "<img" not in tip


def test_that_the_chat_template_is_shown_as_an_example_behind_a_fold(make_page, bench, tmp_path, qtbot):
    folder = write_model(tmp_path / "templated")
    (folder / "chat_template.jinja").write_text(
        "{% for message in messages %}[{{ message.role }}] {{ message.content }}\n{% endfor %}", encoding="utf-8"
    )
    page = make_page()
    bench.draft.set("model.path", str(folder))
    qtbot.waitUntil(lambda: bench.model.card is not None, timeout=LONG)
    template = page.card.template
    assert template.origin.text() == "The model brings its own."
    qtbot.mouseClick(template.example_fold.head, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "[assistant] Paris." in template.example.toPlainText(), timeout=LONG)


def test_that_a_template_that_refuses_the_example_says_so(make_page, bench, tmp_path, qtbot):
    folder = write_model(tmp_path / "refusing")
    (folder / "chat_template.jinja").write_text("{{ raise_exception('never') }}", encoding="utf-8")
    page = make_page()
    bench.draft.set("model.path", str(folder))
    qtbot.waitUntil(lambda: bench.model.card is not None, timeout=LONG)
    page.card.template.example_fold.head.click()
    qtbot.waitUntil(lambda: "does not accept" in page.card.template.example.toPlainText(), timeout=LONG)


def test_that_a_run_shows_its_model_and_cannot_choose_another(make_page, bench, model_folder, qtbot):
    page = make_page()
    spec = RunSpec.model_validate({"model": {"path": str(model_folder)}, "data": {"source": "/d"}})
    bench.show_run(create_run(bench.workspace, spec))
    qtbot.waitUntil(lambda: bench.model.card is not None, timeout=LONG)
    assert page.card.title.text() == "tiny-llama"
    assert page.path.editor.input.isReadOnly()
    assert not page.path.editor.browse.isEnabled()
    assert not page.table.isEnabled()


def test_that_show_option_focuses_the_path(make_page, qtbot):
    page = make_page()
    with qtbot.waitActive(page):
        page.activateWindow()
    page.show_option("model.path")
    qtbot.waitUntil(page.path.editor.input.hasFocus)


def test_that_a_broken_tokenizer_forbids_the_start(qtbot: QtBot, bench: Workbench, model_folder: Path) -> None:
    (model_folder / "tokenizer.json").write_text('{"version": "1.0", "model": 3}')
    bench.draft.set("model.path", str(model_folder))
    qtbot.waitUntil(lambda: not bench.model.is_busy, timeout=10_000)

    assert bench.model.card is None
    assert [issue.section for issue in bench.model.issues()] == ["model"]
