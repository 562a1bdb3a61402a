"""Products whose sums are made along a tree, by a tensor core or one addition after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.accumulation import Accumulator, SequentialSum
from simfp.formats import Format, as_format
from simfp.kernels.sum_programs import GO_ON, MERGE, OPEN
from simfp.probing.trees import Tree, steps_of
from simfp.rounding import round_array
from simfp.tensor_core import Generation, TensorCore
from simfp.typing import FormatLike

__all__ = ["product_along"]


def product_along(
    tree: Tree,
    a: NDArray[Any],
    b: NDArray[Any],
    fmt: FormatLike,
    accumulator: Accumulator,
    *,
    reduction: Any = None,
    kept: Any = None,
    apart: bool = False,
) -> NDArray[np.float64]:
    """The product of (M, K) and (K, N) values of `fmt`, its sums made along `tree`.

    accumulator: a TensorCore, a Generation, or a SequentialSum.
    reduction: of a tensor core: the format in which sums of sums are added, to nearest; that of its accumulator if not
        given.
    kept: of a tensor core: the format that each part of a split sum is rounded to before; `reduction` if not given.
        The first one is then rounded to `reduction`, too, and the others are added to it.
    apart: of a SequentialSum: whether a term that is added to a sum of sums is a part of its own, its product rounded
        before; else it goes on, in one fma where there are such. No mask can tell the one from the other.

    Raises TypeError for another accumulator.
    """
    fmt = as_format(fmt)
    if isinstance(accumulator, Generation):
        accumulator = accumulator.core(fmt)
    if isinstance(accumulator, TensorCore):
        wide = accumulator.format if reduction is None else as_format(reduction)
        return _core_along(tree, a, b, fmt, accumulator, wide, wide if kept is None else as_format(kept))
    if not isinstance(accumulator, SequentialSum):
        raise TypeError(f"only a tensor core or a SequentialSum goes along a tree, got {accumulator!r}")
    lines: list[tuple[int, int, int, int]] = []
    places: list[int] = []
    height = _program(tree if isinstance(tree, tuple) else (tree,), lines, places, 0, apart)
    return accumulator.along(np.array(lines), height, a[:, places], b[places])


def _program(
    node: tuple[Tree, ...], lines: list[tuple[int, int, int, int]], places: list[int], below: int, apart: bool
) -> int:
    """Adds the instructions that sum one tree, and its terms; how many partial sums there are at most."""
    chain, sums = steps_of(node)
    height = below + 1
    for number, each in enumerate(sums):
        height = max(height, _program(each, lines, places, below + (number > 0), apart))
        if number:
            lines.append((MERGE, 0, 0, 1))
    first = len(places)
    places.extend(term for step in chain for term in step)
    if sums and apart:
        for place in range(first, len(places)):
            lines += [(OPEN, place, place + 1, 1), (MERGE, 0, 0, 1)]
        height = max(height, below + 1 + bool(chain))
    elif chain:
        lines.append((GO_ON if sums else OPEN, first, len(places), 1))
    return height


def _core_along(
    tree: Tree, a: NDArray[Any], b: NDArray[Any], fmt: Format, core: TensorCore, reduction: Format, kept: Format
) -> NDArray[np.float64]:
    chain, sums = steps_of(tree if isinstance(tree, tuple) else (tree,))
    start = None
    for each in sums:
        made = _core_along(each, a, b, fmt, core, reduction, kept)
        is_part = bool(steps_of(each)[0]) if isinstance(each, tuple) else True
        made = round_array(made, kept if is_part else reduction)
        start = round_array(made if start is None else start + made, reduction)
    if not chain:
        assert start is not None
        return start
    places = [term for step in chain for term in step]
    ends = np.cumsum([len(step) for step in chain])
    steps = np.stack([np.concatenate([[0], ends[:-1]]), ends], axis=1).astype(np.int64)
    return core.along(a[:, places], b[places], steps, fmt, start)
