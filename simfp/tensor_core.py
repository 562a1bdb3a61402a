"""Tensor cores as data: how many products one step adds, how they are aligned, what the running sum keeps.

One step of a tensor core takes some products of two inputs and the running sum, aligns all of them to the largest
exponent among them, cuts each off `fraction_bits` below it, adds what is left exactly and converts the result to the
accumulator's format. The order in which a kernel walks K, and in which parts, is an `Order`.

Sources: Fasi, Higham, Mikaitis and Pranesh, Numerical behavior of NVIDIA tensor cores (PeerJ CS 7:e330, 2021), for
the idea and for Volta, Turing and Ampere; Li et al., FTTN (arXiv 2403.00232); Khattak and Mikaitis (arXiv 2512.07004)
for the generations since. What an H100 and an H200 were asked is recorded in lessons/recordings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from simfp.accumulation import Accumulator, SequentialSum, check_count, in_threads
from simfp.formats import NAMED_FORMATS, Format, as_format
from simfp.kernels import tensor_core as kernels
from simfp.rounding import round_array
from simfp.typing import FormatLike

__all__ = [
    "ADA", "AMPERE", "BLACKWELL", "GENERATIONS", "HOPPER", "TURING", "VOLTA", "Generation", "Order", "TensorCore",
    "predicted_order",
]  # fmt: skip

Values = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]
FLOAT32 = NAMED_FORMATS["float32"]
FUSED_MULTIPLY_ADDS = SequentialSum("float32", fma=True)
LOWEST = 7  # no step is aligned to less than 2^(the accumulator's smallest exponent - 7); measured with float32's
MOST_TERMS, MOST_FRACTION_BITS = 64, 40  # so that the exact sum of a step fits into 63 bits


RENAMED = {"part": "split_k", "kept": "partial_dtype", "residue": "k_tail"}  # an Order's earlier keywords: still taken


@dataclass(frozen=True)
class Order:
    """In which steps, and in which parts, a kernel walks K, the axis that the sums of a matrix product run along.

    Parameters
    ----------
    tile, k_tail
        Where K is no multiple of `tile`, the tail that is left over is taken "first" or "last". Within a tile and
        within the tail the steps are of the core's own size; the last one of each takes what is left.
    split_k
        Split K: every so many k are accumulated to a partial sum of their own (None: there is one sum), and the
        partial sums are then added in their order.
    reduction
        The format in which partial sums are added, each addition rounded to nearest; None: that of the accumulator.
    terms
        Products of one step, where a kernel takes fewer than the core could; None: as many as the core can.
    partial_dtype
        The format that each partial sum is rounded to, to nearest, before it is added; None: that of the reduction.
        Where torch allows reductions in 16 bits, Hopper's kernels keep partial sums in 16 bits and add them in float32.

    The earlier names of three keywords, `part`, `kept` and `residue`, are taken as well.

    Raises ValueError for sizes below 1 and an unknown `k_tail`, TypeError for a keyword under both of its names.
    """

    tile: int | None = None
    k_tail: str = "last"
    split_k: int | None = None
    reduction: Any = None
    terms: int | None = None
    partial_dtype: Any = None

    def __post_init__(self) -> None:
        for name in ("tile", "split_k", "terms"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name))
        if self.k_tail not in ("first", "last"):
            raise ValueError(f"unknown k_tail {self.k_tail!r}; expected first or last")
        for name in ("reduction", "partial_dtype"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, as_format(getattr(self, name)))

    def parts(self, k: int, terms: int) -> list[NDArray[np.int64]]:
        """For each part the steps: (steps, 2), the first k of each and the one after its last."""
        step = min(terms, self.terms or terms)
        size = self.split_k or max(k, 1)
        return [self._steps(start, min(start + size, k), step) for start in range(0, k, size)]

    def _steps(self, start: int, stop: int, step: int) -> NDArray[np.int64]:
        bounds = [start]
        if self.tile is not None:
            left_over = (stop - start) % self.tile
            first = start + left_over if self.k_tail == "first" and left_over else start + self.tile
            bounds += list(range(first, stop, self.tile))
        bounds.append(stop)
        cuts = [cut for low, high in pairwise(bounds) for cut in range(low, high, step)]
        return np.array(list(zip(cuts, [*cuts[1:], stop])), np.int64).reshape(-1, 2)


def _current(options: dict[str, Any]) -> dict[str, Any]:
    """An Order's keywords under their names of today."""
    for old in RENAMED.keys() & options.keys():
        if RENAMED[old] in options:
            raise TypeError(f"`{old}` is the earlier name of `{RENAMED[old]}`; give one of them")
    return {RENAMED.get(name, name): value for name, value in options.items()}


def _taking_earlier_names(init: Callable[..., None]) -> Callable[..., None]:
    @wraps(init)
    def taking(self: Order, *args: Any, **options: Any) -> None:
        init(self, *args, **_current(options))

    return taking


Order.__init__ = _taking_earlier_names(Order.__init__)  # type: ignore[method-assign]


@dataclass(frozen=True)
class TensorCore(Accumulator):
    """One unit of a tensor core: what a step adds and what it keeps.

    Parameters
    ----------
    terms
        Products that one step adds to the running sum (L): 1 to 64.
    fraction_bits
        Bits that are kept of each term below the largest exponent among them (F): 1 to 40.
    accumulator
        The format of the running sum.
    rounding
        How the sum is converted to it: "toward_zero" or "nearest_even". What is too large becomes infinite.
    inputs
        The formats that it takes; () takes any of at most 12 bits' precision.
    order
        In which order K is walked.
    source, checked
        Where the numbers come from, and on which silicon they were checked ("" if on none).

    Raises ValueError for numbers out of range.
    """

    terms: int
    fraction_bits: int
    accumulator: Format = FLOAT32
    rounding: Literal["toward_zero", "nearest_even"] = "toward_zero"
    inputs: tuple[Format, ...] = ()
    order: Order = Order()
    source: str = field(default="", compare=False)
    checked: str = field(default="", compare=False)

    if TYPE_CHECKING:  # what names a format becomes one

        def __init__(
            self,
            terms: int,
            fraction_bits: int,
            accumulator: FormatLike = "float32",
            rounding: Literal["toward_zero", "nearest_even"] = "toward_zero",
            inputs: tuple[FormatLike, ...] = (),
            order: Order = ...,
            source: str = "",
            checked: str = "",
        ) -> None: ...

    def __post_init__(self) -> None:
        for name, most in (("terms", MOST_TERMS), ("fraction_bits", MOST_FRACTION_BITS)):
            value = getattr(self, name)
            check_count(name, value)
            if value > most:
                raise ValueError(f"`{name}` must be 1 to {most}, got {value}")
        if self.rounding not in ("toward_zero", "nearest_even"):
            raise ValueError(f"unknown rounding of a tensor core {self.rounding!r}; expected toward_zero, nearest_even")
        object.__setattr__(self, "accumulator", as_format(self.accumulator))
        object.__setattr__(self, "inputs", tuple(as_format(fmt) for fmt in self.inputs))
        if not isinstance(self.order, Order):
            raise TypeError(f"`order` must be an Order, got {self.order!r}")

    @property
    def format(self) -> Format:
        """The format that sums come in."""
        return self.accumulator

    def with_order(self, order: Order | None = None, **changes: Any) -> TensorCore:
        """The same unit with another order: an Order, or changes to the one that it has."""
        return replace(self, order=replace(self.order if order is None else order, **_current(changes)))

    def add_products(self, a: Values, b: Values, *, plain: bool = False) -> Values:
        """Refused: what a tensor core does depends on the format of its inputs; see `products`."""
        raise TypeError("a tensor core adds up products of two formats; give it to `matmul` or `dot`")

    def products(self, a: Floats, b: Floats, fmt: Format, right: Format | None = None) -> Values:
        """(..., M, K) and (..., K, N) values of `fmt`, float32 or float64, to (..., M, N) of the accumulator's format.

        The axes in front are those of a stack, and the same in both.
        right: the format of `b` where it is another, as fp8 units take a gradient's e5m2 beside a weight's e4m3.
        """
        formats = fmt, right or fmt
        if any((self.inputs and each not in self.inputs) or 2 * each.precision > 24 for each in formats):
            takes = ", ".join(each.name for each in self.inputs) or "formats of at most 12 bits' precision"
            raise ValueError(f"this tensor core takes {takes}; got {' and '.join(map(str, dict.fromkeys(formats)))}")
        sums = []
        for steps in self.order.parts(a.shape[-1], self.terms):
            first, last = int(steps[0, 0]), int(steps[-1, 1])
            sums.append(self.along(a[..., first:last], b[..., first:last, :], steps - first, fmt, right=right))
        if not sums:
            return np.zeros((*a.shape[:-1], b.shape[-1]))
        reduction = self.order.reduction or self.accumulator
        partial = self.order.partial_dtype or reduction
        total = sums[0] if len(sums) == 1 else round_array(round_array(sums[0], partial), reduction)
        for each in sums[1:]:
            with np.errstate(invalid="ignore"):
                total = round_array(total + round_array(each, partial), reduction)
        return total

    def along(
        self,
        a: Floats,
        b: Floats,
        steps: NDArray[np.int64],
        fmt: Format,
        start: Values | None = None,
        *,
        right: Format | None = None,
    ) -> Values:
        """The running sums after `steps`, (steps, 2): the first k of each and the one after its last.

        start: what the running sums begin with, values of the accumulator's format in the shape of the result; without
        it they begin with nothing.
        right: the format of `b`, if not `fmt`.
        """
        formats = fmt, right or fmt
        shape = (*a.shape[:-1], b.shape[-1])
        stack = math.prod(shape[:-2])
        a, b = (x.reshape(stack, *x.shape[-2:]) for x in (a, b))
        room = (
            formats[0] == formats[1]
            and self.terms <= 16
            and 2 * fmt.mantissa_bits <= self.fraction_bits
            and 23 <= self.fraction_bits <= 25
        )
        room = room and self.accumulator == FLOAT32 and self.rounding == "toward_zero" and fmt.carrier == np.float32
        if start is None and room:
            finite = np.isfinite(a), np.isfinite(b)
            every = bool(finite[0].all() and finite[1].all())
            x, y = (a, b) if every else (np.where(finite[0], a, 0), np.where(finite[1], b, 0))
            sums = self._fast(x, y, steps, fmt)
            if sums is not None:
                made = sums.astype(np.float64)
                return (made if every else _with_specials(made, a, b)).reshape(shape)
        begin = [np.empty((0, 0))] * len(a) if start is None else start.reshape(stack, *shape[-2:])
        made = np.empty((len(a), *shape[-2:]))
        for place in range(len(a)):
            self._general(a[place], b[place], steps, formats, begin[place], made[place])
        return made.reshape(shape)

    def _general(
        self, a: Floats, b: Floats, steps: NDArray[np.int64], formats: tuple[Format, Format], begin: Values, out: Values
    ) -> None:
        """The model as it is specified, of one product."""
        left, right = _split(a, formats[0]), _split(b.T, formats[1])
        acc = self.accumulator
        numbers = (
            formats[0].mantissa_bits + formats[1].mantissa_bits,
            self.fraction_bits,
            acc.min_exponent - LOWEST,
            acc.mantissa_bits,
            acc.min_exponent,
            acc.max_exponent,
            acc.max,
        )
        nearest = self.rounding == "nearest_even"
        in_threads(
            lambda low, high: kernels.general(*left, *right, steps, begin, out, low, high, *numbers, nearest),
            a.shape[0], a.shape[1] * out.size,
        )  # fmt: skip

    def _fast(self, a: Floats, b: Floats, steps: NDArray[np.int64], fmt: Format) -> NDArray[np.float32] | None:
        """The same of a stack of products of finite values in 32 bits; None where these do not suffice."""
        (stack, rows, k), columns = a.shape, b.shape[2]
        if rows * -(-columns // kernels.LANES) > columns * -(-rows // kernels.LANES):  # a factor's lanes are filled up
            made = self._fast(b.swapaxes(1, 2), a.swapaxes(1, 2), steps, fmt)
            return None if made is None else made.swapaxes(1, 2)
        (x, e, up), (y, f, up_too) = _scaled(a, fmt), _scaled(b, fmt)
        blocks = -(-columns // kernels.LANES)
        packed = tuple(np.empty((stack, blocks, k, kernels.LANES), dtype) for dtype in (np.float32, np.int32))
        kernels.tiles(y, f, *packed)
        out = np.empty((stack, rows, blocks * kernels.LANES), np.float32)
        exact: list[bool] = []
        floor = np.int32(self.accumulator.min_exponent - LOWEST)

        def part(low: int, high: int) -> None:
            numbers = np.int32(up + up_too), np.int32(self.fraction_bits), floor
            exact.append(kernels.fused32(x, e, *packed, steps, out, low, high, *numbers))

        in_threads(
            part, stack * -(-rows // kernels.ROWS), k * out.size // 4
        )  # a product takes a quarter of a nanosecond
        return out[:, :, :columns] if all(exact) else None


@dataclass(frozen=True)
class Generation(Accumulator):
    """The units of one generation of GPUs that multiply matrices.

    Parameters
    ----------
    cores
        For each input format the tensor core that takes it.
    order
        In which order K is walked by tensor cores.
    cuda_cores
        What is done where there is no tensor core for a format, float32 above all: CUDA cores multiply and add numbers
        widened to float32 by fused multiply-adds, one after the other. (So they do for short K; for long ones some
        kernels split K, as `probing` finds out.)
    """

    name: str
    cores: Mapping[Format, TensorCore]
    order: Order = Order()
    cuda_cores: SequentialSum = FUSED_MULTIPLY_ADDS

    @property
    def format(self) -> Format:
        """The format that sums come in."""
        return FLOAT32

    def core(self, fmt: FormatLike) -> TensorCore:
        """The unit for inputs of `fmt`.

        Raises ValueError for a format that this generation does not take, naming those that it takes.
        """
        wanted = as_format(fmt)
        if wanted not in self.cores:
            raise ValueError(f"{self.name}'s tensor cores take {', '.join(map(str, self.cores))}; got {wanted}")
        core = self.cores[wanted]
        return core if core.order == self.order else core.with_order(self.order)

    def with_order(self, order: Order | None = None, **changes: Any) -> Generation:
        """The same cores with another order: an Order, or changes to the one that they have."""
        return replace(self, order=replace(self.order if order is None else order, **_current(changes)))

    def add_products(self, a: Values, b: Values, *, plain: bool = False) -> Values:
        """Refused: what a tensor core does depends on the format of its inputs; see `products`."""
        raise TypeError("a tensor core adds up products of two formats; give it to `matmul` or `dot`")

    def products(self, a: Floats, b: Floats, fmt: Format, right: Format | None = None) -> Values:
        """As that of the tensor core for `fmt`, or where there is none as CUDA cores add them.

        Raises ValueError for two formats that no tensor core takes together.
        """
        if fmt not in self.cores and right in (None, fmt):
            return self.cuda_cores.products(a, b, fmt)
        return self.core(fmt).products(a, b, fmt, right)


def predicted_order(fmt: FormatLike, m: int, k: int, n: int, layout: str = "nn") -> Order | None:
    """The order in which Hopper's kernels walk K for a product of (M, K) and (K, N), None where no rule is known.

    layout: for each factor "n" if its rows lie in memory one after the other, "t" if its columns do.

    For K up to 2,048, and where all three matrices begin every row (or column) at a multiple of 16 bytes, products of
    16-bit inputs are summed from the first k to the last, in full steps; so it was for every such shape of the recorded
    grids, with results in float32 (H100) and in 16 bits (H200) alike. Others, and longer ones, are summed in many ways:
    `simfp.probing` finds which.

    Raises ValueError for a layout that is none.
    """
    if not isinstance(layout, str) or len(layout) != 2 or set(layout) - {"n", "t"}:
        raise ValueError(f"unknown layout {layout!r}; expected nn, nt, tn or tt")
    fmt = as_format(fmt)
    lengths = (k if layout[0] == "n" else m, n if layout[1] == "n" else k, n)
    if fmt.bits != 16 or k > 2048 or any(length * fmt.bits % 128 for length in lengths):
        return None
    return Order()


def _split(x: Floats, fmt: Format) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    significands, exponents = np.empty(x.shape, np.int64), np.empty(x.shape, np.int64)
    flat = np.ascontiguousarray(x, np.float64).reshape(-1)
    kernels.split(flat, significands.reshape(-1), exponents.reshape(-1), fmt.mantissa_bits, fmt.min_exponent)
    return significands, exponents


def _scaled(x: Floats, fmt: Format) -> tuple[NDArray[np.float32], NDArray[np.int32], int]:
    """Values times a power of two that brings the largest near 2^TOP, their exponents, and that power."""
    values = np.ascontiguousarray(x, np.float32)
    exponents = np.empty(values.shape, np.int32)
    largest = int(kernels.exponents32(values.reshape(-1), exponents.reshape(-1), fmt.min_exponent)) >> 23
    up = min(kernels.TOP - (largest - 127), 127)
    return values * np.float32(2.0**up), exponents, up


def _with_specials(sums: Values, a: Floats, b: Floats) -> Values:
    """The sums, but infinite or NaN where products are: as IEEE 754 adds them, of all finite values just the signs."""
    with np.errstate(invalid="ignore"):
        signs = (np.where(np.isfinite(x), np.sign(x), x).astype(np.float64) for x in (a, b))
        added: Values = np.matmul(*signs)
    return np.where(np.isfinite(added), sums, added)


NARROW = Format("e8m13", exponent_bits=8, mantissa_bits=13)  # what fp8 units keep of float32 between two steps
FP8 = "float8_e4m3fn", "float8_e5m2"  # either of them beside either
LITERATURE = "MMA-Sim; Khattak and Mikaitis, arXiv 2512.07004"

# fmt: off
#  generation    inputs                                terms  fraction bits  checked on
_TABLE: dict[str, Sequence[tuple[tuple[str, ...], int, int, str]]] = {
    "Volta":     [(("float16",),                           4,  23, "")],
    "Turing":    [(("float16",),                           8,  24, "")],
    "Ampere":    [(("float16", "bfloat16"),                8,  24, ""),
                  (("tfloat32",),                          4,  24, "")],
    "Ada":       [(("float16", "bfloat16"),                8,  24, ""),
                  (("tfloat32",),                          4,  24, ""),
                  (FP8,                                   16,  13, "")],
    "Hopper":    [(("float16", "bfloat16"),               16,  25, "H100, H200"),
                  (("tfloat32",),                          8,  25, "H100, H200"),
                  (FP8[:1],                               32,  13, "H100, H200"),
                  (FP8[1:],                               32,  13, "H200")],
    "Blackwell": [(("float16", "bfloat16"),               16,  25, ""),
                  (("tfloat32",),                          8,  25, ""),
                  (FP8,                                   32,  25, "")],
}
# fmt: on

GENERATIONS: dict[str, Generation] = {
    name: Generation(
        name,
        {
            NAMED_FORMATS[fmt]: TensorCore(
                terms,
                bits,
                NARROW if bits < 23 else FLOAT32,
                inputs=FP8 if fmt in FP8 else (fmt,),
                source="measured" if checked else LITERATURE,
                checked=checked,
            )
            for formats, terms, bits, checked in rows
            for fmt in formats
        },
    )
    for name, rows in _TABLE.items()
}
VOLTA, TURING, AMPERE, ADA, HOPPER, BLACKWELL = GENERATIONS.values()
