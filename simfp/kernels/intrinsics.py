"""Single machine instructions that Numba has no word for; they work on one number each."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

__all__ = ["fma", "number", "pattern", "shift_left", "shift_right", "shortened"]


@intrinsic
def pattern(typing_context, x):
    """The bits of a float32 or float64, as an unsigned integer of its width."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(x.bitwidth))

    return (types.uint32 if x.bitwidth == 32 else types.uint64)(x), generate


@intrinsic
def number(typing_context, bits):
    """The float with these bits: float32 of 32, float64 of 64."""
    real, llvm_real = (types.float32, ir.FloatType()) if bits.bitwidth == 32 else (types.float64, ir.DoubleType())

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], llvm_real)

    return real(bits), generate


@intrinsic
def shift_left(typing_context, x, count):
    """x << count in the width of x, where Numba would widen to 64 bits and halve the vectors' throughput."""

    def generate(context, builder, signature, arguments):
        return builder.shl(*arguments)

    return x(x, x), generate


@intrinsic
def shift_right(typing_context, x, count):
    """x >> count in the width of x, unsigned."""

    def generate(context, builder, signature, arguments):
        return builder.lshr(*arguments)

    return x(x, x), generate


@intrinsic
def fma(typing_context, x, y, z):
    """x * y + z rounded once: the processor's instruction, or the C library's function where it has none."""

    def generate(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate


@intrinsic
def shortened(typing_context, x, drop):
    """A float64 rounded to nearest-even at its own exponent, `drop` bits shorter; finite x that do not overflow.

    Written for vectors of two, of which one is used: a number on its way through the registers of integers would come
    back several cycles later.
    """

    def generate(context, builder, signature, arguments):
        pair, doubles, lane = ir.VectorType(ir.IntType(64), 2), ir.VectorType(ir.DoubleType(), 2), ir.IntType(32)(0)

        def both(value):
            return builder.shuffle_vector(
                builder.insert_element(ir.Constant(pair, ir.Undefined), value, lane),
                ir.Constant(pair, ir.Undefined),
                ir.Constant(ir.VectorType(ir.IntType(32), 2), [0, 0]),
            )

        x, drop = arguments
        one = ir.Constant(drop.type, 1)
        low = builder.sub(builder.shl(one, drop), one)
        bits = builder.bitcast(builder.insert_element(ir.Constant(doubles, ir.Undefined), x, lane), pair)
        odd = builder.and_(builder.lshr(bits, both(drop)), both(one))
        up = builder.add(builder.add(bits, both(builder.lshr(low, one))), odd)
        kept = builder.and_(up, both(builder.not_(low)))
        return builder.extract_element(builder.bitcast(kept, doubles), lane)

    return types.float64(types.float64, types.uint64), generate
