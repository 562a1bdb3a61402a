"""+ - * / and powers, casts and choices: each operation widens, computes once in float32, and rounds once.

The derivatives are torch's formulas (tools/autograd/derivatives.yaml), each of their operations rounded as it is there.
"""

from __future__ import annotations

from simfp.arrays import Array
from simfp.formats import Format
from simfp.ops.operation import Call, Operation

__all__ = ["ROWS"]


def cast(x: Array, fmt: Format) -> Array:
    """`x` in another format, rounded once."""
    return x if x.dtype == fmt else x.astype(fmt)


def _same(g: Array, call: Call) -> Array:
    return g


def _negated(g: Array, call: Call) -> Array:
    return -g


def _divided_by(g: Array, call: Call) -> Array:
    x, y = call.inputs[:2]
    quotient: Array = x / y / y
    return -g * quotient


# fmt: off
ROWS = (
    #          name        forward                  derivatives
    Operation("_to_copy",  cast,                    (_same,)),
    Operation("add",       lambda x, y: x + y,      (_same, _same)),
    Operation("sub",       lambda x, y: x - y,      (_same, _negated)),
    Operation("mul",       lambda x, y: x * y,      (lambda g, call: g * call.inputs[1],
                                                     lambda g, call: g * call.inputs[0])),
    Operation("div",       lambda x, y: x / y,      (lambda g, call: g / call.inputs[1], _divided_by)),
    Operation("neg",       lambda x: -x,            (_negated,)),
)
# fmt: on
