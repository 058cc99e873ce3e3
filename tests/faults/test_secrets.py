"""Secrets stay where they are: none of those planted around a run is in what the run leaves, ships or shares."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.tiny_model import make_rows, write_rows, write_tiny_model
from helpers.training import make_run, of_kind, outcome, run
from orpo_studio import paths
from orpo_studio.events import EvaluationFinished, ExportFinished
from orpo_studio.runs import Job, RunFolder, write_support_archive
from orpo_studio.trainer.environment import prepare_environment

prepare_environment()

ENVIRONMENT = {
    "HF_TOKEN": "hf_PLANTEDinTheEnvironment0001",
    "HUGGING_FACE_HUB_TOKEN": "hf_PLANTEDinTheEnvironment0002",
    "OPENAI_API_KEY": "sk-PLANTEDinTheEnvironment0003",
    "AWS_SECRET_ACCESS_KEY": "PLANTEDinTheEnvironment0004",
    "HTTPS_PROXY": "http://alice:PLANTEDinTheEnvironment0005@proxy.example:3128",
}
IN_A_FILE = "hf_PLANTEDinTheTokenFile00006"
PERSON, PROJECT = "alice-the-person", "secret-project"
"""Names that a path holds; the run itself must know the path, what is shipped must not."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("homes") / PERSON
    (home / ".cache" / "huggingface").mkdir(parents=True)
    (home / ".cache" / "huggingface" / "token").write_text(IN_A_FILE)
    (home / ".netrc").write_text("machine huggingface.co login alice password PLANTEDinNetrc0007")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setenv("HOME", str(home))
        patch.delenv("HF_HOME", raising=False)
        patch.setattr(paths, "cache_folder", lambda: home / ".cache" / "orpo-studio")
        yield home


@pytest.fixture(scope="module")
def trained(home: Path) -> RunFolder:
    """A run on a model and data whose paths tell names, trained, evaluated and exported in both ways."""
    model = write_tiny_model(home / PROJECT / "tiny-llama")
    config = json.loads((model / "tokenizer_config.json").read_text())
    config["name_or_path"] = str(model)  # as older versions of the library write it
    (model / "tokenizer_config.json").write_text(json.dumps(config))
    data = write_rows(home / PROJECT / "letters.jsonl", make_rows(24))
    folder = make_run(home / "workspace", model, data, recipe={"max_steps": 2})
    assert outcome(run(folder)) == "completed"
    assert of_kind(run(folder, Job.EVALUATE), EvaluationFinished)
    for kind in ("adapter", "merged"):
        assert of_kind(run(folder, Job.EXPORT, kind=kind, target=str(home / "shipped" / kind)), ExportFinished)
    folder.console_log.write_text(
        f"Loading {home}/{PROJECT}/tiny-llama\nToken: {ENVIRONMENT['HF_TOKEN']}\n"
        f"proxy {ENVIRONMENT['HTTPS_PROXY']}\nAWS_SECRET_ACCESS_KEY={ENVIRONMENT['AWS_SECRET_ACCESS_KEY']}\n"
    )
    return folder


def holding(place: Path, *words: str) -> list[str]:
    """Return the files under a place that hold one of these words."""
    return [
        str(path.relative_to(place))
        for path in sorted(place.rglob("*"))
        if path.is_file() and any(word.encode() in path.read_bytes() for word in words)
    ]


def test_that_no_token_is_in_anything_a_run_leaves(home: Path, trained: RunFolder) -> None:
    assert [name for name in holding(trained.path, "PLANTED") if name != "console.log"] == []
    assert holding(home / "shipped", "PLANTED") == []
    assert holding(home / ".cache" / "orpo-studio", "PLANTED") == []


def test_that_what_is_shipped_names_neither_the_person_nor_their_folders(home: Path, trained: RunFolder) -> None:
    assert {path.name for path in (home / "shipped").iterdir()} == {"adapter", "merged"}
    assert holding(home / "shipped", PERSON, PROJECT, str(home.parent)) == []
    config = json.loads((home / "shipped" / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny-llama"
    assert "letters.jsonl" in (home / "shipped" / "merged" / "README.md").read_text()
    assert not list((home / "shipped").rglob("*.bin"))


def test_that_a_support_archive_tells_neither(home: Path, trained: RunFolder, tmp_path: Path) -> None:
    archive = zipfile.ZipFile(write_support_archive(trained, tmp_path / "archive.zip"))
    for name in archive.namelist():
        content = archive.read(name)
        assert b"PLANTED" not in content, name
        assert PERSON.encode() not in content, name
    assert b"tiny-llama" in archive.read("run.toml")


def test_that_an_adapter_ships_only_what_belongs_to_it(home: Path, trained: RunFolder) -> None:
    (trained.adapter / "letter_to_the_bank.docx").write_text("private")
    (trained.adapter / "training_args.bin").write_bytes(b"a pickle")
    events = run(trained, Job.EXPORT, kind="adapter", target=str(home / "again"))
    assert of_kind(events, ExportFinished)
    assert {path.suffix for path in (home / "again").iterdir()} <= {".json", ".jinja", ".safetensors", ".md"}
