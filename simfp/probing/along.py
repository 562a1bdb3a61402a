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
    partial_dtype: Any = None,
    apart: bool = False,
) -> NDArray[np.float64]:
    """The product of (M, K) and (K, N) values of `fmt`, its sums made along `tree`.

    accumulator: a TensorCore, a Generation, or a SequentialSum.
    reduction: of a tensor core: the format in which partial sums are added, to nearest; that of its accumulator if not
        given.
    partial_dtype: of a tensor core: the format that each partial sum of a split K is rounded to before; `reduction` if
        not given. The first one is then rounded to `reduction`, too, and the others are added to it.
    apart: of a SequentialSum: whether a term that is added to a sum of sums is a partial sum of its own, its product
        rounded before; else it is accumulated by one fma where there are such. No mask distinguishes the two.

    Raises TypeError for another accumulator.
    """
    fmt = as_format(fmt)
    if isinstance(accumulator, Generation):
        accumulator = accumulator.core(fmt)
    if isinstance(accumulator, TensorCore):
        wide = accumulator.format if reduction is None else as_format(reduction)
        partial = wide if partial_dtype is None else as_format(partial_dtype)
        return _core_along(tree, a, b, fmt, accumulator, wide, partial)
    if not isinstance(accumulator, SequentialSum):
        raise TypeError(f"only a tensor core or a SequentialSum adds along a tree, got {accumulator!r}")
    program: list[tuple[int, int, int, int]] = []
    terms: list[int] = []
    height = _program(tree if isinstance(tree, tuple) else (tree,), program, terms, 0, apart)
    return accumulator.along(np.array(program), height, a[:, terms], b[terms])


def _program(
    node: tuple[Tree, ...], program: list[tuple[int, int, int, int]], terms: list[int], below: int, apart: bool
) -> int:
    """Adds the instructions that sum one tree, and its terms; how many partial sums there are at most."""
    chain, sums = steps_of(node)
    height = below + 1
    for number, each in enumerate(sums):
        height = max(height, _program(each, program, terms, below + (number > 0), apart))
        if number:
            program.append((MERGE, 0, 0, 1))
    first = len(terms)
    terms.extend(term for step in chain for term in step)
    if sums and apart:
        for index in range(first, len(terms)):
            program += [(OPEN, index, index + 1, 1), (MERGE, 0, 0, 1)]
        height = max(height, below + 1 + bool(chain))
    elif chain:
        program.append((GO_ON if sums else OPEN, first, len(terms), 1))
    return height


def _core_along(
    tree: Tree, a: NDArray[Any], b: NDArray[Any], fmt: Format, core: TensorCore, reduction: Format, partial: Format
) -> NDArray[np.float64]:
    chain, sums = steps_of(tree if isinstance(tree, tuple) else (tree,))
    start = None
    for each in sums:
        added = _core_along(each, a, b, fmt, core, reduction, partial)
        is_partial_sum = bool(steps_of(each)[0]) if isinstance(each, tuple) else True
        added = round_array(added, partial if is_partial_sum else reduction)
        start = round_array(added if start is None else start + added, reduction)
    if not chain:
        assert start is not None
        return start
    terms = [term for step in chain for term in step]
    ends = np.cumsum([len(step) for step in chain])
    steps = np.stack([np.concatenate([[0], ends[:-1]]), ends], axis=1).astype(np.int64)
    return core.along(a[:, terms], b[terms], steps, fmt, start)
