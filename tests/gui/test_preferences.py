"""Preferences: a bad file never stops the start, and nothing of it is lost."""

import json
from pathlib import Path

from orpo_studio.gui.preferences import MOST_RECENT, Preferences, load_preferences, save_preferences


def test_that_what_was_saved_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "preferences.json"
    saved = Preferences(theme="dark", draft={"recipe": {"lambda": 0.2}})
    save_preferences(saved, file)

    assert load_preferences(file) == (saved, "")


def test_that_a_missing_file_is_no_fault(tmp_path: Path) -> None:
    assert load_preferences(tmp_path / "none.json") == (Preferences(), "")


def test_that_good_values_survive_beside_bad_and_unknown_ones(tmp_path: Path) -> None:
    file = tmp_path / "preferences.json"
    file.write_text(json.dumps({"theme": "dark", "smoothing": "much", "from_the_future": 1}))
    loaded, warning = load_preferences(file)

    assert loaded.theme == "dark"
    assert loaded.smoothing == Preferences().smoothing
    assert "from_the_future, smoothing" in warning
    assert (tmp_path / "preferences.unusable.json").read_text() == file.read_text()


def test_that_a_file_full_of_junk_is_put_aside_with_a_warning(tmp_path: Path) -> None:
    for junk in (b"\xff\x00{", b"[1, 2]", b"", b"[" * 100_000):
        file = tmp_path / "preferences.json"
        file.write_bytes(junk)
        loaded, warning = load_preferences(file)

        assert loaded == Preferences()
        assert warning
        assert (tmp_path / "preferences.unusable.json").read_bytes() == junk


def test_that_recent_things_are_listed_once_newest_first_and_not_for_ever() -> None:
    preferences = Preferences()
    for number in range(12):
        preferences.remember_model(f"/m/{number}")
    preferences.remember_model("/m/9")

    assert preferences.recent_models[:2] == ["/m/9", "/m/11"]
    assert len(preferences.recent_models) == MOST_RECENT
