"""The tree of a sum: numbers of terms, in tuples of what one addition adds; its leaves, and its chains of steps."""

from __future__ import annotations

from typing import Any

__all__ = ["Tree", "all_steps", "deepest", "leaves", "steps_of"]

Tree = Any  # a term's number, or a tuple of trees that one addition adds


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


def all_steps(tree: Tree) -> list[list[int]]:
    """The terms of every addition in a tree that adds any, or none, in no particular order."""
    found, waiting = [], [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            found.append(sorted(child for child in node if not isinstance(child, tuple)))
            waiting.extend(child for child in node if isinstance(child, tuple))
    return found


def deepest(tree: Tree) -> tuple[Tree, ...]:
    """The part of a tree that is one chain from its first term on: all of it, or the first part of a split sum."""
    node = tree
    while isinstance(node, tuple):
        _, sums = steps_of(node)
        if not sums:
            return node
        node = sums[0]
    return (node,)
