"""Trees in words, and back: a line for each chain of additions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from simfp.probing.trees import Tree, steps_of

__all__ = ["describe", "read_tree"]

MOST_TERMS = 1 << 20  # of a step and of its like, in words: more than any sum that was asked for
STEPS = re.compile(r"(\d+) x (\d+) \((\d+)(?: \.\. \d+(?:, every (-?\d+)[a-z]+)?|([\d, ]*))\)|(\d+)")  # steps, in words


def describe(tree: Tree) -> str:
    """A tree in a few lines: each is a chain of additions, one after the other, of terms or of sums given below it."""
    names: dict[int, str] = {}
    lines: list[str] = []

    def name_of(node: Tree) -> str:
        if not isinstance(node, tuple):
            return str(node)
        chain, start = steps_of(node)
        inner = [name_of(each) for each in start]
        name = "the sum" if node is tree else f"s{len(names) + 1}"
        names[len(names)] = name
        begin = " + ".join(inner) + ", then " if inner and chain else " + ".join(inner)
        lines.append(f"{name} = {begin}{_ranges(chain)}")
        return name

    name_of(tree)
    return "\n".join(reversed(lines))


def _ranges(chain: list[list[int]]) -> str:
    """Steps in words: how many terms each takes, and from where to where, or which where they are not neighbours."""
    if not chain:
        return ""
    if len(chain[0]) == 2 and all(len(step) == 1 for step in chain[1:]):  # one term after the other
        chain = [[term] for term in chain[0]] + chain[1:]
    ranges: list[str] = []
    index = 0
    while index < len(chain):
        size, last = len(chain[index]), index
        if chain[index] != list(range(chain[index][0], chain[index][0] + size)):
            ranges.append(f"1 x {size} ({', '.join(map(str, chain[index]))})")
            index += 1
            continue
        stride = chain[index + 1][0] - chain[index][0] if index + 1 < len(chain) and size == 1 else size
        while (
            last + 1 < len(chain)
            and len(chain[last + 1]) == size
            and chain[last + 1][0] - chain[last][0] == stride
            and chain[last + 1] == [term + stride for term in chain[last]]
        ):
            last += 1
        first, end = chain[index][0], chain[last][-1]
        count = last - index + 1
        by = f", every {_ordinal(stride)}" if size == 1 and stride != 1 and count > 1 else ""
        ranges.append(f"{count} x {size} ({first} .. {end}{by})" if count * size > 1 else f"{first}")
        index = last + 1
    return " + ".join(ranges)


def _ordinal(number: int) -> str:
    last = abs(number) % 100
    return f"{number}{'th' if 10 < last < 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(last % 10, 'th')}"


def read_tree(text: str) -> Tree:
    """The tree that `describe` wrote down; of sums and terms added in one step, the sums are added first.

    Raises ValueError for a text that describes no tree.
    """
    known: dict[str, tuple[int, Tree]] = {}  # by name: the first of its terms, and the tree

    def joined(parts: Sequence[tuple[int, Tree]]) -> tuple[int, Tree]:
        ordered = sorted(parts, key=lambda part: part[0])
        return ordered[0][0], tuple(tree for _, tree in ordered) if len(ordered) > 1 else ordered[0][1]

    for line in reversed(text.split("\n")):
        name, _, expression = line.partition(" = ")
        sums, _, chain = expression.rpartition(", then ")
        if not sums and all(each in known for each in chain.split(" + ")):
            sums, chain = chain, ""
        unknown = [each for each in sums.split(" + ") if each and each not in known]
        if unknown or not expression:
            raise ValueError(f"{line!r} describes no sum{', ' + unknown[0] + ' is none' if unknown else ''}")
        parts = [known.pop(each) for each in sums.split(" + ") if each]
        running = [joined(parts)] if parts else []
        if not parts and not chain:
            raise ValueError(f"{line!r} describes no sum")
        for step in _read_steps(chain):
            running = [joined([*running, *((term, term) for term in step)])]
        known[name] = running[0]
    if len(known) != 1:
        raise ValueError(f"{', '.join(known)} are added to nothing")
    return known.popitem()[1][1]


def _read_steps(chain: str) -> Iterator[list[int]]:
    """The steps that `_ranges` put into words."""
    for part in chain.split(" + ") if chain else ():
        match = STEPS.fullmatch(part)
        if not match:
            raise ValueError(f"{part!r} describes no steps")
        count, size, first, stride, others, alone = match.groups()
        if not alone and not 1 <= int(count) * int(size) <= MOST_TERMS:
            raise ValueError(f"{part!r} describes {int(count) * int(size)} terms; expected 1 to {MOST_TERMS:,}")
        if alone:
            yield [int(alone)]
        elif others is not None:
            yield [int(first), *map(int, others.split(",")[1:])]
        else:
            starts = [int(first) + number * int(stride or size) for number in range(int(count))]
            yield from (list(range(start, start + int(size))) for start in starts)
