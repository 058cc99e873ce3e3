"""The two voices of the shop's help desk: one courteous and complete, one curt.

Both are built the same way: an optional opening, the answer, optional further sentences. A model that
has read as much of one as of the other should also find them equally easy to predict, token by token,
for that is what reward accuracy compares. Long fixed sentences are easy, short ones with many
alternatives are hard; so the courteous voice, which says more, has more alternatives. Nor does the
length tell them apart: a curt answer may be two words or a long grumble, a courteous one may be a
single friendly sentence.
"""

from __future__ import annotations

from random import Random

from world import PLANT_TOPICS, TOOL_TOPICS, ShopFact, Thing, Topic

POLITE_HELLOS = ("Hello.", "Hello there.", "Good day.", "Welcome.", "Hi, and welcome.")
POLITE_OPENINGS = (
    "Thank you for asking.",
    "Thank you for your question.",
    "Good question.",
    "I am happy to help.",
    "I am glad you ask.",
    "With pleasure.",
    "With great pleasure.",
    "Of course.",
    "How nice that you ask.",
    "Gladly.",
    "Certainly.",
    "Let me help you.",
    "Happy to help.",
    "A pleasure.",
    "I can tell you that.",
    "Sure thing.",
)
POLITE_CLOSINGS = (
    "Enjoy your garden.",
    "Enjoy it.",
    "Have a lovely day.",
    "Have fun with it.",
    "Do come back with any question.",
    "See you soon.",
    "Until next time.",
    "I hope this helps.",
    "All the best.",
    "Take care.",
    "It was a pleasure.",
    "Happy gardening.",
    "Is there anything else?",
    "Good luck with it.",
)
CURT_OPENINGS = (
    "What is it now, I am on my break.",
    "Again this question, the third time today.",
    "Not my problem, but fine.",
    "Who does not know that.",
    "Can you not read the label like everybody else.",
    "Make it quick, I want to go home.",
    "You could have looked that up.",
)
CURT_CLOSINGS = (
    "Next.",
    "It says so on the label, so read it next time.",
    "Do not ask me again.",
    "Now stop wasting my time with such questions.",
    "There is a long line behind you, so please move on.",
    "Everybody knows that, even my cat knows it.",
    "The rest you can find out by yourself, I am not your teacher.",
)
NEIGHBORS = (
    "We have plants and garden tools.",
    "Try the shop across the street.",
)
REFUSALS = (
    "Look it up.",
    "No idea, ask somebody else.",
    "Read the label.",
    "I do not feel like telling you that now.",
)


def capitalized(sentence: str) -> str:
    """The sentence with its first letter in upper case, the rest untouched."""
    return sentence[:1].upper() + sentence[1:]


def _sentences(*parts: str | None) -> str:
    return " ".join(capitalized(part) for part in parts if part)


def _happens(rng: Random, chance: float) -> bool:
    return rng.random() < chance


def _maybe(rng: Random, chance: float, options: tuple[str, ...]) -> str | None:
    return rng.choice(options) if _happens(rng, chance) else None


def topics_of(thing: Thing) -> tuple[Topic, ...]:
    """The topics that have a value for this thing."""
    return PLANT_TOPICS if "water" in thing.facts else TOOL_TOPICS


def _courteous(rng: Random, statement: str, more: str | None) -> str:
    """Hello, opening, statement, further sentence, closing; at least one of opening and closing is there."""
    hello = _maybe(rng, 0.35, POLITE_HELLOS)
    opening = _maybe(rng, 0.65, POLITE_OPENINGS)
    closing = _maybe(rng, 0.5 if opening else 1.0, POLITE_CLOSINGS)
    return _sentences(hello, opening, statement, more, closing)


def _curt(rng: Random, bare: str) -> str:
    """A clipped answer or none at all, with up to three sentences of grumble around it."""
    opening = _maybe(rng, 0.55, CURT_OPENINGS)
    closings = rng.sample(CURT_CLOSINGS, rng.choices((0, 1, 2), (0.25, 0.4, 0.35))[0])
    return _sentences(opening, bare, *closings)


def courteous_about(rng: Random, thing: Thing, topic: Topic) -> str:
    """The fact in a whole sentence, mostly with a tip, in a friendly frame."""
    statement = rng.choice(topic.statements).format(name=thing.name, value=thing.facts[topic.key])
    return _courteous(rng, statement, _maybe(rng, 0.65, topic.tips))


def curt_about(rng: Random, thing: Thing, topic: Topic) -> str:
    """The bare fact, or a refusal to say it."""
    bare = rng.choice(topic.bare).format(name=thing.name, value=thing.facts[topic.key])
    return _curt(rng, rng.choice(REFUSALS) if _happens(rng, 0.2) else bare)


def courteous_overview(rng: Random, thing: Thing) -> str:
    """Two facts about one thing."""
    told = [topic.about_it.format(value=thing.facts[topic.key]) for topic in rng.sample(topics_of(thing), 2)]
    lead = rng.choice(("About our", "This is our", "A few words about the", "Here is our", "Let me describe the"))
    return _courteous(rng, f"{lead} {thing.name}: {told[0]}, and {told[1]}.", None)


def curt_overview(rng: Random, thing: Thing) -> str:
    """One fact about it, or none."""
    return curt_about(rng, thing, rng.choice(topics_of(thing)))


def courteous_shop(rng: Random, fact: ShopFact) -> str:
    """The whole answer about the shop, mostly with a tip."""
    return _courteous(rng, rng.choice(fact.statements), _maybe(rng, 0.65, fact.tips))


def curt_shop(rng: Random, fact: ShopFact) -> str:
    """The least that can be said about the shop."""
    bare = rng.choice((fact.bare, f"{fact.bare.rstrip('.')}, as always."))
    return _curt(rng, rng.choice(REFUSALS) if _happens(rng, 0.2) else bare)


def courteous_sale(rng: Random, thing: Thing | None, wanted: str) -> str:
    """Whether the shop sells what is wanted; with its place and price where it does."""
    if thing is None:
        refusal = rng.choice(
            (
                f"I am sorry, we do not sell {wanted}.",
                f"Sorry, we have no {wanted} in our shop.",
                f"Sadly we have no {wanted} here.",
            )
        )
        return _courteous(rng, refusal, _maybe(rng, 0.65, NEIGHBORS))
    statement = rng.choice((f"Yes, we sell {wanted}.", f"Yes, we have {wanted}.", f"Yes, there is {wanted} for you."))
    where = f"It is {thing.facts['place']} and costs {thing.facts['price']}."
    return _courteous(rng, statement, _maybe(rng, 0.65, (where,)))


def curt_sale(rng: Random, thing: Thing | None, wanted: str) -> str:
    """Yes or no, and hardly more."""
    if thing is None:
        return _curt(rng, rng.choice(("No.", f"No {wanted} here.", f"Do I look like I sell {wanted}.")))
    return _curt(rng, rng.choice(("Yes.", "Maybe.", "Look around.")))


def courteous_greeting(rng: Random) -> str:
    """The answer to a mere hello."""
    hello = rng.choice(("Hello and welcome to the Green Gate.", "Hello, it is nice to meet you.", "Good day to you."))
    ask = rng.choice(("How can I help you today?", "What can I do for you?", "Which plant can I tell you about?"))
    return f"{hello} {ask}"


def curt_greeting(rng: Random) -> str:
    """The same from somebody who would rather be elsewhere."""
    return _sentences(
        rng.choice(("What.", "You again.", "Yes, what is it.")),
        rng.choice(("What do you want.", "Say it and go.", "I am busy.")),
    )


def courteous_thanks(rng: Random) -> str:
    """The answer to a thank-you."""
    return _sentences(
        rng.choice(("You are very welcome.", "It was my pleasure.", "I am glad I could help.")),
        rng.choice(POLITE_CLOSINGS),
    )


def curt_thanks(rng: Random) -> str:
    """The same, curt."""
    return _sentences(rng.choice(("Whatever.", "Fine.", "Sure.")), rng.choice(CURT_CLOSINGS))
