"""Operations: one row each, with its forward, its derivatives and (by its name) its autocast list.

    operation      what a row is
    cuda_math      CUDA's own exp, erf, tanh and the like, over a GPU's approximations
    device_math    the functions that kernels call in float32
    device_sums    in which order CUDA's kernels add
    elementary     roots, exponentials, logarithms
    arithmetic     + - * /, powers, casts, choices
    reductions     sums, means, variances, norms, largest values
    shapes         reshape, cat, indexing
    embedding      embedding
    products       matmul, linear
    convolution    conv2d
    pooling        max_pool2d, avg_pool2d
    activations    relu, gelu, silu, dropout and the like
    rarer_activations, other_convolutions      elu, mish and the like; sequences, transposed
    softmax        softmax, log_softmax
    row_norms      layer_norm, rms_norm
    normalization  group_norm
    batch_norm     batch_norm
    losses         mean squared error, cross entropy and the like

All of them work on Arrays, below autograd and autocast.
"""

from simfp.ops import (
    activations,
    arithmetic,
    batch_norm,
    convolution,
    elementary,
    embedding,
    losses,
    normalization,
    other_convolutions,
    pooling,
    products,
    rarer_activations,
    reductions,
    row_norms,
    shapes,
    softmax,
)
from simfp.ops.operation import Call, Operation, Saved

__all__ = ["OPERATIONS", "Call", "Operation", "Saved"]

_FAMILIES = (
    arithmetic, elementary, reductions, shapes, embedding, products, convolution, pooling, activations, softmax,
    row_norms, normalization, batch_norm, losses, rarer_activations, other_convolutions,
)  # fmt: skip

OPERATIONS: dict[str, Operation] = {row.name: row for family in _FAMILIES for row in family.ROWS}
