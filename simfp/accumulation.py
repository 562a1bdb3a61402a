"""How a sum is carried: in which order its terms are added, in which format, and how each addition is rounded.

An accumulator is a frozen description. `simfp.sum`, `simfp.dot` and `simfp.matmul` take one as `accumulator`; called
with an array it gives the plain sum. Every addition is rounded once, of the exact sum of its two operands.

    SequentialSum   one after the other, in the order of the terms
    PairwiseSum     halves of halves: NumPy's order, or a plain tree
    KahanSum        one after the other, with what each addition lost carried along
    BlockedSum      blocks in one accumulator, their sums in another
    ExactSum        no rounding but one, of the exact sum
    Float64Sum      float64, one after the other: quick, and nearly exact
    NumPyProduct    NumPy's own product of matrices: the quickest, in an order that hangs on the processor

Sources: Higham, Accuracy and Stability of Numerical Algorithms (2nd ed., 2002), chapter 4, for the orders and their
error bounds; Kahan, Further Remarks on Reducing Truncation Errors (CACM 8, 1965); NumPy's documentation of `numpy.sum`.
"""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from simfp.formats import NAMED_FORMATS, Format, as_format
from simfp.kernels.compensated_sums import kahan
from simfp.kernels.exact_sums import exact
from simfp.kernels.float32_sums import in_order32
from simfp.kernels.float64_products import ROWS, WIDTH, products
from simfp.kernels.ordered_sums import in_order
from simfp.kernels.rounded_additions import ANY, LANES, NEAREST, STOCHASTIC, owned
from simfp.kernels.sum_programs import OPEN, pairwise_program
from simfp.rounding import _coins, _plan, as_floats, check_mode, round_array
from simfp.typing import FormatLike, Rounding

__all__ = [
    "Accumulator",
    "AccumulatorLike",
    "BlockedSum",
    "ExactSum",
    "Float64Sum",
    "KahanSum",
    "NumPyProduct",
    "PairwiseSum",
    "SequentialSum",
    "accumulator_dtype",
    "as_accumulator",
    "check_count",
    "in_threads",
]

Values = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]
FLOAT32 = NAMED_FORMATS["float32"]
ONE = np.ones((1, 1))
OWNED_AT_ONCE = 1 << 14  # values that a thread looks at before it takes the next ones
WORTH_A_THREAD = 1 << 19  # terms; fewer are added before threads have been woken


class Accumulator(ABC):
    """How sums are carried. Every accumulator can add up an array, and products of two."""

    @property
    @abstractmethod
    def format(self) -> Format:
        """The format that totals come in."""

    @abstractmethod
    def add_products(self, a: Values, b: Values, *, plain: bool = False) -> Values:
        """The sums over k of a[m, k] * b[k, n], values of `format`: (M, K) and (K, N) float64 give (M, N).

        `plain` says that a is [[1]], which stands for K ones: nothing is to be rounded but sums. K is at least 1.
        """

    def products(self, a: Floats, b: Floats, fmt: Format) -> Values:
        """As `add_products`, for values of `fmt`, float32 or float64; with K = 0 all sums are 0.

        a, b: (..., M, K) and (..., K, N); the axes in front are those of a stack, and the same in both.

        Raises ValueError where products of `fmt` would leave float64.
        """
        if 2 * (fmt.min_exponent - fmt.mantissa_bits) < -1000 or 2 * (fmt.max_exponent + 1) > 1000:
            raise ValueError(f"products of {fmt!r} go beyond 2^-1000 or 2^1000, which no sum here holds")
        total = np.zeros((*a.shape[:-1], b.shape[-1]))
        if a.shape[-1]:
            for place in np.ndindex(a.shape[:-2]):
                total[place] = self.add_products(*(np.ascontiguousarray(x[place], np.float64) for x in (a, b)))
        return total

    def matmul(self, x: Floats, y: Floats, fmt: Format) -> Floats:
        """The matrix product of values of `fmt`, not rounded to the format of any result: float64.

        x, y: shapes as np.matmul takes them, which whoever calls has checked.
        """
        left, right = (x[None] if x.ndim == 1 else x), (y[:, None] if y.ndim == 1 else y)
        if right.ndim == 2:  # one matrix for all of a stack: its rows are the rows of one product
            total = self.products(left.reshape(math.prod(left.shape[:-1]), left.shape[-1]), right, fmt)
            total = total.reshape(*left.shape[:-1], right.shape[-1])
        else:
            batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
            left, right = (np.broadcast_to(each, (*batch, *each.shape[-2:])) for each in (left, right))
            total = self.products(left, right, fmt)
        if x.ndim == 1:
            total = total[..., 0, :]
        if y.ndim == 1:
            total = total[..., 0]
        return total

    def __call__(self, x: Any, axis: int | tuple[int, ...] | None = None) -> Any:
        """The sum of `x` over all axes, or over `axis`: float64 values of `format`, each the total as it was carried.

        x: numbers or arrays of them, taken exactly. The sum of nothing is 0.

        >>> float(SequentialSum("float16")(np.full(4096, 0.0999755859375)))  # 0.1 in float16, 4,096 times
        256.0
        """
        return self.over(as_floats(x)[0].astype(np.float64, copy=False), axis)

    def over(self, x: Values, axis: int | tuple[int, ...] | None) -> Any:
        """As a call, for a float64 array."""
        axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        places = [_place(each, x.ndim) for each in axes]
        if len(set(places)) < len(places):
            raise ValueError(f"`axis` names an axis twice: {axis!r}")
        kept = [place for place in range(x.ndim) if place not in places]
        shape = [x.shape[place] for place in kept]
        terms = np.ascontiguousarray(x.transpose([*places, *kept]))
        count = int(np.prod([x.shape[place] for place in places], dtype=np.int64))
        if not count or not terms.size:
            return np.zeros(shape)[()]
        columns = terms.reshape(count, -1)
        return self.add_products(ONE, columns, plain=True).reshape(shape)[()]


AccumulatorLike: TypeAlias = Accumulator | FormatLike  # a format stands for its SequentialSum


@dataclass(frozen=True)
class _Rounding(Accumulator):
    """What the accumulators have in common that round every addition."""

    fmt: FormatLike
    rounding: Rounding = "nearest_even"
    fma: bool = field(default=False, kw_only=True)
    rng: Any = field(default=None, kw_only=True, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fmt", as_format(self.fmt))
        check_mode(self.rounding)
        if not isinstance(self.fma, bool):
            raise TypeError(f"`fma` must be True or False, got {self.fma!r}")
        if self.rng is not None:
            object.__setattr__(self, "rng", np.random.default_rng(self.rng))

    @property
    def format(self) -> Format:
        """The format that totals come in."""
        return self.fmt  # type: ignore[return-value]  # which `__post_init__` has made it

    def _in_order(self, program: NDArray[np.int64], depth: int, a: Values, b: Values, plain: bool) -> Values:
        """The totals in the order of a program; in float32, of float32 values, by the processor's own additions."""
        native = self.format == FLOAT32 and self.rounding == "nearest_even"
        left, right = (_in_float32(a), _in_float32(b)) if native else (None, None)
        if left is None or right is None:
            return self._run(lambda *rest: in_order(program, depth, *rest), a, b, plain)
        out = np.empty((a.shape[0], b.shape[1]), np.float32)
        in_threads(
            lambda first, last: in_order32(program, depth, left, right, out, first, last, self.fma or plain),
            a.shape[0] * -(-b.shape[1] // LANES), b.shape[0] * out.size // 8,
        )  # fmt: skip
        return out.astype(np.float64)

    def _run(self, loop: Callable[..., None], a: Values, b: Values, plain: bool) -> Values:
        """The totals by one of the kernels' loops; the work is split among threads."""
        out = np.empty((a.shape[0], b.shape[1]))
        a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
        plan = _plan(self.format, self.rounding, "keep", "inf", 64)
        how = STOCHASTIC if self.rounding == "stochastic" else NEAREST if plan.magic is not None else ANY
        magic = np.float64(0.0 if plan.magic is None else plan.magic)
        key, twist, unused = _coins(64, self.rng, None)
        down = self.rounding == "toward_negative"
        fused = self.fma or plain
        short = how == NEAREST and (not fused or (plain and _owned(b, plan)))
        tasks = a.shape[0] * -(-b.shape[1] // LANES)

        def part(first: int, last: int) -> None:
            loop(
                a, b, out, first, last, plan.numbers, how, plan.on_grid_below, magic, fused, down, short,
                key, twist, unused,
            )  # fmt: skip

        in_threads(part, tasks, b.shape[0] * out.size)
        return out


@dataclass(frozen=True)
class SequentialSum(_Rounding):
    """One term after the other, each addition rounded to `fmt`.

    Parameters
    ----------
    fmt
        The format of the running total: a Format or whatever `as_format` takes.
    rounding
        How each addition is rounded: a mode of `round_to`, "stochastic" included.
    fma
        Of products: whether each is added without having been rounded to `fmt` first, in one fused operation.
    rng
        Seed or generator of "stochastic".

    Raises ValueError for an unknown format or mode.
    """

    def add_products(self, a: Values, b: Values, *, plain: bool = False) -> Values:
        """The totals; see `Accumulator`."""
        return self.along(np.array([[OPEN, 0, b.shape[0], 1]]), 1, a, b, plain=plain)

    def along(self, program: NDArray[np.int64], depth: int, a: Values, b: Values, *, plain: bool = False) -> Values:
        """The totals in the order of a program of simfp.kernels.sum_programs, with at most `depth` partial sums."""
        return self._in_order(program, depth, a, b, plain)


@dataclass(frozen=True)
class PairwiseSum(_Rounding):
    """Halves of halves: the sum of the first half plus that of the second, each made likewise.

    Parameters
    ----------
    leaf, lanes
        At most `leaf` terms are not halved again but added one after the other, in `lanes` strides that are then
        added in pairs. The defaults, 128 and 8, are NumPy's: ``PairwiseSum("float32")`` is the sum of a contiguous
        float32 array, bit for bit. With 1 and 1 it is a plain tree.

    The others are those of SequentialSum. Raises ValueError for lanes that are not a power of two.
    """

    leaf: int = field(default=128, kw_only=True)
    lanes: int = field(default=8, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("leaf", self.leaf)
        check_count("lanes", self.lanes)
        if self.lanes & (self.lanes - 1) or self.lanes > 64:
            raise ValueError(f"`lanes` must be a power of two from 1 to 64, got {self.lanes}")

    def add_products(self, a: Values, b: Values, *, plain: bool = False) -> Values:
        """The totals; see `Accumulator`."""
        program, depth = _pairwise(b.shape[0], self.leaf, self.lanes)
        return self._in_order(program, depth, a, b, plain)


@dataclass(frozen=True)
class KahanSum(_Rounding):
    """One term after the other, and what each addition lost is taken off the next term.

    With the total s and the correction c, and R one rounding to `fmt`: y = R(x - c), t = R(s + y),
    c = R(R(t - s) - y), s = t. An infinite term makes the correction, and then the total, NaN.

    The parameters are those of SequentialSum.
    """

    def add_products(self, a: Values, b: Values, *, plain: bool = False) -> Values:
        """The totals; see `Accumulator`."""
        return self._run(kahan, a, b, plain)


@dataclass(frozen=True)
class BlockedSum(Accumulator):
    """Blocks of `block` terms, each added up by `inner`; then the sums of the blocks, by `outer`.

    Parameters
    ----------
    block
        How many terms a block has; the last one has what is left.
    inner, outer
        Accumulators; a format stands for its SequentialSum. Without `outer` it is `inner` again.

    Raises ValueError for a block of less than one term, TypeError for what is no accumulator.
    """

    block: int
    inner: Any
    outer: Any = None

    def __post_init__(self) -> None:
        check_count("block", self.block)
        object.__setattr__(self, "inner", as_accumulator(self.inner))
        object.__setattr__(self, "outer", self.inner if self.outer is None else as_accumulator(self.outer))

    @property
    def format(self) -> Format:
        """The format that totals come in."""
        fmt: Format = self.outer.format
        return fmt

    def add_products(self, a: Values, b: Values, *, plain: bool = False) -> Values:
        """The totals; see `Accumulator`."""
        rest = self._rest(b.shape[0], plain)
        sums = [self.inner.add_products(a if plain else a[:, part], b[part], plain=plain) for part in rest]
        whole = b.shape[0] // self.block if plain else 0
        if whole:  # many blocks at once: each is a column of its own
            blocks = b[: whole * self.block].reshape(whole, self.block, -1).transpose(1, 0, 2)
            made = self.inner.add_products(ONE, np.ascontiguousarray(blocks.reshape(self.block, -1)), plain=True)
            sums = [*made.reshape(whole, 1, -1), *sums]
        stacked = np.stack(sums).reshape(len(sums), -1)
        total: Values = self.outer.add_products(ONE, stacked, plain=True)
        return total.reshape(a.shape[0], b.shape[1])

    def _rest(self, count: int, plain: bool) -> list[slice]:
        """The blocks that are added one at a time: all, or of a plain sum the last one if it is not full."""
        first = count - count % self.block if plain else 0
        return [slice(start, start + self.block) for start in range(first, count, self.block)]


@dataclass(frozen=True)
class ExactSum(Accumulator):
    """The exact sum, rounded once.

    Parameters
    ----------
    fmt, rounding
        The format and mode of that one rounding. Inside `simfp.matmul` and the like, which round the total to the
        format of their result, let `fmt` be that format: then it is the only rounding.
    rng
        Seed or generator of "stochastic".
    """

    fmt: FormatLike = "float32"
    rounding: Rounding = "nearest_even"
    rng: Any = field(default=None, kw_only=True, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fmt", as_format(self.fmt))
        check_mode(self.rounding)
        if self.rng is not None:
            object.__setattr__(self, "rng", np.random.default_rng(self.rng))

    @property
    def format(self) -> Format:
        """The format that totals come in."""
        return self.fmt  # type: ignore[return-value]  # which `__post_init__` has made it

    def add_products(self, a: Values, b: Values, *, plain: bool = False) -> Values:
        """The totals; see `Accumulator`."""
        out, down = np.empty((a.shape[0], b.shape[1])), self.rounding == "toward_negative"
        a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
        tasks = a.shape[0] * -(-b.shape[1] // LANES)
        in_threads(lambda first, last: exact(a, b, out, first, last, down), tasks, b.shape[0] * out.size)
        return round_array(out, self.format, self.rounding, rng=self.rng, in_place=True, operation="sum")


NARROW = 32  # columns; of fewer, and more rows, the transposed product is made


@dataclass(frozen=True)
class Float64Sum(Accumulator):
    """The sum in float64, one product after the other, left in float64: the quick way to sums that are rounded once.

    Products of two values of at most 26 bits' precision are exact; every addition is one of float64, from the first
    term to the last. (A plain sum is added in the order of `numpy.sum`.) The total is off by at most (K - 1) 2^-53
    times the sum of the terms' magnitudes.
    """

    @property
    def format(self) -> Format:
        """Raises TypeError: float64 is no format of simfp."""
        raise TypeError("the totals of a Float64Sum are in float64, which is no format of simfp")

    def add_products(self, a: Values, b: Values, *, plain: bool = False) -> Values:
        """The totals; see `Accumulator`."""
        with np.errstate(all="ignore"):
            total: Values = b.sum(axis=0, keepdims=True) if plain else self._in_order(a[None], b[None])[0]
        return total

    def products(self, a: Floats, b: Floats, fmt: Format) -> Values:
        """The totals of a whole stack at once; see `Accumulator`."""
        total: Values = self._in_order(*(x.reshape(math.prod(x.shape[:-2]), *x.shape[-2:]) for x in (a, b)))
        return total.reshape(*a.shape[:-1], b.shape[-1])

    def _in_order(self, a: Floats, b: Floats) -> Values:
        if b.shape[2] < NARROW and b.shape[2] < a.shape[1]:  # rows side by side are quicker than a few columns
            return self._in_order(b.transpose(0, 2, 1), a.transpose(0, 2, 1)).transpose(0, 2, 1)
        left, right = (np.ascontiguousarray(x, np.float64) for x in (a, b))
        out = np.empty((*left.shape[:2], right.shape[2]))
        tasks = len(out) * -(-out.shape[1] // ROWS) * -(-out.shape[2] // WIDTH)
        in_threads(
            lambda first, last: products(left, right, out, first, last), tasks, left.size * right.shape[2] // 8
        )  # fmt: skip
        return out


@dataclass(frozen=True)
class NumPyProduct(Accumulator):
    """NumPy's own product of matrices, in float32: quick, and not the same bits everywhere.

    Products of values of up to 12 bits' precision are exact in float32 (bfloat16's and tfloat32's from 2^-126 on), but
    the order in which they are added, and whether those of float32 are fused with it, is the choice of NumPy's library
    (OpenBLAS, say) by processor, shape and number of threads. Formats that float32 does not hold so well (more bits,
    float32 itself apart, or wider exponents) are accumulated in float64.
    """

    @property
    def format(self) -> Format:
        """Raises TypeError: totals come in float32 or float64, as their factors' format has it."""
        raise TypeError("the totals of NumPy's product are in the type that holds its factors' products")

    def add_products(self, a: Values, b: Values, *, plain: bool = False) -> Values:
        """Refused: which type NumPy is to compute in depends on the format of its inputs; see `matmul`."""
        raise TypeError("NumPy's product adds up products of matrices; a sum in NumPy's order is that of Array.sum")

    def products(self, a: Floats, b: Floats, fmt: Format) -> Values:
        """The totals in float32 or float64; see `Accumulator`."""
        return self.matmul(a, b, fmt)  # type: ignore[return-value]

    def matmul(self, x: Floats, y: Floats, fmt: Format) -> Floats:
        """The matrix product, in the type that NumPy computes it in."""
        wide = accumulator_dtype(fmt)
        with np.errstate(all="ignore"):
            total: Floats = np.matmul(x.astype(wide, copy=False), y.astype(wide, copy=False))
        return total


NUMPY = NumPyProduct()


def accumulator_dtype(fmt: Format) -> type[np.floating[Any]]:
    """The type in which NumPy is to sum values of `fmt`: float32 where it holds their products, or is the format."""
    held = 2 * fmt.precision <= 24 or fmt == FLOAT32
    return np.float32 if held and fmt.carrier == np.float32 else np.float64


def as_accumulator(given: Any) -> Accumulator:
    """An accumulator as it is; None stands for NumPy's own product, a format for its SequentialSum.

    Raises ValueError or TypeError for what is neither.
    """
    if given is None:
        return NUMPY
    return given if isinstance(given, Accumulator) else SequentialSum(given)


def in_threads(part: Callable[[int, int], None], tasks: int, work: int) -> None:
    """Calls part(first, last) so that all of range(tasks) is done; on every core where there is enough `work`.

    `part` must not do so itself: the threads are few, and the same ones each time.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if min(cores, tasks) < 2 or work < WORTH_A_THREAD:
        part(0, tasks)
        return
    pieces = min(4 * cores, tasks)
    bounds = [tasks * piece // pieces for piece in range(pieces + 1)]
    begun = [_threads(cores, os.getpid()).submit(part, *pair) for pair in pairwise(bounds)]
    try:
        for each in begun:
            each.result()
    finally:  # where one has failed, or the user stops it, the others do not go on behind his back
        for each in begun:
            each.cancel()
        wait(begun)


@lru_cache(maxsize=1)
def _threads(cores: int, process: int) -> ThreadPoolExecutor:
    """So many threads of this process: after a fork the child has none of its parent's."""
    return ThreadPoolExecutor(cores, "simfp")


def _in_float32(x: Values) -> NDArray[np.float32] | None:
    """The same values in float32, contiguous; None where that does not hold one of them."""
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = np.ascontiguousarray(x, np.float32)
    same = narrow == x
    return narrow if same.all() or np.isnan(x[~same]).all() else None


def _owned(x: Values, plan: Any) -> bool:
    """Whether all of x, which is contiguous, are values of a format (NaN counts), by its plan of nearest-even."""
    flat, found = x.reshape(-1).view(np.uint64), []

    def part(first: int, last: int) -> None:
        piece = flat[first * OWNED_AT_ONCE : last * OWNED_AT_ONCE]
        found.append(owned(piece, plan.numbers, plan.on_grid_below, plan.magic))

    in_threads(part, -(-flat.size // OWNED_AT_ONCE), flat.size // 16)  # a look takes far less than an addition
    return all(found)


@lru_cache(maxsize=16)
def _pairwise(n: int, leaf: int, lanes: int) -> tuple[NDArray[np.int64], int]:
    program, depth = pairwise_program(n, leaf, lanes)
    return program, int(depth)


def _place(axis: Any, ndim: int) -> int:
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise TypeError(f"`axis` must be an integer, a tuple of them or None, got {axis!r}")
    if not -ndim <= axis < ndim:
        raise ValueError(f"axis {axis} is out of bounds for an array of {ndim} dimensions")
    return int(axis) % ndim


def check_count(name: str, count: Any) -> None:
    """Raises TypeError for what is no integer, ValueError for one below 1."""
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)):
        raise TypeError(f"`{name}` must be an integer, got {count!r}")
    if count < 1:
        raise ValueError(f"`{name}` must be at least 1, got {count}")
