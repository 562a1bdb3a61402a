"""A corpus of English text for small language models: made by a grammar, always the same, and nobody else's words.

There is something to be learned at every level, from the easy to the hard:

    spelling      a vocabulary of some 150 words; a capital at the beginning, a stop at the end
    word order    a determiner, an adjective, a noun, a verb
    agreement     "the dog sees", "the dogs see"; "one ball", "two balls"; "its" of one, "their" of many
    order         the days of the week, the months, counting up and down
    reference     a paragraph speaks of one animal with one colour, and goes on with "it"
    arithmetic    sums, differences and products of one-digit numbers, in digits and in words, all of them true
    facts         which animal is larger than which: one fixed order
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

__all__ = ["SIZE", "corpus", "encode", "vocabulary"]

T = TypeVar("T")

SIZE = 250_000  # characters
SEED = 0


def _words(text: str) -> list[str]:
    return text.split()


NUMBERS = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen"
)
DAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = _words("January February March April May June July August September October November December")
ANIMALS = _words("ant mouse frog bird cat dog goat sheep horse whale")  # the smallest first
PLURALS = {"mouse": "mice", "sheep": "sheep"}  # the others take an s
THINGS = _words("ball box leaf stone apple flower basket ribbon key lamp")
THING_PLURALS = {"box": "boxes", "leaf": "leaves"}
COLOURS = _words("red blue green yellow white black brown")
TEMPERS = _words("small old young quick lazy happy quiet brave clever tired")
PLACES = (
    "in the garden", "near the river", "on the hill", "under the tree", "behind the house", "by the sea", "at the gate"
)  # fmt: skip
TIMES = ("in the morning", "at noon", "in the evening", "at night", "every day", "after the rain")
# what one of them does, and what several do
VERBS = [
    ("sees", "see"), ("finds", "find"), ("hides", "hide"), ("carries", "carry"), ("likes", "like"), ("wants", "want"),
    ("watches", "watch"), ("brings", "bring"), ("loses", "lose"), ("keeps", "keep"),
]  # fmt: skip
MOVES = [
    ("sleeps", "sleep"),
    ("runs", "run"),
    ("waits", "wait"),
    ("plays", "play"),
    ("sings", "sing"),
    ("rests", "rest"),
]


class Chance:
    """Draws from a stream that Python promises not to change: that of `random.Random(seed).random()`."""

    def __init__(self, seed: int) -> None:
        self._next = random.Random(seed).random

    def below(self, n: int) -> int:
        """An integer from 0 to n - 1."""
        return int(self._next() * n)

    def of(self, those: Sequence[T]) -> T:
        """One of them."""
        return those[self.below(len(those))]


def _sum(chance: Chance) -> str:
    a, b = chance.below(10), chance.below(10)
    kind = chance.below(4)
    if kind == 0:
        return f"{a} + {b} = {a + b}."
    if kind == 1:
        return f"{max(a, b)} - {min(a, b)} = {max(a, b) - min(a, b)}."
    if kind == 2:
        return f"{a} x {b} = {a * b}."
    return f"{NUMBERS[a]} and {NUMBERS[b]} make {NUMBERS[a + b]}."


def _order(chance: Chance) -> str:
    kind = chance.below(4)
    if kind < 2:
        names = (DAYS, MONTHS)[kind]
        place = chance.below(len(names))
        return f"after {names[place]} comes {names[(place + 1) % len(names)]}."
    first = chance.below(8)
    steps = range(first, first + 4) if kind == 2 else range(first + 3, first - 1, -1)
    return ", ".join(NUMBERS[n] for n in steps) + "."


def _larger(chance: Chance) -> str:
    small = chance.below(len(ANIMALS) - 1)
    large = small + 1 + chance.below(len(ANIMALS) - 1 - small)
    if chance.below(2):
        return f"a {ANIMALS[large]} is larger than {_a(ANIMALS[small])}."
    return f"{_a(ANIMALS[small])} is smaller than {_a(ANIMALS[large])}."


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _many(chance: Chance) -> str:
    """A sentence about several."""
    count, animal = 2 + chance.below(8), chance.of(ANIMALS)
    noun = PLURALS.get(animal, f"{animal}s")
    who = f"{NUMBERS[count]} {chance.of(TEMPERS)} {noun}" if chance.below(2) else f"the {chance.of(TEMPERS)} {noun}"
    if chance.below(2):
        return f"{who} {chance.of(MOVES)[1]} {chance.of(PLACES)}."
    return f"{who} {chance.of(VERBS)[1]} their {_things(chance, 2 + chance.below(8))}."


def _things(chance: Chance, count: int) -> str:
    thing, colour = chance.of(THINGS), chance.of(COLOURS)
    if count == 1:
        return f"{colour} {thing}"
    return f"{NUMBERS[count]} {colour} {THING_PLURALS.get(thing, f'{thing}s')}"


def _story(chance: Chance) -> list[str]:
    """A few sentences about one animal."""
    animal, colour = chance.of(ANIMALS), chance.of(COLOURS)
    said = [f"there is {_a(chance.of(TEMPERS))} {animal} {chance.of(PLACES)}.", f"the {animal} is {colour}."]
    for _ in range(1 + chance.below(3)):
        who = "it" if chance.below(3) else f"the {colour} {animal}"
        if chance.below(2):
            said.append(f"{who} {chance.of(MOVES)[0]} {chance.of(TIMES)}.")
        else:
            said.append(f"{who} {chance.of(VERBS)[0]} its {_things(chance, 1)}.")
    if chance.below(2):
        asked = chance.of(COLOURS)
        said.append(f"is the {animal} {asked}? {'Yes' if asked == colour else 'No'}, the {animal} is {colour}.")
    return said


KINDS: tuple[Callable[[Chance], str], ...] = (_sum, _order, _larger, _many)


def _paragraph(chance: Chance) -> str:
    if chance.below(3):
        said = _story(chance) + [_many(chance) for _ in range(chance.below(2))]
    else:
        kind = chance.of(KINDS)
        said = [kind(chance) for _ in range(3 + chance.below(4))]
    return " ".join(line[0].upper() + line[1:] for line in said) + "\n"


@lru_cache(maxsize=4)
def corpus(size: int = SIZE, seed: int = SEED) -> str:
    """So many characters of text, made of whole paragraphs but for the last; the same for the same `size` and `seed`.

    Raises ValueError for a size below 1.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(f"`size` must be an integer of at least 1, got {size!r}")
    chance, made, length = Chance(seed), [], 0
    while length < size:
        made.append(_paragraph(chance))
        length += len(made[-1])
    return "".join(made)[:size]


def vocabulary() -> str:
    """The characters that the corpus is made of, in order; a character's place is its number."""
    return "".join(sorted(set(corpus())))


def encode(text: str) -> list[int]:
    """The numbers of the characters of a text.

    Raises ValueError for a character that the corpus does not have.
    """
    place = {character: number for number, character in enumerate(vocabulary())}
    for character in text:
        if character not in place:
            raise ValueError(f"the corpus has no character {character!r}; it has {vocabulary()!r}")
    return [place[character] for character in text]
