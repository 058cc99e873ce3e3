"""Which faults each life meets: every phase with every victim in turn, in an order drawn from the seed."""

import random
from itertools import product

from faults.life import PHASES_OF, Fault
from faults.moments import Moment, draw_step
from faults.processes import VICTIMS
from faults.variants import STEPS, VARIANTS, Variant

FAULTS_A_LIFE = 4
_PHASES = [phase for of_job in PHASES_OF.values() for phase in of_job]


def plan_life(seed: int, life: int) -> tuple[Variant, list[Fault], random.Random]:
    """Return the variant and the faults of a life, and what it draws its chances from; the same for the same seed."""
    draw = random.Random(f"{seed}/{life}")
    places = range(life * FAULTS_A_LIFE, (life + 1) * FAULTS_A_LIFE)
    faults = [Fault(_moment(phase, draw), victim) for phase, victim in (_at(seed, place) for place in places)]
    return VARIANTS[life % len(VARIANTS)], faults, draw


def _at(seed: int, place: int) -> tuple[str, str]:
    """Return what stands at a place of an endless deck of shuffled pairs of phase and victim."""
    pairs = list(product(_PHASES, VICTIMS))
    random.Random(f"{seed}/deck/{place // len(pairs)}").shuffle(pairs)
    return pairs[place % len(pairs)]


def _moment(phase: str, draw: random.Random) -> Moment:
    return Moment(phase, draw_step(draw, STEPS), draw.random())
