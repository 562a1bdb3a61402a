"""Operations: one row each, with its forward, its derivatives and (by its name) its autocast list.

    operation      what a row is
    arithmetic     + - * /, powers, casts, choices
    reductions     sums, means, variances, largest values
    products       matmul, linear, conv2d
    activations    relu, gelu, silu, softmax and the like
    losses         mean squared error, cross entropy and the like

All of them work on Arrays, below autograd and autocast.
"""

from simfp.ops import activations, arithmetic, losses, products, reductions
from simfp.ops.operation import Call, Operation, Saved

__all__ = ["OPERATIONS", "Call", "Operation", "Saved"]

OPERATIONS: dict[str, Operation] = {
    row.name: row for family in (arithmetic, reductions, products, activations, losses) for row in family.ROWS
}
