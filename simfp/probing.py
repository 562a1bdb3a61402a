"""Which sums an unknown adder makes, in which order, and what its steps keep: found out by asking it.

Nothing is known beforehand but the sums that come back. To learn where two terms i and j meet, all terms are tiny but
these two, which are huge and cancel: whatever is added to one of them before they meet is swallowed, and what is left
in the sum counts the terms that join later. From these counts the whole tree of the summation follows. The idea is
FPRev's (Xie et al., Revealing floating-point accumulation orders in software/hardware implementations, USENIX ATC
2025); nodes with more than two children are steps that add several terms at once.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simfp.accumulation import Accumulator, SequentialSum
from simfp.formats import Format, as_format
from simfp.kernels.sum_programs import GO_ON, MERGE, OPEN
from simfp.rounding import round_array
from simfp.tensor_core import GENERATIONS, Generation, TensorCore

__all__ = [
    "Masks", "Step", "Tree", "describe", "factors", "find_step", "leaves", "masks_for", "name_of", "product_along",
    "read_tree", "steps_of", "summation_tree", "survivors", "whole",
]  # fmt: skip

Tree = Any  # a term's number, or a tuple of trees that one addition adds
Sums = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # rows of terms -> the sum of each
Counts = Callable[[NDArray[np.int64]], NDArray[np.int64]]  # pairs (i, j) -> how many terms survive
TOLD = re.compile(r"(\d+) x (\d+) \((\d+)(?: \.\. \d+(?:, every (-?\d+)[a-z]+)?|([\d, ]*))\)|(\d+)")  # steps, in words
WORTH_ASKING_AT_ONCE = 64  # members of a group whose pairs are all asked for in one go


class Masks(NamedTuple):
    """The two sizes of terms that a probe is made of."""

    huge: float
    tiny: float
    factors: int = 1  # 1: the terms are values of the format, times 1; 2: products of two values, see `factors`


def masks_for(fmt: Any) -> Masks:
    """Masks for products of `fmt`: far enough apart that a thousand and more tiny terms vanish beside a huge one.

    Values times 1 where the format is wide enough for that, products of two values where it is not: 8 bits reach from
    2^-9 to 2^8 (e4m3), their products from 2^-18 to 2^16.

    Raises ValueError for formats too narrow even so.
    """
    fmt = as_format(fmt)
    huge = min(2.0**60, 2.0**fmt.max_exponent)
    tiny = max(1.0, fmt.smallest_subnormal) if huge >= 2.0**40 else fmt.smallest_subnormal
    if huge / tiny >= 2.0**38:
        return Masks(huge, tiny)
    huge, tiny = huge**2, tiny**2
    if huge / tiny < 2.0**34:  # sums in float32 lose what is 2^24 times smaller: 2^10 terms vanish
        raise ValueError(f"products of {fmt} reach from {tiny:g} to {huge:g} only: too narrow to hide a thousand terms")
    return Masks(huge, tiny, 2)


def factors(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two arrays whose product is x exactly: each takes half of the exponent, the first one sign and significand."""
    significands, exponents = np.frexp(x)
    half = (exponents - 1) // 2
    return np.ldexp(2 * significands, exponents - 1 - half), np.where(x == 0, 0.0, np.ldexp(1.0, half))


def survivors(sums: Sums, terms: int, masks: Masks) -> Counts:
    """How many tiny terms survive between two huge ones, asked of a function that sums rows of `terms` numbers.

    The function that comes back raises ValueError where a count is not one: then the huge terms did not swallow the
    others, or two calls gave two answers.
    """

    def count(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        rows = np.full((len(pairs), terms), masks.tiny)
        places = np.arange(len(pairs))
        rows[places, pairs[:, 0]] = masks.huge
        rows[places, pairs[:, 1]] = -masks.huge
        return whole(np.asarray(sums(rows), np.float64) / masks.tiny, terms)

    return count


def whole(counts: NDArray[np.float64], terms: int) -> NDArray[np.int64]:
    """`counts` as integers from 0 to terms - 2.

    Raises ValueError, with the count, where one is something else.
    """
    odd = ~(np.isfinite(counts) & (counts == np.round(counts)) & (counts >= 0) & (counts <= terms - 2))
    if odd.any():
        raise ValueError(
            f"of {terms - 2} terms {counts[odd][0]:g} seem to have survived: this is no sum, or not always"
        )
    return counts.astype(np.int64)


def summation_tree(count: Counts, terms: int) -> Tree:
    """The tree in which `terms` terms are summed: numbers of terms, in tuples of what one addition adds.

    count: tells how many terms survive between two; see `survivors`.

    Raises ValueError where the counts belong to no tree, as those of a sum that changes from call to call.
    """
    if terms < 2:
        return 0
    sizes: dict[tuple[int, int], int] = {}

    def ask(pairs: Sequence[tuple[int, int]]) -> None:
        new = [pair for pair in dict.fromkeys(pairs) if pair not in sizes]
        if new:
            sizes.update(zip(new, (terms - count(np.array(new))).tolist(), strict=True))

    def meet(i: int, j: int) -> int:
        pair = (min(i, j), max(i, j))
        ask([pair])
        return sizes[pair]

    def grouped(pivot: int, others: Sequence[int]) -> dict[int, list[int]]:
        """The others by the size of the tree in which each meets the pivot."""
        ask([(min(pivot, j), max(pivot, j)) for j in others if j != pivot])
        groups = defaultdict(list)
        for j in others:
            if j != pivot:
                groups[meet(pivot, j)].append(j)
        return groups

    def build(members: Sequence[int]) -> Tree:
        tries = {members[0], members[len(members) // 2], members[-1]}
        pivot, groups = max(((each, grouped(each, members)) for each in tries), key=lambda made: len(made[1]))
        ask([
            (i, j)
            for group in groups.values()
            if len(group) <= WORTH_ASKING_AT_ONCE
            for at, i in enumerate(group)
            for j in group[at + 1 :]
        ])  # fmt: skip
        tree: Tree = pivot
        done = 1
        for size in sorted(groups):
            rest = groups[size]
            if done + len(rest) != size:
                raise ValueError(f"the counts fit no tree: {done} + {len(rest)} terms met as {size}")
            children = [tree]
            while rest:
                inside = [rest[0], *(j for j in rest[1:] if meet(rest[0], j) < size)]
                children.append(build(inside) if len(inside) > 1 else rest[0])
                taken = set(inside)
                rest = [j for j in rest if j not in taken]
            tree = tuple(sorted(children, key=lambda child: leaves(child)[0]))
            done = size
        return tree

    return build(range(terms))


def leaves(tree: Tree) -> list[int]:
    """The numbers of a tree's terms, in ascending order."""
    found, waiting = [], [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting.extend(node)
        else:
            found.append(int(node))
    return sorted(found)


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


def steps_of(tree: tuple[Tree, ...]) -> tuple[list[list[int]], list[Tree]]:
    """A chain of steps that ends in `tree`, the terms of each in their order, and the sums that it starts from."""
    chain: list[list[int]] = []
    node: Tree = tree
    while True:
        terms = sorted(child for child in node if not isinstance(child, tuple))
        sums = [child for child in node if isinstance(child, tuple)]
        if terms:
            chain.append(terms)
        if len(sums) != 1 or not terms:
            return chain[::-1], sums
        node = sums[0]


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
        if alone:
            yield [int(alone)]
        elif others is not None:
            yield [int(first), *map(int, others.split(",")[1:])]
        else:
            places = [int(first) + number * int(stride or size) for number in range(int(count))]
            yield from (list(range(place, place + int(size))) for place in places)


# ---- the same sums, made along a tree ----


def product_along(
    tree: Tree,
    a: NDArray[Any],
    b: NDArray[Any],
    fmt: Any,
    accumulator: Accumulator,
    *,
    reduction: Any = None,
    kept: Any = None,
    apart: bool = False,
) -> NDArray[np.float64]:
    """The product of (M, K) and (K, N) values of `fmt`, its sums made along `tree`.

    accumulator: a TensorCore, a Generation, or a SequentialSum.
    reduction: of a tensor core: the format in which sums of sums are added, to nearest; that of its accumulator if not
        given.
    kept: of a tensor core: the format that each part of a split sum is rounded to before; `reduction` if not given.
        The first one is then rounded to `reduction`, too, and the others are added to it.
    apart: of a SequentialSum: whether a term that is added to a sum of sums is a part of its own, its product rounded
        before; else it goes on, in one fma where there are such. No mask can tell the one from the other.

    Raises TypeError for another accumulator.
    """
    fmt = as_format(fmt)
    if isinstance(accumulator, Generation):
        accumulator = accumulator.core(fmt)
    if isinstance(accumulator, TensorCore):
        wide = accumulator.format if reduction is None else as_format(reduction)
        return _core_along(tree, a, b, fmt, accumulator, wide, wide if kept is None else as_format(kept))
    if not isinstance(accumulator, SequentialSum):
        raise TypeError(f"only a tensor core or a SequentialSum goes along a tree, got {accumulator!r}")
    lines: list[tuple[int, int, int, int]] = []
    places: list[int] = []
    height = _program(tree if isinstance(tree, tuple) else (tree,), lines, places, 0, apart)
    return accumulator.along(np.array(lines), height, a[:, places], b[places])


def _program(
    node: tuple[Tree, ...], lines: list[tuple[int, int, int, int]], places: list[int], below: int, apart: bool
) -> int:
    """Adds the instructions that sum one tree, and its terms; how many partial sums there are at most."""
    chain, sums = steps_of(node)
    height = below + 1
    for number, each in enumerate(sums):
        height = max(height, _program(each, lines, places, below + (number > 0), apart))
        if number:
            lines.append((MERGE, 0, 0, 1))
    first = len(places)
    places.extend(term for step in chain for term in step)
    if sums and apart:
        for place in range(first, len(places)):
            lines += [(OPEN, place, place + 1, 1), (MERGE, 0, 0, 1)]
        height = max(height, below + 1 + bool(chain))
    elif chain:
        lines.append((GO_ON if sums else OPEN, first, len(places), 1))
    return height


def _core_along(
    tree: Tree, a: NDArray[Any], b: NDArray[Any], fmt: Format, core: TensorCore, reduction: Format, kept: Format
) -> NDArray[np.float64]:
    chain, sums = steps_of(tree if isinstance(tree, tuple) else (tree,))
    start = None
    for each in sums:
        made = _core_along(each, a, b, fmt, core, reduction, kept)
        is_part = bool(steps_of(each)[0]) if isinstance(each, tuple) else True
        made = round_array(made, kept if is_part else reduction)
        start = round_array(made if start is None else start + made, reduction)
    if not chain:
        assert start is not None
        return start
    places = [term for step in chain for term in step]
    ends = np.cumsum([len(step) for step in chain])
    steps = np.stack([np.concatenate([[0], ends[:-1]]), ends], axis=1).astype(np.int64)
    return core.along(a[:, places], b[places], steps, fmt, start)


# ---- what a step keeps ----


class Step(NamedTuple):
    """What was found out about the steps of a sum."""

    terms: int  # the most terms that one step adds, the running sum left out
    fraction_bits: int | None  # kept below the largest exponent of a step; None where a step adds one term only
    alignment: str  # how a term is cut to that: "toward_zero", "nearest", "toward_negative" or "exact"
    conversion: str  # how the running sum is rounded: "toward_zero" or "nearest"


def find_step(sums: Sums, tree: Tree, terms: int, fmt: Any, *, both: bool = False) -> Step:
    """What the steps of a sum with this tree keep, asked of the function that makes it.

    both: whether the terms are products of two values of `fmt`, not values themselves.
    """
    fmt = as_format(fmt)
    largest, smallest = fmt.max_exponent * (1 + both), int(np.log2(fmt.smallest_subnormal)) * (1 + both)
    chain, _ = steps_of(_deepest(tree))
    step = max([chain[0], *_all_steps(tree)], key=len)  # the first part's own first one, where that is as wide as any
    most = len(step) if len(step) > 2 or len(chain) == 1 else 1
    if most < 3:
        return Step(1, None, "exact", _conversion(sums, chain, terms, largest, smallest))
    huge = 2.0 ** min(largest - 1, 10)

    def left(value: float) -> float:
        """What is left of `value` beside huge - huge in one step."""
        row = np.zeros((1, terms))
        row[0, step[0]], row[0, step[1]], row[0, step[2]] = huge, value, -huge
        return float(np.asarray(sums(row), np.float64)[0])

    kept = [bits for bits in range(int(np.log2(huge)) - smallest + 1) if left(huge * 2.0**-bits) != 0]
    bits = max(kept)
    unit = huge * 2.0**-bits
    fine = 1.75 * unit >= 2.0 ** (smallest + 2)
    above, below = (left(1.75 * unit) / unit, left(-1.75 * unit) / unit) if fine else (1.0, -1.0)
    alignment = {(1.0, -1.0): "toward_zero", (2.0, -2.0): "nearest", (1.0, -2.0): "toward_negative"}.get(
        (above, below), "exact"
    )
    return Step(most, bits, alignment, _conversion(sums, chain, terms, largest, smallest))


def _conversion(sums: Sums, chain: list[list[int]], terms: int, largest: int, smallest: int) -> str:
    """How three quarters of an ulp become the running sum: one step makes it, the next one takes the rest off.

    Where a step adds four terms and more, they make it four times as large as the largest of them. So it is the running
    sum that has no place for them, though it may keep no more bits than a step does.
    """
    one = 2.0 ** min(largest - 2, 10)
    rows = np.zeros((2, terms))
    if len(chain) > 2 and len(chain[1]) > 3:
        rows[:, [chain[0][0], *chain[1][:3]]] = one
        place, rows[:, chain[2][0]] = chain[1][3], -4 * one
    else:
        places = [step[0] for step in chain]
        if len(chain[0]) > 1:
            places = [chain[0][0], *(chain[0][1:2] if len(chain[0]) == 2 else []), *places[1:]]
        if len(places) < 3:
            return "unknown"
        place, rows[:, places[0]], rows[:, places[2]] = places[1], one, -one
    for precision in range(2, 40):
        unit = one * 2.0**-precision
        if unit < 2.0 ** (smallest + 1):
            break
        rows[:, place] = unit, 1.5 * unit
        exact, part = np.asarray(sums(rows), np.float64)
        if exact != unit:  # the last place of the running sum is twice that
            return "toward_zero" if part == 0 else "nearest"
    return "unknown"


def _all_steps(tree: Tree) -> list[list[int]]:
    found, waiting = [], [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            found.append(sorted(child for child in node if not isinstance(child, tuple)))
            waiting.extend(child for child in node if isinstance(child, tuple))
    return found


def _deepest(tree: Tree) -> tuple[Tree, ...]:
    """The part of a tree that is one chain from its first term on: all of it, or the first part of a split sum."""
    node = tree
    while isinstance(node, tuple):
        _, sums = steps_of(node)
        if not sums:
            return node
        node = sums[0]
    return (node,)


def name_of(step: Step, fmt: Any) -> list[str]:
    """The generations of GPUs whose tensor cores make such steps of products of `fmt`."""
    fmt = as_format(fmt)
    return [
        name
        for name, generation in GENERATIONS.items()
        if fmt in generation.cores
        and (generation.cores[fmt].terms, generation.cores[fmt].fraction_bits) == (step.terms, step.fraction_bits)
    ]
