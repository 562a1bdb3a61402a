"""Trees in words, and back: a line for each chain of additions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from simfp.probing.trees import Tree, steps_of

__all__ = ["describe", "read_tree"]

MOST_TERMS = 1 << 20  # of a step and of its like, in words: more than any sum that was asked for
TOLD = re.compile(r"(\d+) x (\d+) \((\d+)(?: \.\. \d+(?:, every (-?\d+)[a-z]+)?|([\d, ]*))\)|(\d+)")  # steps, in words


def describe(tree: Tree) -> str:
    """A tree in a few lines: each line a chain of additions, one after the other, of terms or of sums told below it."""
    names: dict[int, str] = {}
    lines: list[str] = []

    def tell(node: Tree) -> str:
        if not isinstance(node, tuple):
            return str(node)
        chain, start = steps_of(node)
        inner = [tell(each) for each in start]
        name = "the sum" if node is tree else f"s{len(names) + 1}"
        names[len(names)] = name
        begin = " + ".join(inner) + ", then " if inner and chain else " + ".join(inner)
        lines.append(f"{name} = {begin}{_ranges(chain)}")
        return name

    tell(tree)
    return "\n".join(reversed(lines))


def _ranges(chain: list[list[int]]) -> str:
    """Steps in words: how many terms each takes, and from where to where, or which where they are not neighbours."""
    if not chain:
        return ""
    if len(chain[0]) == 2 and all(len(step) == 1 for step in chain[1:]):  # one term after the other
        chain = [[term] for term in chain[0]] + chain[1:]
    told: list[str] = []
    place = 0
    while place < len(chain):
        size, last = len(chain[place]), place
        if chain[place] != list(range(chain[place][0], chain[place][0] + size)):
            told.append(f"1 x {size} ({', '.join(map(str, chain[place]))})")
            place += 1
            continue
        stride = chain[place + 1][0] - chain[place][0] if place + 1 < len(chain) and size == 1 else size
        while (
            last + 1 < len(chain)
            and len(chain[last + 1]) == size
            and chain[last + 1][0] - chain[last][0] == stride
            and chain[last + 1] == [term + stride for term in chain[last]]
        ):
            last += 1
        first, end = chain[place][0], chain[last][-1]
        count = last - place + 1
        by = f", every {_ordinal(stride)}" if size == 1 and stride != 1 and count > 1 else ""
        told.append(f"{count} x {size} ({first} .. {end}{by})" if count * size > 1 else f"{first}")
        place = last + 1
    return " + ".join(told)


def _ordinal(number: int) -> str:
    last = abs(number) % 100
    return f"{number}{'th' if 10 < last < 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(last % 10, 'th')}"


def read_tree(text: str) -> Tree:
    """The tree that `describe` told of; of sums and terms added in one step, the sums are added first.

    Raises ValueError for a text that tells of no tree.
    """
    made: dict[str, tuple[int, Tree]] = {}  # by name: the first of its terms, and the tree

    def joined(parts: Sequence[tuple[int, Tree]]) -> tuple[int, Tree]:
        ordered = sorted(parts, key=lambda part: part[0])
        return ordered[0][0], tuple(tree for _, tree in ordered) if len(ordered) > 1 else ordered[0][1]

    for line in reversed(text.split("\n")):
        name, _, told = line.partition(" = ")
        sums, _, chain = told.rpartition(", then ")
        if not sums and all(each in made for each in chain.split(" + ")):
            sums, chain = chain, ""
        unknown = [each for each in sums.split(" + ") if each and each not in made]
        if unknown or not told:
            raise ValueError(f"{line!r} tells of no sum{', ' + unknown[0] + ' is none' if unknown else ''}")
        parts = [made.pop(each) for each in sums.split(" + ") if each]
        running = [joined(parts)] if parts else []
        if not parts and not chain:
            raise ValueError(f"{line!r} tells of no sum")
        for step in _steps_told(chain):
            running = [joined([*running, *((term, term) for term in step)])]
        made[name] = running[0]
    if len(made) != 1:
        raise ValueError(f"{', '.join(made)} are added to nothing")
    return made.popitem()[1][1]


def _steps_told(chain: str) -> Iterator[list[int]]:
    """The steps that `_ranges` put into words."""
    for part in chain.split(" + ") if chain else ():
        found = TOLD.fullmatch(part)
        if not found:
            raise ValueError(f"{part!r} tells of no steps")
        count, size, first, stride, others, alone = found.groups()
        if not alone and not 1 <= int(count) * int(size) <= MOST_TERMS:
            raise ValueError(f"{part!r} tells of {int(count) * int(size)} terms; expected 1 to {MOST_TERMS:,}")
        if alone:
            yield [int(alone)]
        elif others is not None:
            yield [int(first), *map(int, others.split(",")[1:])]
        else:
            places = [int(first) + number * int(stride or size) for number in range(int(count))]
            yield from (list(range(place, place + int(size))) for place in places)
