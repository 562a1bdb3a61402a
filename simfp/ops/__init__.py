"""Operations: one row each, with its forward, its derivatives and (by its name) its autocast list.

    operation      what a row is
    device_math    exp, erf, tanh and the like in float32: what a GPU's own functions will be modelled in
    device_sums    the order in which a GPU's threads add
    elementary     roots, exponentials, logarithms
    arithmetic     + - * /, powers, casts, choices
    reductions     sums, means, variances, norms, largest values
    shapes         reshape, cat, indexing, embedding
    products       matmul, linear
    convolution    conv2d
    pooling        max_pool2d, avg_pool2d
    activations    relu, gelu, silu, dropout and the like
    softmax        softmax, log_softmax
    normalization  over layers, groups, batches
    losses         mean squared error, cross entropy and the like

All of them work on Arrays, below autograd and autocast.
"""

from simfp.ops import (
    activations,
    arithmetic,
    convolution,
    elementary,
    losses,
    normalization,
    pooling,
    products,
    reductions,
    shapes,
    softmax,
)
from simfp.ops.operation import Call, Operation, Saved

__all__ = ["OPERATIONS", "Call", "Operation", "Saved"]

_FAMILIES = (
    arithmetic, elementary, reductions, shapes, products, convolution, pooling, activations, softmax, normalization,
    losses,
)  # fmt: skip

OPERATIONS: dict[str, Operation] = {row.name: row for family in _FAMILIES for row in family.ROWS}
