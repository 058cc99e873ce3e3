"""What is told about a model folder, and what is refused."""

import json
from pathlib import Path

import pytest

from helpers.model_folder import TENSORS, MakeModel, tokenizer_json, write_json, write_safetensors
from orpo_studio.models.card import inspect_model
from orpo_studio.models.problem import ModelProblem


def problem_of(folder: Path) -> ModelProblem:
    with pytest.raises(ModelProblem) as caught:
        inspect_model(folder)
    problem = caught.value
    assert problem.title
    assert problem.hint
    return problem


def test_that_a_model_is_described_from_its_files(make_model: MakeModel) -> None:
    folder = make_model()
    (folder / "README.md").write_text("---\nlicense: apache-2.0  # as stated\ntags: [x]\n---\n# A model\n")
    card = inspect_model(folder)
    assert (card.architecture, card.model_type, card.name) == ("LlamaForCausalLM", "llama", "tiny-model")
    assert card.parameters == 32 + 24 + 4 + 32
    assert card.dtype == "bfloat16"
    assert (card.vocabulary, card.context, card.hidden_size, card.layers) == (8, 64, 4, 1)
    assert card.size_bytes == (folder / "model.safetensors").stat().st_size
    assert (card.bos_token, card.eos_token, card.pad_token) == ("<s>", "</s>", None)
    assert card.license == "apache-2.0"
    assert card.has_tokenizer
    assert card.chat_template is None


def test_that_tied_weights_count_once(make_model: MakeModel) -> None:
    assert inspect_model(make_model(tie_word_embeddings=True)).parameters == 32 + 24 + 4


def test_that_buffers_are_not_parameters(make_model: MakeModel) -> None:
    buffers = {"h.0.attn.bias": ("U8", (1, 1, 4, 4)), "model.layers.0.rotary_emb.inv_freq": ("F32", (2,))}
    assert inspect_model(make_model(TENSORS | buffers)).parameters == 92


def test_that_packed_4_bit_weights_count_by_their_unpacked_size(make_model: MakeModel) -> None:
    name = "model.layers.0.mlp.up_proj.weight"
    packed = {
        name: ("U8", (12, 1)),
        f"{name}.absmax": ("U8", (3,)),
        f"{name}.quant_state.bitsandbytes__nf4": ("U8", (9,)),
    }
    card = inspect_model(make_model(TENSORS | packed, quantization_config={"quant_method": "bitsandbytes"}))
    assert card.parameters == 92
    assert card.quantization_config == {"quant_method": "bitsandbytes"}
    assert any("quantized already" in note for note in card.notes)


def test_that_gptq_weights_count_by_their_unpacked_size(make_model: MakeModel) -> None:
    name = "model.layers.0.mlp.up_proj"
    tensors = {key: value for key, value in TENSORS.items() if not key.startswith(name)}
    packed = {f"{name}.qweight": ("I32", (3, 1)), f"{name}.scales": ("BF16", (1, 6)), f"{name}.g_idx": ("I32", (4,))}
    card = inspect_model(make_model(tensors | packed, quantization_config={"quant_method": "gptq", "bits": 4}))
    assert card.parameters == 92


def test_that_sharded_weights_are_summed(make_model: MakeModel) -> None:
    folder = make_model()
    (folder / "model.safetensors").unlink()
    names = list(TENSORS)
    shards = {"model-00001-of-00002.safetensors": names[:2], "model-00002-of-00002.safetensors": names[2:]}
    for shard, members in shards.items():
        write_safetensors(folder / shard, {name: TENSORS[name] for name in members})
    weight_map = {name: shard for shard, members in shards.items() for name in members}
    write_json(folder / "model.safetensors.index.json", {"weight_map": weight_map})
    assert inspect_model(folder).parameters == 92
    (folder / "model-00002-of-00002.safetensors").unlink()
    problem = problem_of(folder)
    assert problem.code == "missing-shards"
    assert "model-00002-of-00002.safetensors" in problem.detail
    (folder / "model.safetensors.index.json").unlink()
    assert problem_of(folder).code == "no-index"


def test_that_an_index_may_not_point_outside_the_folder(make_model: MakeModel) -> None:
    folder = make_model()
    write_json(folder / "model.safetensors.index.json", {"weight_map": {"x": "../other.safetensors"}})
    assert problem_of(folder).code == "broken-index"


@pytest.mark.parametrize(
    ("architecture", "words"),
    [
        ("BertForMaskedLM", "encoder"),
        ("T5ForConditionalGeneration", "encoder-decoder"),
        ("LlamaForSequenceClassification", "classes"),
        ("LlamaModel", "output layer"),
    ],
)
def test_that_what_is_no_causal_model_is_refused_with_what_it_is(
    make_model: MakeModel, architecture: str, words: str
) -> None:
    problem = problem_of(make_model(architectures=[architecture]))
    assert problem.code == "not-causal"
    assert architecture in problem.detail
    assert words in problem.detail


def test_that_a_configuration_without_architecture_is_refused(make_model: MakeModel) -> None:
    assert problem_of(make_model(architectures=None)).code == "unknown-architecture"


def test_that_only_pickles_are_refused_with_a_way_out(make_model: MakeModel) -> None:
    folder = make_model()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    problem = problem_of(folder)
    assert problem.code == "only-pickles"
    assert "safetensors" in problem.title
    assert "save_pretrained" in problem.hint


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "damaged-weights"),
        (b"\x00" * 30, "damaged-weights"),
        (b"\xff" * 30, "damaged-weights"),
        (b"\x05" + b"\x00" * 7 + b"[1,2]", "damaged-weights"),
        (b"version https://git-lfs.github.com/spec/v1\n", "lfs-pointer"),
    ],
)
def test_that_files_that_are_no_weights_are_refused(make_model: MakeModel, content: bytes, code: str) -> None:
    folder = make_model()
    (folder / "model.safetensors").write_bytes(content)
    assert problem_of(folder).code == code


def test_that_weights_cut_short_anywhere_are_refused(make_model: MakeModel) -> None:
    folder = make_model()
    whole = (folder / "model.safetensors").read_bytes()
    for length in (4, 8, 20, len(whole) - 1):
        (folder / "model.safetensors").write_bytes(whole[:length])
        assert problem_of(folder).code == "damaged-weights"


@pytest.mark.parametrize(
    ("name", "code"),
    [("config.json", "no-config"), ("model.safetensors", "no-weights"), ("tokenizer.json", "no-tokenizer")],
)
def test_that_a_missing_part_is_named(make_model: MakeModel, name: str, code: str) -> None:
    folder = make_model()
    (folder / name).unlink()
    assert problem_of(folder).code == code


def test_that_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    assert problem_of(tmp_path / "nowhere").code == "not-a-folder"
    (tmp_path / "file").touch()
    assert problem_of(tmp_path / "file").code == "not-a-folder"


def test_that_an_adapter_is_named_as_one(tmp_path: Path) -> None:
    write_json(tmp_path / "adapter_config.json", {"base_model_name_or_path": "some/base"})
    problem = problem_of(tmp_path)
    assert problem.code == "adapter-only"
    assert "some/base" in problem.detail


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"a": 1', "\x00"])
def test_that_broken_json_is_named(make_model: MakeModel, text: str) -> None:
    folder = make_model()
    (folder / "config.json").write_text(text)
    assert problem_of(folder).code == "broken-json"


def test_that_a_tokenizer_without_an_end_is_refused(make_model: MakeModel) -> None:
    folder = make_model()
    write_json(folder / "tokenizer_config.json", {"bos_token": "<s>"})
    assert problem_of(folder).code == "no-end-token"


def test_that_the_end_token_is_found_by_its_id(make_model: MakeModel) -> None:
    folder = make_model(eos_token_id=[2, 1])
    write_json(folder / "tokenizer_config.json", {})
    assert inspect_model(folder).eos_token == "</s>"


def test_that_a_missing_pad_token_is_a_note_with_the_choice(make_model: MakeModel) -> None:
    card = inspect_model(make_model())
    assert card.pad.token == "<unk>"
    assert not card.pad.declared
    assert any("<unk>" in note and note.startswith("Padding") for note in card.notes)


def test_that_a_spare_token_beyond_the_vocabulary_is_not_chosen(make_model: MakeModel) -> None:
    folder = make_model(vocab_size=3)
    write_json(folder / "tokenizer.json", tokenizer_json(("<unk>", "<s>", "</s>", "<pad>")))
    assert inspect_model(folder).pad.token == "<unk>"


def test_that_own_code_is_noted_and_never_imported(make_model: MakeModel) -> None:
    folder = make_model(auto_map={"AutoModelForCausalLM": "modeling_evil.EvilForCausalLM"})
    (folder / "modeling_evil.py").write_text("raise SystemExit('executed')")
    assert any("never run" in note for note in inspect_model(folder).notes)


def test_that_the_default_of_several_named_templates_is_taken(make_model: MakeModel) -> None:
    folder = make_model()
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config["chat_template"] = [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]
    write_json(folder / "tokenizer_config.json", config)
    assert inspect_model(folder).chat_template == "D"
    (folder / "chat_template.jinja").write_text("J")
    assert inspect_model(folder).chat_template == "J"


def test_that_the_added_tokens_are_found_without_reading_a_whole_large_tokenizer(make_model: MakeModel) -> None:
    folder = make_model()
    text = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(text[:-1] + ', "rest": "' + "x" * 2_000_000)  # not even valid JSON
    assert inspect_model(folder).pad.token == "<unk>"
