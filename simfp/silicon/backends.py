"""Answers: codes that a backend made (a device through torch, or simfp), and how two backends' answers are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from simfp import nn, precision
from simfp.arrays import owned
from simfp.autograd import Tensor
from simfp.autograd import functions as of
from simfp.bits import decode
from simfp.formats import Format, as_format
from simfp.precision import Precision
from simfp.rounding import encode, ulp
from simfp.silicon import product_cases, reproducible_runs, split_k_products
from simfp.tensor_core import Generation

__all__ = ["Answer", "Answers", "Backend", "CannotAsk", "Compared", "Names", "Noted", "Simulated", "canonical",
           "checksum", "compare", "steps"]  # fmt: skip

Codes = NDArray[Any]


class CannotAsk(RuntimeError):
    """A device cannot be asked this, and why."""


class Answer(NamedTuple):
    """Codes of a format, in the shape in which they came."""

    codes: Codes
    fmt: str


Answers = dict[str, Answer]  # by what they are: "result", "gradient 1"


class Names:
    """The names of some modules as one: the first that has a name gives it."""

    def __init__(self, *modules: Any) -> None:
        self._modules = modules

    def __getattr__(self, name: str) -> Any:
        for module in self._modules:
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(f"there is no operation {name!r} here")


class Backend(Protocol):
    """What a check asks for."""

    F: Any  # the names of operations
    training: reproducible_runs.Backend

    def training_of(self, run: reproducible_runs.Run) -> reproducible_runs.Backend:
        """What makes a training run."""

    def leaf(self, codes: Codes, fmt: str, *, grad: bool = False) -> Any:
        """A tensor with these codes; grad: whether it gets a gradient."""

    def labels(self, values: Codes) -> Any:
        """A tensor of integers."""

    def codes(self, x: Any) -> Codes:
        """The codes of a tensor or a gradient."""

    def cast(self, codes: Codes, fmt: str, to: str) -> Codes:
        """The codes in another format."""

    def sums_of_products(self, case: product_cases.Case) -> Codes:
        """The sums of products of a case, as codes of float32."""

    def half_product(self, shape: split_k_products.Shape) -> Codes:
        """A product with a result of 16 bits."""

    def around(self) -> AbstractContextManager[Any]:
        """What operations run in."""


Orders = Callable[[reproducible_runs.Run], dict[str, str]]


class Simulated:
    """simfp with the tensor cores of one generation.

    saturates: whether a cast of what is too large to float8_e4m3fn gives its largest number, or NaN: torch's releases
    differ in that.
    orders: finds in which orders a device sums the products of a run without autocast. Where it is not given, these are
    summed from the first term to the last.
    """

    def __init__(self, generation: Generation, *, saturates: bool = True, orders: Orders | None = None) -> None:
        self.F = Names(nn.functional, of)
        self.training = reproducible_runs.simulated(generation)
        self.generation, self.saturates, self._orders = generation, saturates, orders

    def training_of(self, run: reproducible_runs.Run) -> reproducible_runs.Backend:
        """What makes a training run."""
        if self._orders is None or not run.wide:
            return self.training
        return reproducible_runs.simulated(reproducible_runs.along(run, self._orders(run)))

    def leaf(self, codes: Codes, fmt: str, *, grad: bool = False) -> Tensor:
        """A tensor with these codes."""
        return Tensor(owned(decode(codes, fmt), as_format(fmt)), requires_grad=grad)

    def labels(self, values: Codes) -> Codes:
        """The integers themselves."""
        return values

    def codes(self, x: Any) -> Codes:
        """The codes of a tensor or a gradient."""
        return np.asarray((x.data if isinstance(x, Tensor) else x).codes)

    def cast(self, codes: Codes, fmt: str, to: str) -> Codes:
        """The codes rounded once to another format."""
        values, target = decode(codes, fmt), as_format(to)
        if target.infinities:
            return np.asarray(encode(values, target))
        made = np.asarray(encode(values, target, overflow="saturate"))
        if not self.saturates:  # from the number after the largest on, if there were one more; a tie goes down to it
            step = target.max - decode(made.dtype.type(int(encode(target.max, target)) - 1), target)
            with np.errstate(invalid="ignore"):
                made = np.where(np.abs(values) > target.max + step / 2, encode(np.nan, target), made)
        return made

    def sums_of_products(self, case: product_cases.Case) -> Codes:
        """The sums of products of a case, as codes of float32."""
        return product_cases.model(case, generation=self.generation).view(np.uint32)

    def half_product(self, shape: split_k_products.Shape) -> Codes:
        """A product with a result of 16 bits, first k to last."""
        return np.asarray(encode(split_k_products.model(shape, core=self.generation), shape.fmt))

    def around(self) -> AbstractContextManager[Any]:
        """The generation's cores carry the sums of products."""
        return precision.running(Precision(accumulator=self.generation))


class Noted:
    """A backend that keeps a checksum of the codes that it is given."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.inputs = hashlib.sha256()

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._backend, name)
        if name not in ("leaf", "labels", "cast", "sums_of_products", "half_product"):
            return asked

        def note(given: Any, *more: Any, **options: Any) -> Any:
            named = given if isinstance(given, np.ndarray) else np.frombuffer(repr(given).encode(), np.uint8)
            self.inputs.update(named.astype(named.dtype.newbyteorder("<"), copy=False).tobytes())
            return asked(given, *more, **options)

        return note


class Compared(NamedTuple):
    """Two backends' answers of one kind, side by side."""

    elements: int
    differing: int  # elements with other bits; any NaN counts as any other
    worst_ulp: int  # how many numbers of the format two answers lie apart at most
    of_largest: float  # how far they lie apart at most, in ulp of the largest finite element
    places: list[int]  # of the first few that differ


def compare(told: Answer, made: Answer, most: int = 5) -> Compared:
    """What differs between two answers.

    Raises ValueError for two formats or two shapes.
    """
    if told.fmt != made.fmt or told.codes.shape != made.codes.shape:
        sides = (f"{each.fmt} of shape {each.codes.shape}" for each in (told, made))
        raise ValueError(f"these answers are not of one kind: {', '.join(sides)}")
    fmt = as_format(told.fmt)
    first, second = (canonical(each.codes.reshape(-1), fmt) for each in (told, made))
    places = np.flatnonzero(first != second)
    worst, of_largest = 0, 0.0
    if places.size:
        worst = int(np.abs(steps(first[places], fmt) - steps(second[places], fmt)).max())
        of_largest = _of_largest(first, second, places, fmt)
    return Compared(first.size, places.size, worst, of_largest, places[:most].tolist())


def _of_largest(first: Codes, second: Codes, places: NDArray[np.intp], fmt: Format) -> float:
    """The largest difference in ulp of the largest element; that of float32 where one of two is no number."""
    values = decode(first, fmt).astype(np.float64)
    sizes = np.abs(values[np.isfinite(values)])
    largest = sizes.max() if sizes.size else 0.0
    with np.errstate(invalid="ignore"):
        apart = np.abs(values[places] - decode(second[places], fmt)).max()
    return (
        float(apart / ulp(largest or fmt.smallest_subnormal, fmt))
        if np.isfinite(apart)
        else float(np.finfo(np.float32).max)
    )


def canonical(codes: Codes, fmt: Format) -> Codes:
    """The codes, with one NaN for all."""
    sign = fmt.bits - 1
    largest = int(encode(np.inf if fmt.infinities else fmt.max, fmt))
    one = codes.dtype.type((1 << sign) - 1)
    return np.where((codes & one) > largest, one, codes)


def steps(codes: Codes, fmt: Format) -> NDArray[np.int64]:
    """How many numbers of the format each lies above zero: neighbours are 1 apart, and both zeros the same."""
    size = (codes & codes.dtype.type((1 << fmt.bits - 1) - 1)).astype(np.int64)
    return np.asarray(np.where(codes >> codes.dtype.type(fmt.bits - 1), -size, size))


def checksum(answer: Answer) -> str:
    """SHA-256 of the codes, with one NaN for all."""
    codes = canonical(answer.codes, as_format(answer.fmt))
    return hashlib.sha256(np.ascontiguousarray(codes, codes.dtype.newbyteorder("<")).tobytes()).hexdigest()
