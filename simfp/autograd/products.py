"""Products of vectors, and of many tensors along named axes: torch's names, over `matmul`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from simfp.autograd.dispatch import apply
from simfp.autograd.shaping import permute, reshape
from simfp.autograd.tensor import Tensor, TensorLike, as_tensor
from simfp.ops import OPERATIONS

__all__ = ["dot", "einsum", "mv", "outer"]


def _multiplied(x: Any, y: Any) -> Tensor:
    return apply(OPERATIONS["matmul"], x, y)


def dot(x: TensorLike, y: TensorLike) -> Tensor:
    """The sum of products of two vectors, rounded once.

    Raises RuntimeError for other than vectors of one length.
    """
    left, right = as_tensor(x), as_tensor(y)
    if left.ndim != 1 or right.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {left.ndim}D and {right.ndim}D tensors")
    if left.shape != right.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{len(left)}] and src [{len(right)}] to have the same number "
            "of elements"
        )
    return _multiplied(left, right)


def mv(x: TensorLike, vector: TensorLike) -> Tensor:
    """The product of a matrix and a vector.

    Raises RuntimeError for other dimensions.
    """
    left, right = as_tensor(x), as_tensor(vector)
    if left.ndim != 2 or right.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {left.ndim}, {right.ndim}")
    return _multiplied(left, right)


def outer(x: TensorLike, y: TensorLike) -> Tensor:
    """The product of each value of one vector with each of another, as a matrix.

    Raises RuntimeError for other than vectors.
    """
    left, right = as_tensor(x), as_tensor(y)
    for word, given in (("self", left), ("vec2", right)):
        if given.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {word}, but got {given.ndim}-D")
    return apply(OPERATIONS["mul"], reshape(left, (-1, 1)), right)


def einsum(equation: str, *operands: Any) -> Tensor:
    """Products of tensors whose axes are named by letters, summed over the letters that the result has not.

    equation: such as ``"bqd,bkd->bqk"``; without the arrow, the result has the letters that stand once, in order.
    Pairs are taken from the left, each a batched `matmul` as in torch, so that each is rounded once.

    Raises RuntimeError for letters that do not fit the axes; "...", and a letter twice in one operand (a diagonal),
    are not taken.
    """
    tensors = [as_tensor(x) for x in (operands[0] if len(operands) == 1 and _many(operands[0]) else operands)]
    names, result = _parsed(equation, len(tensors))
    sizes: dict[str, int] = {}
    for place, (letters, x) in enumerate(zip(names, tensors)):
        if len(letters) != x.ndim:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(letters)}) does not match the number of "
                f"dimensions ({x.ndim}) for operand {place}"
            )
        for letter, length in zip(letters, x.shape):
            if sizes.setdefault(letter, length) not in (length, 1) and length != 1:
                raise RuntimeError(
                    f"einsum(): subscript {letter} has size {length} for operand {place} which does not broadcast with "
                    f"previously seen size {sizes[letter]}"
                )
            sizes[letter] = max(sizes[letter], length)
    letters, x = names[0], tensors[0]
    for place in range(1, len(tensors)):
        kept = set(result).union(*names[place + 1 :])
        x, letters = _pair(x, letters, tensors[place], names[place], kept)
    gone = [place for place, letter in enumerate(letters) if letter not in result]
    if gone:
        x = apply(OPERATIONS["sum"], x, tuple(gone))
        letters = "".join(letter for letter in letters if letter in result)
    return permute(x, tuple(letters.index(letter) for letter in result)) if letters != result else x


def _many(x: Any) -> bool:
    return isinstance(x, Sequence) and not isinstance(x, str)


def _parsed(equation: str, count: int) -> tuple[list[str], str]:
    left, arrow, result = equation.replace(" ", "").partition("->")
    names = left.split(",")
    if "." in equation:
        raise NotImplementedError("einsum(): '...' is not taken; name every axis, or use matmul")
    for letters in (*names, result):
        if not all(letter.isascii() and letter.isalpha() for letter in letters):
            raise RuntimeError(f"einsum(): invalid subscripts {letters!r}; they are letters from a to z and A to Z")
        if len(set(letters)) < len(letters):
            raise NotImplementedError(f"einsum(): a letter twice in {letters!r} is not taken")
    if len(names) != count:
        raise RuntimeError(f"einsum(): the equation names {len(names)} operands, but {count} were given")
    if not arrow:
        result = "".join(sorted(letter for letter in set(left) - {","} if left.count(letter) == 1))
    for letter in result:
        if letter not in left:
            raise RuntimeError(
                f"einsum(): output subscript {letter} does not appear in the equation for any input operand"
            )
    return names, result


def _pair(x: Tensor, left: str, y: Tensor, right: str, kept: set[str]) -> tuple[Tensor, str]:
    """Two operands as one: summed over letters that neither the result nor a later operand has."""
    x, left = _summed_alone(x, left, set(right) | kept)
    y, right = _summed_alone(y, right, set(left) | kept)
    both = [letter for letter in left if letter in right]
    batch = [letter for letter in both if letter in kept]
    over = [letter for letter in both if letter not in kept]
    rows, columns = [each for each in left if each not in right], [each for each in right if each not in left]
    lengths = {letter: max(dict(zip(left, x.shape)).get(letter, 1), dict(zip(right, y.shape)).get(letter, 1))
               for letter in {*left, *right}}  # fmt: skip

    def laid_out(z: Tensor, letters: str, *groups: list[str]) -> Tensor:
        moved = permute(z, tuple(letters.index(letter) for group in groups for letter in group))
        wide = moved.expand(tuple(lengths[letter] for group in groups for letter in group))
        return reshape(wide, tuple(math.prod(lengths[letter] for letter in group) for group in groups))

    product = _multiplied(laid_out(x, left, batch, rows, over), laid_out(y, right, batch, over, columns))
    order = [*batch, *rows, *columns]
    return reshape(product, tuple(lengths[letter] for letter in order)), "".join(order)


def _summed_alone(x: Tensor, letters: str, wanted: set[str]) -> tuple[Tensor, str]:
    gone = tuple(place for place, letter in enumerate(letters) if letter not in wanted)
    if not gone:
        return x, letters
    return apply(OPERATIONS["sum"], x, gone), "".join(letter for letter in letters if letter in wanted)
