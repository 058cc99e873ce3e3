"""Conversations as templates write them, against text written by hand."""

import pytest

from orpo_studio.models.chat_template import PLAIN_TEMPLATE, ChatTemplate, TemplateProblem

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
CHATML = """{% for message in messages %}
    {% if loop.first and messages[0]['role'] != 'system' %}
{{ '<|im_start|>system\nYou are helpful<|im_end|>\n' }}
    {% endif %}
{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}
{% endfor %}
{% if add_generation_prompt %}
{{ '<|im_start|>assistant\n' }}
{% endif %}"""
MESSAGES = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello  "}]


def test_that_block_lines_leave_no_blank_behind() -> None:
    text = ChatTemplate(CHATML, {}).render(MESSAGES[:1], add_generation_prompt=True)
    assert text == (
        "<|im_start|>system\nYou are helpful<|im_end|>\n\n<|im_start|>user\nHi<|im_end|>\n\n<|im_start|>assistant\n\n"
    )


def test_that_special_tokens_are_variables_and_missing_ones_are_nothing() -> None:
    assert ChatTemplate("{{ bos_token }}x{{ pad_token }}{{ eos_token }}", TOKENS).render([]) == "<s>x</s>"


def test_that_json_is_written_without_html_escapes() -> None:
    template = ChatTemplate("{{ messages | tojson }}|{{ messages[0] | tojson(indent=1) }}", {})
    assert template.render([{"role": "user", "content": "<é>"}]) == (
        '[{"role": "user", "content": "<é>"}]|{\n "role": "user",\n "content": "<é>"\n}'
    )


def test_that_generation_marks_are_tolerated_and_loops_may_break() -> None:
    source = (
        "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}"
        "{% break %}{% endif %}{% endfor %}"
    )
    assert ChatTemplate(source, {}).render(MESSAGES) == "Hello  "


def test_that_the_year_can_be_asked_for() -> None:
    assert ChatTemplate("{{ strftime_now('%Y') }}", {}).render([]).startswith("20")


def test_that_a_refusal_of_the_template_carries_its_words() -> None:
    template = ChatTemplate("{{ raise_exception('No system turns here') }}", {})
    with pytest.raises(TemplateProblem, match="does not accept") as caught:
        template.render(MESSAGES)
    assert caught.value.detail == "No system turns here"


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages[7].content + 1 }}",
        "{{ 1 / 0 }}",
        "{{ 'a' + 1 }}",
        "{{ messages.append(1) }}",
        "{{ ''.__class__.__mro__ }}",
    ],
)
def test_that_a_template_that_fails_or_reaches_out_is_a_problem(source: str) -> None:
    with pytest.raises(TemplateProblem):
        ChatTemplate(source, {}).render(MESSAGES)


def test_that_a_broken_template_is_named() -> None:
    with pytest.raises(TemplateProblem) as caught:
        ChatTemplate("{% for %}", {}).render(MESSAGES)
    assert caught.value.code == "broken-template"


def test_that_the_plain_template_ends_answers_with_the_end_token() -> None:
    plain = ChatTemplate(PLAIN_TEMPLATE, TOKENS)
    system = {"role": "system", "content": "Be brief."}
    assert plain.render([system, *MESSAGES, MESSAGES[0]], add_generation_prompt=True) == (
        "<s>### System:\nBe brief.\n\n### User:\nHi\n\n### Assistant:\nHello</s>\n\n### User:\nHi\n\n### Assistant:\n"
    )
    assert plain.render(MESSAGES) == "<s>### User:\nHi\n\n### Assistant:\nHello</s>"
