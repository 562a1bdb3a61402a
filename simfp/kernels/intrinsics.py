"""Single machine instructions that Numba has no word for; they work on one number each."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

__all__ = ["fma", "number", "pattern", "shift_left", "shift_right"]


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
