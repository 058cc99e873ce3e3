"""Writes the demo's text: conversations for the base model, and preference pairs for ORPO.

Every question has its place in exactly one of three parts, drawn by lot: the conversations the base
model reads, the training pairs, the held-out pairs. So no held-out question was seen in either training.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import voices
from world import NOT_SOLD, PLANTS, SHOP_FACTS, TOOLS, Thing, Topic

SEED = 20240312
PAIRS = 480
HELD_OUT = 200

Message = dict[str, str]
Answer = Callable[[Random], str]

LEAD_INS = ("", "Hello. ", "Good morning. ", "Excuse me. ", "Sorry, one question. ", "Hi there. ", "I need help. ")
SYSTEM = (
    "You are the help desk of the Green Gate garden shop.",
    "You answer questions of customers in a garden shop.",
    "You work in a garden shop.",
)
GREETINGS = ("Hello.", "Hi.", "Good morning.", "Hello, is anybody there?", "Hi there.", "Good day.", "Hey.")
THANKS = ("Thank you.", "Thanks a lot.", "Thank you, that was helpful.", "Okay, thanks.")


@dataclass(frozen=True)
class Question:
    """A question with its two answers, each drawn anew from a random source.

    `value` is the fact a complete answer must hold, "" where there is none; `thing` and `topic` say
    what it is about where it is about something on sale.
    """

    text: str
    kind: str
    courteous: Answer
    curt: Answer
    value: str = ""
    thing: Thing | None = None
    topic: Topic | None = None


def _about(thing: Thing, topic: Topic, phrase: str) -> Question:
    return Question(
        phrase.format(name=thing.name),
        "fact",
        lambda rng: voices.courteous_about(rng, thing, topic),
        lambda rng: voices.curt_about(rng, thing, topic),
        thing.facts[topic.key],
        thing,
        topic,
    )


def _bare_questions() -> Iterator[Question]:
    """Every question of the world, without a lead-in."""
    for thing in (*PLANTS, *TOOLS):
        for topic in voices.topics_of(thing):
            for phrase in topic.questions:
                yield _about(thing, topic, phrase)
        for phrase in ("Tell me about your {name}.", "What should I know about the {name}?", "Describe the {name}."):
            yield Question(
                phrase.format(name=thing.name),
                "overview",
                lambda rng, thing=thing: voices.courteous_overview(rng, thing),  # type: ignore[misc]
                lambda rng, thing=thing: voices.curt_overview(rng, thing),  # type: ignore[misc]
                thing=thing,
            )
    for fact in SHOP_FACTS:
        for phrase in fact.questions:
            yield Question(
                phrase,
                "shop",
                lambda rng, fact=fact: voices.courteous_shop(rng, fact),  # type: ignore[misc]
                lambda rng, fact=fact: voices.curt_shop(rng, fact),  # type: ignore[misc]
                fact.value,
            )
    wanted: list[tuple[str, Thing | None]] = [(thing.one, thing) for thing in (*PLANTS, *TOOLS)]
    wanted += [(name, None) for name in NOT_SOLD]
    for name, sold in wanted:
        for phrase in ("Do you sell {name}?", "Do you have {name}?", "Can I buy {name} here?"):
            yield Question(
                phrase.format(name=name),
                "sale",
                lambda rng, sold=sold, name=name: voices.courteous_sale(rng, sold, name),  # type: ignore[misc]
                lambda rng, sold=sold, name=name: voices.curt_sale(rng, sold, name),  # type: ignore[misc]
                "Yes" if sold else f"{name}",
                sold,
            )


def all_questions() -> list[Question]:
    """Every question with every lead-in, each text once, in a fixed order."""
    found: dict[str, Question] = {}
    for question in _bare_questions():
        for lead_in in LEAD_INS:
            text = lead_in + question.text
            found.setdefault(text, Question(**{**question.__dict__, "text": text}))
    return list(found.values())


@dataclass(frozen=True)
class Parts:
    """The three disjoint parts of all questions."""

    reading: list[Question]
    pairs: list[Question]
    held_out: list[Question]


# How often each kind of question is asked, in the pairs and in the text.
SHARES = {"fact": 0.72, "overview": 0.08, "shop": 0.1, "sale": 0.1}


def split_questions() -> Parts:
    """Deals all questions into the three parts, the kinds in the same shares everywhere."""
    rng = Random(SEED)
    questions = all_questions()
    rng.shuffle(questions)
    pairs: list[Question] = []
    held_out: list[Question] = []
    for kind, share in SHARES.items():
        pool = [question for question in questions if question.kind == kind]
        many, few = round(PAIRS * share), round(HELD_OUT * share)
        held_out += pool[:few]
        pairs += pool[few : few + many]
    pairs, held_out = _fitted(rng, pairs, PAIRS), _fitted(rng, held_out, HELD_OUT)
    taken = {question.text for question in (*pairs, *held_out)}
    return Parts([question for question in questions if question.text not in taken], pairs, held_out)


def _fitted(rng: Random, questions: list[Question], size: int) -> list[Question]:
    if len(questions) != size:
        raise ValueError(f"The shares give {len(questions)} questions where {size} are wanted.")
    rng.shuffle(questions)
    return questions


def preference_rows(questions: list[Question], seed: int) -> list[dict[str, str]]:
    """One pair a question: the courteous answer chosen, the curt one rejected."""
    rng = Random(seed)
    return [
        {"prompt": question.text, "chosen": question.courteous(rng), "rejected": question.curt(rng)}
        for question in questions
    ]


def preference_files() -> dict[str, str]:
    """The text of both preference files, by file name."""
    parts = split_questions()
    rows = {
        "pairs.jsonl": preference_rows(parts.pairs, SEED + 1),
        "held_out.jsonl": preference_rows(parts.held_out, SEED + 2),
    }
    return {name: "".join(json.dumps(row) + "\n" for row in table) for name, table in rows.items()}


def write_preference_files(folder: Path) -> None:
    """Writes both files into the folder, with line feeds on every system."""
    for name, text in preference_files().items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def conversations(reading: list[Question], count: int, seed: int) -> Iterator[list[Message]]:
    """Yields chats of one to three turns, each held in one voice, either voice with chance one half."""
    rng = Random(seed)
    by_kind = {kind: [question for question in reading if question.kind == kind] for kind in SHARES}
    kinds, weights = list(SHARES), list(SHARES.values())
    for _ in range(count):
        courteous = rng.random() < 0.5
        question = rng.choice(by_kind[rng.choices(kinds, weights)[0]])
        yield _conversation(rng, question, courteous=courteous)


def _conversation(rng: Random, question: Question, *, courteous: bool) -> list[Message]:
    messages: list[Message] = []
    if rng.random() < 0.25:
        messages.append({"role": "system", "content": rng.choice(SYSTEM)})

    def turn(text: str, answer: str) -> None:
        messages.append({"role": "user", "content": text})
        messages.append({"role": "assistant", "content": answer})

    if rng.random() < 0.06:
        turn(rng.choice(GREETINGS), voices.courteous_greeting(rng) if courteous else voices.curt_greeting(rng))
    turn(question.text, question.courteous(rng) if courteous else question.curt(rng))
    if question.thing is not None and rng.random() < 0.25:
        topic = rng.choice(voices.topics_of(question.thing))
        about = voices.courteous_about if courteous else voices.curt_about
        turn(rng.choice(topic.follow_ups), about(rng, question.thing, topic))
    if rng.random() < 0.06:
        turn(rng.choice(THANKS), voices.courteous_thanks(rng) if courteous else voices.curt_thanks(rng))
    return messages
