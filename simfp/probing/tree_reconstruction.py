"""The tree of a summation, reconstructed from how many terms survive between any two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from simfp.probing.masks import Counts
from simfp.probing.trees import Tree, leaves

__all__ = ["summation_tree"]

BATCHED = 64  # the most members of a group whose pairs are all probed in one call


def summation_tree(count: Counts, terms: int) -> Tree:
    """The tree in which `terms` terms are summed: numbers of terms, in tuples of what one addition adds.

    count: a function that counts how many terms survive between two; see `survivors`.

    Raises ValueError where the counts belong to no tree, as those of a sum that changes from call to call.
    """
    if terms < 2:
        return 0
    sizes: dict[tuple[int, int], int] = {}

    def probe(pairs: Sequence[tuple[int, int]]) -> None:
        new = [pair for pair in dict.fromkeys(pairs) if pair not in sizes]
        if new:
            sizes.update(zip(new, (terms - count(np.array(new))).tolist(), strict=True))

    def common_size(i: int, j: int) -> int:
        """How many leaves the smallest subtree has that holds both terms."""
        pair = (min(i, j), max(i, j))
        probe([pair])
        return sizes[pair]

    def grouped(pivot: int, others: Sequence[int]) -> dict[int, list[int]]:
        """The others by the size of the smallest subtree that holds each and the pivot."""
        probe([(min(pivot, j), max(pivot, j)) for j in others if j != pivot])
        groups = defaultdict(list)
        for j in others:
            if j != pivot:
                groups[common_size(pivot, j)].append(j)
        return groups

    def build(members: Sequence[int]) -> Tree:
        tries = {members[0], members[len(members) // 2], members[-1]}
        pivot, groups = max(((each, grouped(each, members)) for each in tries), key=lambda tried: len(tried[1]))
        probe([
            (i, j)
            for group in groups.values()
            if len(group) <= BATCHED
            for at, i in enumerate(group)
            for j in group[at + 1 :]
        ])  # fmt: skip
        tree: Tree = pivot
        done = 1
        for size in sorted(groups):
            rest = groups[size]
            if done + len(rest) != size:
                raise ValueError(f"the counts fit no tree: {done} + {len(rest)} terms make up one of {size}")
            children = [tree]
            while rest:
                subtree = [rest[0], *(j for j in rest[1:] if common_size(rest[0], j) < size)]
                children.append(build(subtree) if len(subtree) > 1 else rest[0])
                used = set(subtree)
                rest = [j for j in rest if j not in used]
            tree = tuple(sorted(children, key=lambda child: leaves(child)[0]))
            done = size
        return tree

    return build(range(terms))
