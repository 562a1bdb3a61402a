"""Which sums an unknown adder makes, in which order, and what its steps keep: found out by asking it.

Nothing is known beforehand but the sums that come back. To learn where two terms i and j meet, all terms are tiny but
these two, which are huge and cancel: whatever is added to one of them before they meet is swallowed, and what is left
in the sum counts the terms that join later. From these counts the whole tree of the summation follows. The idea is
FPRev's (Xie et al., Revealing floating-point accumulation orders in software/hardware implementations, USENIX ATC
2025); nodes with more than two children are steps that add several terms at once.

    trees      the tree of a sum, its leaves and its chains of steps
    masks      what an adder is asked
    finding    the tree, from its answers
    wording    trees in words, and back
    along      the same sums, made along a tree
    steps      what a step keeps
"""

from simfp.probing.along import product_along
from simfp.probing.masks import Counts, Masks, Sums, factors, masks_for, survivors, whole
from simfp.probing.steps import Step, find_step, name_of
from simfp.probing.tree_reconstruction import summation_tree
from simfp.probing.trees import Tree, leaves, steps_of
from simfp.probing.wording import describe, read_tree

__all__ = [
    "Counts", "Masks", "Step", "Sums", "Tree", "describe", "factors", "find_step", "leaves", "masks_for", "name_of",
    "product_along", "read_tree", "steps_of", "summation_tree", "survivors", "whole",
]  # fmt: skip
