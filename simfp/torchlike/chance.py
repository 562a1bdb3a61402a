"""Random numbers under torch's names: torch's distributions, but NumPy's numbers, from one shared generator.

The shared generator is that of `simfp.nn.manual_seed`, which first weights and dropout draw from too, so that
`manual_seed` starts everything anew, and `get_rng_state` is all that a resumed run needs to know of chance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp import randomness
from simfp.autograd import Tensor, as_tensor
from simfp.autograd.drawing import bernoulli, multinomial
from simfp.devices import as_device
from simfp.formats import Format
from simfp.integers import as_dtype
from simfp.randomness import Chance
from simfp.torchlike.factories import made, shape_of
from simfp.typing import DTypeLike

__all__ = [
    "Generator", "bernoulli", "default_generator", "get_rng_state", "initial_seed", "manual_seed", "multinomial",
    "normal", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "seed",
    "set_rng_state",
]  # fmt: skip

BYTES = 37  # of a state: PCG64's 16 of state and 16 of increment, and half a draw kept: 1 and 4


class Generator(np.random.Generator):
    """A source of random numbers of its own; a NumPy Generator, so that it goes wherever simfp takes one as `rng`.

    device: any that simfp knows; nothing depends on it.
    """

    def __init__(self, device: Any = "cpu") -> None:
        super().__init__(np.random.PCG64())
        self.device = as_device(device)
        self._seed = 0
        self.seed()

    def manual_seed(self, seed: int) -> Generator:
        """The generator itself, started anew."""
        self._seed = _checked(seed)
        self.bit_generator.state = np.random.PCG64(self._seed).state
        return self

    def seed(self) -> int:
        """Starts anew from a seed that the system's chance gives, and returns it."""
        self.manual_seed(int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> np.uint64(1)))
        return self._seed

    def initial_seed(self) -> int:
        """The seed that it was started from."""
        return self._seed

    def get_state(self) -> Tensor:
        """Where it stands, as a Tensor of bytes."""
        return as_tensor(_packed(self.bit_generator.state), "uint8")

    def set_state(self, state: Any) -> Generator:
        """The generator itself, brought to where one stood.

        Raises RuntimeError for what `get_state` did not give; the generator is then as it was.
        """
        self.bit_generator.state = _unpacked(state)
        return self


class _Shared(Generator):
    """The shared generator: over simfp.nn's own."""

    def __init__(self) -> None:
        np.random.Generator.__init__(self, randomness.generator().bit_generator)
        self.device, self._seed = as_device("cpu"), 0

    def __deepcopy__(self, memo: Any) -> Generator:
        return Generator().set_state(self.get_state())


default_generator = _Shared()


def _checked(seed: Any) -> int:
    if isinstance(seed, (bool, float)) or not hasattr(seed, "__index__"):
        raise TypeError(f"a seed is an integer, got {seed!r}")
    number = int(seed)
    if not -(2**63) <= number < 2**64:
        raise RuntimeError(f"Overflow when unpacking long: a seed lies from -2^63 to 2^64 - 1, got {number}")
    return number % 2**64


def _packed(state: Any) -> NDArray[np.uint8]:
    inner = state["state"]
    content = inner["state"].to_bytes(16, "little") + inner["inc"].to_bytes(16, "little")
    content += bytes([state["has_uint32"]]) + state["uinteger"].to_bytes(4, "little")
    return np.frombuffer(content, np.uint8).copy()


def _unpacked(state: Any) -> dict[str, Any]:
    given = np.asarray(state.detach().data if isinstance(state, Tensor) else state)
    if given.dtype != np.uint8 or given.shape != (BYTES,) or given[32] > 1:
        raise RuntimeError(
            f"RNG state must be the {BYTES} bytes (uint8) that simfp's get_rng_state gave, got {given.dtype} of shape "
            f"{given.shape}; torch's own states belong to another generator"
        )
    content = given.tobytes()
    inner = {"state": int.from_bytes(content[:16], "little"), "inc": int.from_bytes(content[16:32], "little")}
    return {
        "bit_generator": "PCG64",
        "state": inner,
        "has_uint32": content[32],
        "uinteger": int.from_bytes(content[33:], "little"),
    }


def manual_seed(seed: int) -> Generator:
    """The shared generator, started anew: first weights, dropout, batches and noise repeat. Not torch's numbers."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Starts the shared generator anew, from a seed that the system's chance gives, and returns it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the shared generator was started from; 0 if nobody has."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """Where the shared generator stands, as a Tensor of bytes: what a checkpoint keeps of chance."""
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Brings the shared generator to where it stood.

    Raises RuntimeError for what `get_rng_state` did not give.
    """
    default_generator.set_state(new_state)


# --- tensors of random numbers


def _source(generator: Any) -> np.random.Generator:
    if generator is not None and not isinstance(generator, np.random.Generator):
        raise TypeError(f"generator: expected a torch.Generator, got a {type(generator).__name__}")
    return randomness.generator(generator)


def _floating(dtype: Any) -> Format:
    fmt = as_dtype("float32" if dtype is None else dtype)
    if not isinstance(fmt, Format):
        raise NotImplementedError(f"random numbers of that distribution are no {fmt}; see randint")
    return fmt


def rand(*size: Any, generator: Chance = None, dtype: DTypeLike | None = None, **options: Any) -> Tensor:
    """Multiples of 2^-p from [0, 1), p being the format's precision, each as probable as the others.

    size: the shape, as numbers or one sequence. options: device, requires_grad.
    """
    fmt = _floating(dtype)
    steps = 2**fmt.precision
    return made(_source(generator).integers(0, steps, shape_of(size, options)) / steps, fmt, **options)


def randn(*size: Any, generator: Chance = None, dtype: DTypeLike | None = None, **options: Any) -> Tensor:
    """Numbers of the standard normal distribution.

    size: the shape, as numbers or one sequence. options: device, requires_grad.
    """
    fmt = _floating(dtype)
    return made(_source(generator).standard_normal(shape_of(size, options)), fmt, **options)


def randint(*bounds_and_size: Any, generator: Chance = None, dtype: DTypeLike | None = None, **options: Any) -> Tensor:
    """Integers: ``randint(high, size)`` from 0 to high - 1, ``randint(low, high, size)`` from low on; int64.

    Raises RuntimeError where there is none to choose from.
    """
    given = list(bounds_and_size)
    size = options.pop("size") if "size" in options else given.pop()
    named = [options.pop(name) for name in ("low", "high") if name in options]
    low, high = [0, *given, *named][-2:]
    if not int(low) < int(high):
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    values = _source(generator).integers(int(low), int(high), shape_of((size,), {}))
    return made(values, "int64" if dtype is None else dtype, **options)


def randperm(n: int, *, generator: Chance = None, dtype: DTypeLike | None = None, **options: Any) -> Tensor:
    """The integers from 0 to n - 1 in random order."""
    if int(n) < 0:
        raise RuntimeError(f"n must be non-negative, got {n}")
    return made(_source(generator).permutation(int(n)), "int64" if dtype is None else dtype, **options)


def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Chance = None, **options: Any) -> Tensor:
    """Numbers of normal distributions, their means and standard deviations given as numbers or Tensors."""
    centre, width = (as_tensor(each).detach() for each in (mean, std))
    shape = shape_of((size,), {}) if size is not None else np.broadcast_shapes(centre.shape, width.shape)
    if (width.data.values < 0).any():
        raise RuntimeError(f"normal expects all elements of std >= 0.0, got {std}")
    drawn = _source(generator).standard_normal(shape)
    fmt = options.pop("dtype", None)
    return made(centre.data.values + drawn * width.data.values, centre.dtype if fmt is None else fmt, **options)


def rand_like(input: Any, *, dtype: DTypeLike | None = None, **options: Any) -> Tensor:
    """As `rand`, in the shape and format of `input`."""
    return rand(*as_tensor(input).shape, dtype=as_tensor(input).dtype if dtype is None else dtype, **options)


def randn_like(input: Any, *, dtype: DTypeLike | None = None, **options: Any) -> Tensor:
    """As `randn`, in the shape and format of `input`."""
    return randn(*as_tensor(input).shape, dtype=as_tensor(input).dtype if dtype is None else dtype, **options)


def randint_like(input: Any, *bounds: Any, dtype: DTypeLike | None = None, **options: Any) -> Tensor:
    """As `randint`, in the shape and type of `input`."""
    x = as_tensor(input)
    return randint(*bounds, dtype=x.dtype if dtype is None else dtype, size=x.shape, **options)
