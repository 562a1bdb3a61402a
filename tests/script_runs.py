"""The scripts of `tests/scripts`, run as they are under torch, and under simfp with their import lines changed.

Both sides draw the same numbers: where torch would draw a first weight, a batch or noise, `numpys_chance` puts what
simfp draws, from the same generator of NumPy in the same order. simfp itself runs as it always does. Nothing here
imports simfp before it is asked to run, so that a machine with a GPU needs torch and NumPy only.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

FOLDER = Path(__file__).parent / "scripts"
SCRIPTS = tuple(sorted(path.stem for path in FOLDER.glob("*.py")))
MIXED = tuple(name for name in SCRIPTS if name.startswith("mixed_precision"))
DIGITS = Path(__file__).parents[1] / "simfp" / "experiments" / "training" / "data" / "digits.npz"

FROM = re.compile(r"^(\s*from )torch((?:\.\w+)* import .*)$")
IMPORT = re.compile(r"^(\s*import )torch((?:\.\w+)*)( as \w+)?$")


class Outcome(NamedTuple):
    """What a script came to."""

    lists: dict[str, list[float]]  # every list of floats among its names: losses, norms, learning rates, scales
    printed: str
    warned: list[str]  # the kinds of warnings, each once
    names: dict[str, Any]  # all that it left behind


def source(name: str) -> str:
    """The text of a script."""
    return (FOLDER / f"{name}.py").read_text()


def for_simfp(text: str) -> str:
    """A script with its import lines changed, and nothing else: wherever one says torch, simfp.torchlike stands."""
    return "".join(map(_line_for_simfp, text.splitlines(keepends=True)))


def _line_for_simfp(line: str) -> str:
    if found := FROM.match(line.rstrip("\n")):
        return f"{found[1]}simfp.torchlike{found[2]}\n"
    if found := IMPORT.match(line.rstrip("\n")):
        start, below, name = found.groups()
        return f"{start}simfp.torchlike{below if name else ''}{name or ' as torch'}\n"
    return line


def run(text: str, folder: Path, name: str = "script") -> Outcome:
    """Runs a script in a folder that has the digits in it.

    Raises AssertionError for one that leaves no `losses`; whatever it raises itself.
    """
    (folder / "digits.npz").write_bytes(DIGITS.read_bytes())
    names: dict[str, Any] = {"__name__": "__main__", "__file__": f"{name}.py"}
    printed = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        exec(compile(text, f"{name}.py", "exec"), names)
    kept = {key: value for key, value in names.items() if _is_measured(value)}
    assert "losses" in kept, f"{name} keeps no list called `losses`"
    return Outcome(kept, printed.getvalue(), sorted({each.category.__name__ for each in told}), names)


def _is_measured(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(each) is float for each in value)


def under_torch(name: str, folder: Path) -> Outcome:
    """A script as it is, under torch, with simfp's random numbers."""
    with numpys_chance():
        return run(source(name), folder, name)


def under_simfp(name: str, folder: Path, accumulator: Any = None) -> Outcome:
    """A script under simfp. accumulator: what carries its sums of products (see `simfp.amp.accumulating`)."""
    from simfp import nn
    from simfp.amp import accumulating

    nn.manual_seed(0)
    with accumulating(accumulator):
        return run(for_simfp(source(name)), folder, name)


def checksum(values: Any) -> str:
    """SHA-256 of an array."""
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


# --- torch with NumPy's chance


class Generator:
    """torch.Generator, over one of NumPy's."""

    def __init__(self, device: Any = "cpu") -> None:
        self.numpy = np.random.default_rng()

    def manual_seed(self, seed: int) -> Generator:
        """Starts anew."""
        self.numpy = np.random.default_rng(seed)
        return self


_shared = np.random.default_rng(0)


@contextlib.contextmanager
def numpys_chance(seed: int = 0) -> Iterator[None]:
    """Within this context torch draws what simfp draws: see `simfp.torchlike.chance`."""
    import torch
    import torch.nn.functional as F
    from torch.utils.data import dataset

    def start(seed: int) -> None:
        _shared.bit_generator.state = np.random.default_rng(seed).bit_generator.state

    def source_of(generator: Any) -> np.random.Generator:
        return generator.numpy if isinstance(generator, Generator) else _shared

    def below(high: float, shape: Any, rng: np.random.Generator) -> Any:
        return rng.integers(0, 2**24, shape) / 2.0**24 * high

    def made(draw: Callable[..., Any], dtype: Any = torch.float32) -> Callable[..., Any]:
        def function(*size: Any, generator: Any = None, dtype: Any = dtype, device: Any = None, **options: Any) -> Any:
            shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
            values = draw(source_of(generator), shape)
            return torch.tensor(values, dtype=dtype, device=device, **options)

        return function

    def like(draw: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x, **options: torch.tensor(
            draw(_shared, tuple(x.shape)), **{"dtype": x.dtype, "device": x.device} | options
        )

    def filled(draw: Callable[..., Any]) -> Callable[..., Any]:
        def method(x: Any, *args: Any, generator: Any = None, **named: Any) -> Any:
            values = draw(source_of(generator), tuple(x.shape), *args, **named)
            return x.copy_(torch.tensor(values, dtype=x.dtype, device=x.device))

        return method

    def randint(*args: Any, generator: Any = None, dtype: Any = torch.int64, device: Any = None, **named: Any) -> Any:
        *bounds, size = [*args, *named.values()]
        low, high = bounds if len(bounds) == 2 else (0, *bounds)
        return torch.tensor(source_of(generator).integers(low, high, tuple(size)), dtype=dtype, device=device)

    def randperm(n: int, *, generator: Any = None, device: Any = None, **_: Any) -> Any:
        return torch.tensor(source_of(generator).permutation(n), device=device)

    def dropout(x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
        if not training or p == 0:
            return x
        kept = torch.tensor(_shared.random(tuple(x.shape)) >= p, device=x.device)
        return x * kept.to(x.dtype).div_(1 - p)

    def random_(x: Any, **named: Any) -> Any:
        """A seed: a sampler's, for a generator of its own; or a loader's, for workers, of which there are none."""
        return x.fill_(0 if "generator" in named else int(_shared.integers(0, 2**63)))

    def get_rng_state() -> Any:
        return torch.tensor(list(json.dumps(_shared.bit_generator.state).encode()), dtype=torch.uint8)

    def set_rng_state(state: Any) -> None:
        _shared.bit_generator.state = json.loads(bytes(state.tolist()))

    def normal(rng: np.random.Generator, shape: Any, mean: float = 0.0, std: float = 1.0) -> Any:
        return rng.normal(mean, std, shape)

    def uniform(rng: np.random.Generator, shape: Any, a: float = 0.0, b: float = 1.0) -> Any:
        return rng.uniform(a, b, shape)

    randn = made(lambda rng, shape: rng.standard_normal(shape))
    rand = made(lambda rng, shape: below(1, shape, rng))
    # fmt: off
    replaced: list[tuple[Any, dict[str, Any]]] = [
        (torch, {
            "manual_seed": start, "Generator": Generator, "randn": randn, "rand": rand, "randint": randint,
            "randperm": randperm, "get_rng_state": get_rng_state, "set_rng_state": set_rng_state,
            "randn_like": like(lambda rng, shape: rng.standard_normal(shape)),
            "rand_like": like(lambda rng, shape: below(1, shape, rng)),
        }),
        (torch.Tensor, {
            "normal_": filled(normal), "uniform_": filled(uniform), "random_": random_,
        }),
        (F, {"dropout": dropout}),
        (dataset, {"randperm": randperm}),
    ]
    # fmt: on
    start(seed)
    threads = torch.get_num_threads()
    with contextlib.ExitStack() as stack:
        torch.set_num_threads(1)  # of tensors so small more are of no use, and wait for one another
        stack.callback(torch.set_num_threads, threads)
        for owner, functions in replaced:
            for key, function in functions.items():
                stack.enter_context(mock.patch.object(owner, key, function))
        yield
