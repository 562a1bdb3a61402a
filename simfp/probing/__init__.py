"""Revealing the order of an unknown adder's accumulation, and the precision of its steps, by probing it.

Nothing is known beforehand but the sums that come back. To learn where two terms i and j are added to one another, all
terms are tiny but these two, which are huge and cancel: a term that is added to one of them before they cancel is
absorbed, and what is left in the sum counts the terms that are added later. From these counts the complete tree of the
summation follows. The idea is FPRev's (Xie et al., Revealing floating-point accumulation orders in software/hardware
implementations, USENIX ATC 2025); nodes with more than two children are steps that add several terms at once.

    trees      the tree of a sum, its leaves and its chains of steps
    masks      the probes
    tree_reconstruction    the tree, from their results
    wording    trees as text, and back
    along      the same sums, made along a tree
    steps      how many terms a step adds, and how many bits it keeps
"""

from simfp.probing.along import product_along
from simfp.probing.masks import Counts, Masks, Sums, as_counts, factors, masks_for, survivors
from simfp.probing.steps import Step, find_step, name_of
from simfp.probing.tree_reconstruction import summation_tree
from simfp.probing.trees import Tree, leaves, steps_of
from simfp.probing.wording import describe, read_tree

__all__ = [
    "Counts", "Masks", "Step", "Sums", "Tree", "as_counts", "describe", "factors", "find_step", "leaves", "masks_for",
    "name_of", "product_along", "read_tree", "steps_of", "summation_tree", "survivors",
]  # fmt: skip
