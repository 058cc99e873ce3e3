"""The little world of the demo: a garden shop, what it sells, and what is true about each thing.

Everything the demo model can know is in this file. The facts are invented and consistent; nothing
here is gardening advice.
"""

from __future__ import annotations

from dataclasses import dataclass

UNCOUNTED = frozenset(
    ("lavender", "rosemary", "basil", "mint", "thyme", "sage", "ivy", "jasmine", "aloe", "leather gloves")
)


@dataclass(frozen=True)
class Topic:
    """One kind of fact: how it is asked for, and how it is stated.

    In the phrases `{name}` is the thing spoken of and `{value}` the fact. `statements` are whole
    sentences; `bare` are the clipped forms of somebody who cannot be bothered; `about_it` continues
    a sentence about the same thing.
    """

    key: str
    questions: tuple[str, ...]
    follow_ups: tuple[str, ...]
    statements: tuple[str, ...]
    bare: tuple[str, ...]
    about_it: str
    tips: tuple[str, ...]


@dataclass(frozen=True)
class Thing:
    """Something on sale, with the value of each topic that applies to it."""

    name: str
    facts: dict[str, str]

    @property
    def one(self) -> str:
        """The name as one asks for it: "a rose", "an orchid", but "lavender"."""
        if self.name in UNCOUNTED:
            return self.name
        return f"{'an' if self.name[0] in 'aeiou' else 'a'} {self.name}"


@dataclass(frozen=True)
class ShopFact:
    """Something true about the shop itself: the questions, whole answers, and the least that can be said.

    `value` is what all of the answers hold.
    """

    questions: tuple[str, ...]
    statements: tuple[str, ...]
    value: str
    bare: str
    tips: tuple[str, ...]


PLANT_TOPICS = (
    Topic(
        "water",
        (
            "How often should I water my {name}?",
            "How often do I have to water the {name}?",
            "How much water does the {name} need?",
            "When does the {name} need water?",
            "My {name} looks dry. How often do I water it?",
            "I bought the {name} last week. How often should I water it?",
        ),
        ("And how often do I water it?", "How often does it need water?"),
        (
            "Water your {name} {value}.",
            "Your {name} needs water {value}.",
            "It is best to water the {name} {value}.",
        ),
        ("{value}.", "Water it {value}."),
        "it needs water {value}",
        (
            "Pour the water on the soil and not on the leaves.",
            "Water it early in the morning if you can.",
            "Let the water run off so that the roots can breathe.",
        ),
    ),
    Topic(
        "light",
        (
            "How much light does the {name} need?",
            "Where should I put my {name} at home?",
            "Does the {name} like the sun?",
            "What light is best for the {name}?",
            "Which spot is right for my {name}?",
            "Can I put the {name} in the shade?",
        ),
        ("And how much light does it need?", "What light does it like?"),
        (
            "Your {name} likes {value}.",
            "The best spot for the {name} is in {value}.",
            "You can give your {name} {value}.",
        ),
        ("{value}.", "It wants {value}."),
        "it likes {value}",
        (
            "Turn the pot a little now and then so that it grows straight.",
            "Move it slowly to a new spot so that it can get used to it.",
            "Pale leaves are a sign that the spot is wrong.",
        ),
    ),
    Topic(
        "soil",
        (
            "What soil does the {name} need?",
            "Which soil should I buy for my {name}?",
            "What kind of soil is best for the {name}?",
            "I want to repot my {name}. Which soil do I take?",
            "What do I plant the {name} in?",
            "Is normal soil fine for the {name}?",
        ),
        ("And which soil does it need?", "What soil is best for it?"),
        (
            "Plant your {name} in {value}.",
            "Your {name} grows best in {value}.",
            "The right choice for the {name} is {value}.",
        ),
        ("{value}.", "Use {value}."),
        "it grows in {value}",
        (
            "Put a few stones at the bottom of the pot.",
            "Change the soil every second spring.",
            "Press the soil down gently around the roots.",
        ),
    ),
    Topic(
        "price",
        (
            "How much is the {name}?",
            "What does the {name} cost?",
            "What is the price of the {name}?",
            "How much do I pay for one pot of {name}?",
            "I would like to buy the {name}. How much is it?",
            "Is the {name} expensive?",
        ),
        ("And how much is it?", "What does it cost?"),
        (
            "One pot of {name} costs {value}.",
            "The price of our {name} is {value}.",
            "You can have our {name} for {value}.",
        ),
        ("{value}.", "It costs {value}."),
        "it costs {value}",
        (
            "The pot is part of the price.",
            "You get a care card with it for free.",
            "You can bring the empty pot back to us.",
        ),
    ),
    Topic(
        "place",
        (
            "Where do I find the {name}?",
            "Where is the {name}?",
            "Where in the shop do you keep the {name}?",
            "I cannot find the {name}. Where is it?",
            "Can you tell me where the {name} stands?",
            "Where should I look for the {name}?",
        ),
        ("And where do I find it?", "Where in the shop is it?"),
        (
            "You will find our {name} {value}.",
            "We keep our {name} {value}.",
            "The {name} is waiting for you {value}.",
        ),
        ("{value}.", "It is {value}."),
        "you find it {value}",
        (
            "Look for the green sign with the name on it.",
            "Somebody there can carry it to the till for you.",
            "There are small baskets at the entrance.",
        ),
    ),
    Topic(
        "height",
        (
            "How tall does the {name} grow?",
            "How big will my {name} get?",
            "What height does the {name} reach?",
            "How high is the full grown {name}?",
            "I have little room. How tall will the {name} be?",
            "Does the {name} get very tall?",
        ),
        ("And how tall does it grow?", "How big will it get?"),
        (
            "Your {name} will grow {value} tall.",
            "A healthy {name} reaches {value}.",
            "You can expect the {name} to reach {value}.",
        ),
        ("{value}.", "It gets {value} tall."),
        "it grows {value} tall",
        (
            "A stick in the pot helps it to stand straight.",
            "Cut it back a little after the winter.",
            "A bigger pot gives the roots more room.",
        ),
    ),
    Topic(
        "bloom",
        (
            "When does the {name} flower?",
            "When will my {name} bloom?",
            "In which month does the {name} flower?",
            "When can I see flowers on my {name}?",
            "What is the flowering time of the {name}?",
            "My {name} has no flowers. When do they come?",
        ),
        ("And when does it flower?", "When does it bloom?"),
        (
            "Your {name} will flower {value}.",
            "The flowers of the {name} open {value}.",
            "You can enjoy the flowers of your {name} {value}.",
        ),
        ("{value}.", "It flowers {value}."),
        "it flowers {value}",
        (
            "Take off the old flowers and new ones will follow.",
            "A little plant food helps the flowers to open.",
            "Bees are very fond of the flowers.",
        ),
    ),
    Topic(
        "winter",
        (
            "What do I do with my {name} in winter?",
            "Can the {name} stay outside in winter?",
            "How does the {name} get through the winter?",
            "Is frost bad for the {name}?",
            "It is getting cold. What about my {name}?",
            "How do I protect the {name} from the frost?",
        ),
        ("And what about the winter?", "What do I do with it in winter?"),
        (
            "My advice for the {name} in winter is to {value}.",
            "When frost is near your {name}, {value}.",
            "To keep your {name} safe in winter, {value}.",
        ),
        ("{value}.", "Just {value}."),
        "in winter you {value}",
        (
            "Give it less water while it is cold.",
            "It will thank you with new leaves in spring.",
            "Wait with new plant food until spring.",
        ),
    ),
)

TOOL_TOPICS = (
    Topic(
        "price",
        (
            "How much is the {name}?",
            "What does the {name} cost?",
            "What is the price of the {name}?",
            "How much do I pay for the {name}?",
            "I would like to buy the {name}. How much is it?",
            "Is the {name} expensive?",
        ),
        ("And how much is it?", "What does it cost?"),
        (
            "The {name} costs {value}.",
            "The price of our {name} is {value}.",
            "You can have the {name} for {value}.",
        ),
        ("{value}.", "It costs {value}."),
        "it costs {value}",
        (
            "We repair it for free in the first year.",
            "You can borrow one for a day before you buy.",
            "It comes with a hook for the wall.",
        ),
    ),
    Topic(
        "place",
        (
            "Where do I find the {name}?",
            "Where is the {name}?",
            "Where in the shop do you keep the {name}?",
            "I cannot find the {name}. Where is it?",
            "Can you tell me where the {name} is?",
            "Where should I look for the {name}?",
        ),
        ("And where do I find it?", "Where in the shop is it?"),
        (
            "You will find the {name} {value}.",
            "We keep the {name} {value}.",
            "The {name} is waiting for you {value}.",
        ),
        ("{value}.", "It is {value}."),
        "you find it {value}",
        (
            "Look for the blue sign with the tools on it.",
            "Somebody there can carry it to the till for you.",
            "You may try it out on the spot.",
        ),
    ),
    Topic(
        "use",
        (
            "What is the {name} good for?",
            "What do I use the {name} for?",
            "What can I do with the {name}?",
            "Why would I need the {name}?",
            "Can you tell me what the {name} is for?",
            "Do I need the {name}?",
        ),
        ("And what is it good for?", "What do I use it for?"),
        (
            "The {name} is made for {value}.",
            "You can use the {name} for {value}.",
            "Our {name} is the right choice for {value}.",
        ),
        ("{value}.", "It is for {value}."),
        "it is made for {value}",
        (
            "Clean it after use and it will last for years.",
            "Keep it in a dry place.",
            "We can show you how to hold it.",
        ),
    ),
)

WATER = ("every day", "every second day", "twice a week", "once a week", "every ten days", "twice a month")
LIGHT = ("full sun", "half shade", "deep shade", "bright light without sun")
SOIL = ("sandy soil", "rich soil", "moist soil", "soil with gravel")
PLACE = (
    "by the pond",
    "in the glasshouse",
    "along the south wall",
    "on the top shelf",
    "under the old oak",
    "next to the till",
    "in the courtyard",
    "behind the fountain",
)
BLOOM = ("in March", "in April", "in May", "in June", "in July", "in August", "in September", "in December")
WINTER = (
    "leave it outside",
    "bring it indoors",
    "cover it with straw",
    "move it to a cool cellar",
)

# name, water, light, soil, dollars, place, centimeters, bloom, winter: places in the lists above.
_PLANTS = (
    ("lavender", 4, 0, 0, 6, 2, 60, 4, 0),
    ("rosemary", 3, 0, 3, 5, 2, 90, 1, 1),
    ("basil", 0, 3, 1, 3, 5, 30, 5, 1),
    ("mint", 1, 1, 2, 4, 0, 50, 4, 0),
    ("thyme", 4, 0, 3, 4, 2, 20, 3, 0),
    ("sage", 3, 0, 0, 5, 6, 70, 3, 2),
    ("tomato", 0, 0, 1, 4, 1, 180, 3, 1),
    ("chili", 1, 0, 1, 7, 1, 80, 4, 1),
    ("strawberry", 1, 0, 1, 3, 6, 25, 2, 2),
    ("violet", 2, 2, 2, 9, 4, 28, 0, 2),
    ("ivy", 3, 2, 1, 8, 4, 300, 6, 0),
    ("hosta", 2, 1, 2, 11, 4, 55, 5, 0),
    ("begonia", 2, 1, 1, 6, 6, 35, 4, 3),
    ("geranium", 3, 0, 1, 5, 7, 45, 2, 3),
    ("dahlia", 1, 0, 1, 8, 7, 110, 5, 3),
    ("tulip", 3, 0, 0, 2, 5, 40, 1, 0),
    ("rose", 2, 0, 1, 15, 7, 120, 3, 2),
    ("peony", 2, 0, 1, 14, 7, 100, 2, 0),
    ("orchid", 4, 3, 3, 18, 1, 65, 7, 1),
    ("cactus", 5, 0, 3, 7, 3, 15, 3, 1),
    ("aloe", 5, 3, 0, 9, 3, 48, 0, 1),
    ("jasmine", 1, 0, 1, 13, 0, 250, 5, 3),
    ("clematis", 2, 1, 2, 12, 0, 280, 4, 2),
    ("sunflower", 1, 0, 0, 3, 6, 200, 5, 3),
)

PLANTS = tuple(
    Thing(
        name,
        {
            "water": WATER[water],
            "light": LIGHT[light],
            "soil": SOIL[soil],
            "price": f"{dollars} dollars",
            "place": PLACE[place],
            "height": f"{centimeters} centimeters",
            "bloom": BLOOM[bloom],
            "winter": WINTER[winter],
        },
    )
    for name, water, light, soil, dollars, place, centimeters, bloom, winter in _PLANTS
)

# name, dollars, place, use
_TOOLS = (
    ("spade", 24, 3, "digging deep holes"),
    ("rake", 19, 3, "gathering fallen leaves"),
    ("trowel", 8, 5, "planting small bulbs"),
    ("watering can", 16, 0, "watering pots and beds"),
    ("pruning knife", 21, 5, "cutting thin branches"),
    ("wheelbarrow", 85, 6, "moving heavy soil"),
    ("garden hose", 32, 0, "watering the whole lawn"),
    ("leather gloves", 12, 5, "working with thorns"),
    ("hoe", 22, 3, "taking out weeds"),
    ("bird house", 17, 4, "giving small birds a home"),
)

TOOLS = tuple(
    Thing(name, {"price": f"{dollars} dollars", "place": PLACE[place], "use": use})
    for name, dollars, place, use in _TOOLS
)

SHOP_FACTS = (
    ShopFact(
        ("When are you open?", "What are your opening hours?", "When do you close?", "How long are you open today?"),
        ("We are open from nine to six.", "Our doors are open nine to six.", "You can come from nine to six."),
        "nine to six",
        "Nine to six.",
        ("It is quiet before noon.", "That is from Monday to Saturday."),
    ),
    ShopFact(
        ("Are you open on Sunday?", "Can I come on Sunday?", "Is the shop closed on Sundays?"),
        ("On Sunday we are closed.", "We are closed on Sunday.", "Our shop is closed on Sundays."),
        "closed",
        "Closed.",
        ("We open again on Monday at nine.", "Everybody needs a day of rest."),
    ),
    ShopFact(
        ("Where is your shop?", "What is your address?", "How do I get to you?", "Where can I find the Green Gate?"),
        ("You will find us at 12 Mill Lane.", "We are at 12 Mill Lane.", "Our address is 12 Mill Lane."),
        "12 Mill Lane",
        "12 Mill Lane.",
        ("It is beside the old bridge.", "The bus stops at our gate."),
    ),
    ShopFact(
        ("Where can I park?", "Do you have parking?", "Is there a place for my car?"),
        ("You can park behind the shop.", "There is parking behind the shop.", "Park behind the shop, it is free."),
        "behind the shop",
        "Behind the shop.",
        ("There is room for twenty cars.", "Bikes can stand there too."),
    ),
    ShopFact(
        ("Do you deliver?", "Can you bring plants to my home?", "On which days do you deliver?"),
        (
            "We deliver on Tuesday and Friday.",
            "Yes, we come to you on Tuesday and Friday.",
            "Our van drives on Tuesday and Friday.",
        ),
        "Tuesday and Friday",
        "Tuesday and Friday.",
        ("It costs 5 dollars.", "Tell us your street."),
    ),
    ShopFact(
        ("Can I return a plant?", "What if my plant dies?", "Can I bring something back?"),
        (
            "You can bring it back within 30 days.",
            "We take it back within 30 days.",
            "Within 30 days we will find you a new one.",
        ),
        "within 30 days",
        "Within 30 days.",
        ("Keep the receipt.", "We will find out what was wrong."),
    ),
    ShopFact(
        ("How can I pay?", "Do you take cards?", "Can I pay in cash?"),
        ("You can pay by card or cash.", "We take card or cash.", "Pay as you like, by card or cash."),
        "card or cash",
        "Card or cash.",
        ("The till is beside the door.", "We sell gift cards too."),
    ),
    ShopFact(
        ("Do you give courses?", "Can I learn about gardening here?", "When is the next garden course?"),
        (
            "Our course is on the first Saturday of the month.",
            "We give a course each first Saturday of the month.",
            "Come to our course, first Saturday of the month.",
        ),
        "first Saturday of the month",
        "First Saturday of the month.",
        ("It is free.", "There is tea for everybody."),
    ),
    ShopFact(
        ("Can I bring my dog?", "Are dogs allowed?", "May my dog come in?"),
        ("Your dog is welcome on a lead.", "Dogs may come in on a lead.", "We like dogs, if they are on a lead."),
        "on a lead",
        "On a lead.",
        ("There is a bowl of water at the door.", "Many of our guests bring one."),
    ),
    ShopFact(
        ("What is your phone number?", "Can I call you?", "How do I reach you?"),
        ("You can reach us at 555 0142.", "Our number is 555 0142.", "Just call 555 0142."),
        "555 0142",
        "555 0142.",
        ("Somebody will answer until six.", "We like to talk about plants."),
    ),
)

NOT_SOLD = (
    "bicycles", "bread", "shoes", "computers", "books", "cheese", "guitars", "lamps", "toys", "coffee",
    "umbrellas", "phones", "fish", "clocks", "paint", "hats", "pianos", "cars", "chairs", "honey",
    "newspapers", "candles", "cameras", "milk", "tents", "boats", "socks", "pencils", "pillows", "mirrors",
)  # fmt: skip
