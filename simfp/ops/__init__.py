"""Operations: one row each, with its forward, its derivatives and (by its name) its autocast list.

    operation      what a row is
    cuda_math      CUDA's own exp, erf, tanh and the like, over a GPU's approximations
    device_math    the functions that kernels call in float32
    device_sums    in which order CUDA's kernels add
    elementary     roots, exponentials, logarithms
    whole_numbers  floor, round, sign, remainders
    arithmetic     + - * /, powers, casts, choices
    reductions     sums, means, variances, norms, largest values
    shapes         reshape, cat, indexing
    running        running sums and products
    scattering     values put and added at places
    integers       what the operations make of integers
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
    writing        what is written over other values; lerp and other sums of three

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
    running,
    scattering,
    shapes,
    softmax,
    whole_numbers,
    writing,
)
from simfp.ops.operation import Call, Operation, Saved

__all__ = ["OPERATIONS", "Call", "Operation", "Saved"]

_FAMILIES = (
    arithmetic, elementary, whole_numbers, reductions, running, shapes, scattering, embedding, products, convolution,
    pooling, activations, softmax, row_norms, normalization, batch_norm, losses, writing, rarer_activations,
    other_convolutions,
)  # fmt: skip

OPERATIONS: dict[str, Operation] = {row.name: row for family in _FAMILIES for row in family.ROWS}
