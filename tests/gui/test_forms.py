"""Fields made from the schema: what is typed, what is wrong with it, and the way back."""

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from orpo_studio.config import Kind, RunSpec, all_options, find_option
from orpo_studio.gui.forms.editors import ChoiceEditor, FlagEditor, NumberEditor, PathEditor, unit_and_bounds
from orpo_studio.gui.forms.field import Field
from orpo_studio.gui.forms.form import Form
from orpo_studio.gui.forms.slider import LogarithmicSlider
from orpo_studio.gui.theme import em
from orpo_studio.gui.widgets.basic import label
from orpo_studio.gui.workbench import Workbench
from orpo_studio.runs import create_run


@pytest.fixture
def make_field(bench: Workbench, qtbot: QtBot):
    def make(name: str) -> Field:
        field = Field(bench, find_option(name))
        qtbot.addWidget(field)
        field.show()
        return field

    return make


def type_into(qtbot: QtBot, field: Field, text: str) -> None:
    field.editor.input.selectAll()
    qtbot.keyClicks(field.editor.input, text)


@pytest.mark.parametrize("option", all_options(), ids=lambda option: option.name)
def test_that_every_option_has_a_field_that_names_and_explains_it(option, bench, qtbot):
    field = Field(bench, option)
    qtbot.addWidget(field)
    assert field.editor.input.accessibleName() == option.title
    assert field.editor.input.whatsThis() == option.help
    assert option.help in field.editor.input.toolTip()


def test_that_what_is_typed_reaches_the_draft(bench, qtbot, make_field):
    field = make_field("recipe.lora_rank")
    type_into(qtbot, field, "64")
    assert bench.draft.value(field.option) == 64


def test_that_invalid_text_stays_in_the_field_with_the_reason_beside_it(bench, qtbot, make_field):
    field = make_field("recipe.learning_rate")
    type_into(qtbot, field, "fast")
    assert field.editor.input.text() == "fast"
    assert "needs a number" in field.message.text()
    assert field.message.isVisible()
    assert field.message.property("kind") == "failure"
    assert field.editor.input.property("invalid") is True


def test_that_a_value_out_of_bounds_says_what_is_allowed(qtbot, make_field):
    field = make_field("recipe.lambda")
    type_into(qtbot, field, "11")
    assert "above 0 and at most 10" in field.message.text()


def test_that_a_warning_is_told_in_the_color_of_attention(qtbot, make_field):
    field = make_field("recipe.lambda")
    type_into(qtbot, field, "2")
    assert field.message.property("kind") == "attention"
    assert field.editor.input.property("invalid") is False


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999"])
def test_that_a_number_that_is_not_finite_is_kept_and_reported(text, bench, qtbot, make_field):
    field = make_field("recipe.weight_decay")
    type_into(qtbot, field, text)
    assert field.editor.input.text() == text
    assert field.message.isVisible()


@pytest.mark.parametrize("text", ["1e-4", "0.00010", "1e-04"])
def test_that_a_number_keeps_the_form_in_which_it_was_typed(text, bench, qtbot, make_field):
    field = make_field("recipe.learning_rate")
    type_into(qtbot, field, text)
    assert field.editor.input.text() == text
    assert bench.draft.value(field.option) == 1e-4


def test_that_typing_in_the_middle_keeps_the_cursor(qtbot, make_field):
    field = make_field("recipe.lora_alpha")
    field.editor.input.setFocus()
    field.editor.input.setCursorPosition(1)
    qtbot.keyClicks(field.editor.input, "0")
    assert field.editor.input.text() == "302"
    assert field.editor.input.cursorPosition() == 2


def test_that_a_list_may_be_left_with_a_comma_while_it_is_typed(bench, qtbot, make_field):
    field = make_field("recipe.lora_targets")
    type_into(qtbot, field, "q_proj, v_proj,")
    assert field.editor.input.text() == "q_proj, v_proj,"
    assert bench.draft.value(field.option) == ["q_proj", "v_proj"]


def test_that_a_changed_field_shows_its_default_and_goes_back_to_it(bench, qtbot, make_field):
    field = make_field("recipe.epochs")
    assert not field.dot.isVisible()
    type_into(qtbot, field, "3")
    assert field.dot.isVisible()
    assert field.default.text() == "Default 1"
    qtbot.mouseClick(field.reset, Qt.MouseButton.LeftButton)
    assert field.editor.input.text() == "1"
    assert not field.dot.isVisible()
    assert not bench.draft.is_changed(field.option)


def test_that_a_value_changed_elsewhere_shows_at_once(bench, make_field):
    fields = {name: make_field(f"recipe.{name}") for name in ("seed", "use_dora", "schedule", "lambda")}
    for name, value in {"seed": 7, "use_dora": True, "schedule": "cosine", "lambda": 0.5}.items():
        bench.draft.set(f"recipe.{name}", value)
    assert fields["seed"].editor.input.text() == "7"
    assert fields["use_dora"].editor.input.isChecked()
    assert fields["schedule"].editor.input.currentData() == "cosine"
    assert fields["lambda"].editor.input.text() == "0.5"


def test_that_undo_brings_the_old_value_back_into_the_field(bench, qtbot, make_field):
    field = make_field("recipe.seed")
    type_into(qtbot, field, "123")
    bench.draft.undo.undo()
    assert field.editor.input.text() == "42"


def test_that_a_field_leaves_the_undo_key_to_the_window(bench, qtbot):
    window = QWidget()
    QVBoxLayout(window)
    qtbot.addWidget(window)
    field = Field(bench, find_option("recipe.seed"))
    window.layout().addWidget(field)
    shortcut = QShortcut(QKeySequence(QKeySequence.StandardKey.Undo), window)
    shortcut.activated.connect(bench.draft.undo.undo)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    field.editor.input.setFocus()
    bench.draft.set("recipe.epochs", 9.0)
    type_into(qtbot, field, "5")
    qtbot.keyClick(field.editor.input, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert field.editor.input.text() == "42"
    qtbot.keyClick(field.editor.input, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert bench.draft.value(find_option("recipe.epochs")) == 1.0


def test_that_showing_a_value_announces_nothing(qtbot):
    for option in all_options():
        editor = {Kind.FLAG: FlagEditor, Kind.CHOICE: ChoiceEditor}.get(option.kind, NumberEditor)(option)
        qtbot.addWidget(editor)
        with qtbot.assertNotEmitted(editor.edited):
            editor.show_value(option.default)
            editor.show_value("no such value")


def test_that_a_choice_is_made_with_the_keyboard(bench, qtbot, make_field):
    field = make_field("recipe.quantization")
    field.editor.input.setFocus()
    qtbot.keyClick(field.editor.input, Qt.Key.Key_Down)
    assert bench.draft.value(field.option) == "8bit"
    assert field.default.text() == "Default None"


def test_that_a_flag_is_set_by_its_check_box(bench, qtbot, make_field):
    field = make_field("recipe.use_dora")
    field.editor.input.click()
    assert bench.draft.value(field.option) is True


def test_that_the_slider_sets_the_number_and_follows_what_is_typed(bench, qtbot, make_field):
    field = make_field("recipe.lambda")
    slider = field.editor.slider
    slider.setValue(slider.value() + 40)
    assert bench.draft.value(field.option) == 1.0
    assert field.editor.input.text() == "1"
    type_into(qtbot, field, "0.01")
    assert slider.value_at(slider.value()) == pytest.approx(0.01, rel=0.05)


def test_that_a_typed_number_beyond_the_slider_wins(bench, qtbot, make_field):
    field = make_field("recipe.lambda")
    type_into(qtbot, field, "9.75")
    assert bench.draft.value(field.option) == 9.75
    assert field.editor.slider.value() == field.editor.slider.maximum()


def test_that_every_step_of_the_slider_moves_it(qtbot):
    slider = LogarithmicSlider.around(0.1)
    qtbot.addWidget(slider)
    for _step in range(slider.maximum()):
        before = slider.value()
        qtbot.keyClick(slider, Qt.Key.Key_Left)
        slider.show_value(slider.value_at(slider.value()))
        assert slider.value() == before - 1 or before == 0


def test_that_a_path_is_chosen_in_a_dialog_that_does_not_hold_the_window(bench, qtbot, tmp_path: Path):
    option = find_option("model.path")
    field = Field(bench, option, editor=PathEditor(option, folder=True))
    qtbot.addWidget(field)
    dialog = field.editor.open_dialog()
    assert dialog.fileMode() == QFileDialog.FileMode.Directory
    dialog.fileSelected.emit(str(tmp_path))
    dialog.close()
    assert bench.draft.value(option) == str(tmp_path)
    assert field.editor.input.text() == str(tmp_path)


def test_that_what_is_not_chosen_yet_is_said_without_alarm(make_field):
    field = make_field("model.path")
    assert field.message.text() == "Choose a base model."
    assert field.message.property("kind") == "heading"
    assert not field.dot.isVisible()


def test_that_a_run_is_shown_and_cannot_be_edited(bench, qtbot, make_field):
    rank, flag, schedule = (make_field(f"recipe.{name}") for name in ("lora_rank", "use_dora", "schedule"))
    spec = RunSpec.model_validate(
        {
            "model": {"path": "/m"},
            "data": {"source": "/d"},
            "recipe": {"lora_rank": 99, "use_dora": True, "schedule": "cosine"},
        }
    )
    bench.show_run(create_run(bench.workspace, spec))
    assert rank.editor.input.text() == "99"
    assert rank.editor.input.isReadOnly()
    assert not rank.reset.isVisible()
    assert not flag.editor.input.isEnabled()
    assert flag.editor.input.isChecked()
    assert schedule.editor.input.currentData() == "cosine"
    bench.show_draft()
    assert rank.editor.input.text() == "16"
    assert not rank.editor.input.isReadOnly()


def test_that_a_form_uses_two_columns_where_there_is_room(bench, qtbot):
    form = Form(bench, [find_option(f"recipe.{key}") for key in ("lambda", "learning_rate")])
    qtbot.addWidget(form)
    first, second = form.fields.values()
    form.resize(em(60), em(40))
    form.show()
    qtbot.waitUntil(lambda: first.y() == second.y() and second.x() > first.x())
    form.resize(em(25), em(40))
    qtbot.waitUntil(lambda: first.x() == second.x() and second.y() > first.y())


def test_that_a_field_makes_room_for_its_message(bench, qtbot):
    form = Form(bench, [find_option(f"recipe.{key}") for key in ("lambda", "learning_rate")])
    qtbot.addWidget(form)
    form.resize(em(25), em(60))
    form.show()
    field = form.fields["recipe.lambda"]
    bench.draft.set_text("recipe.lambda", "a little")
    qtbot.waitUntil(lambda: field.height() >= field.heightForWidth(field.width()))
    assert field.message.geometry().bottom() < field.help.geometry().top()


def test_that_a_click_on_the_box_of_a_flag_sets_it(bench, qtbot, make_field):
    field = make_field("recipe.use_rslora")
    box = field.editor.input
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(em(0.5), box.height() // 2))
    assert bench.draft.value(field.option) is True


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("recipe.micro_batch", "pairs, from 1 to 1,024"),
        ("recipe.lora_dropout", "from 0 to below 1"),
        ("recipe.max_steps", "steps, from 0"),
        ("recipe.epochs", "above 0 to 1,000"),
    ],
)
def test_that_a_number_says_its_unit_and_its_bounds(name, words):
    assert unit_and_bounds(find_option(name)) == words


def test_that_a_long_word_does_not_widen_its_window(qtbot):
    told = label("x" * 10_000, wrap=True)
    qtbot.addWidget(told)

    assert told.minimumSizeHint().width() <= em(12)
