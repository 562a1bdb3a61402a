"""MultiheadAttention, step by step as torch takes it on its default path."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simfp.arrays import Array, array
from simfp.autograd import Tensor, as_tensor
from simfp.devices import DeviceLike
from simfp.formats import Format
from simfp.nn import functional, init
from simfp.nn.linear import Linear, empty
from simfp.nn.module import Module
from simfp.randomness import Chance, generator
from simfp.typing import FormatLike

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attention of several heads, each in embed_dim / num_heads dimensions (Vaswani et al., 2017).

    in_proj_weight: (3 embed_dim, embed_dim), for query, key and value; out_proj: a Linear. They begin as torch's do.
    torch's add_bias_kv, add_zero_attn, and keys and values of other dimensions, are not there. Nor is the fused kernel
    that torch takes in `eval` without gradients: its values may differ by some ulps.

    Raises ValueError for dimensions below 1, AssertionError where num_heads does not divide embed_dim.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: DeviceLike | None = None,
        dtype: FormatLike | None = None,
        *,
        rng: Chance = None,
    ) -> None:
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                f"num_heads={num_heads} instead"
            )
        if embed_dim % num_heads:
            raise AssertionError("embed_dim must be divisible by num_heads")
        if add_bias_kv or add_zero_attn or not {kdim, vdim} <= {None, embed_dim}:
            raise NotImplementedError(
                "add_bias_kv, add_zero_attn, and kdim or vdim other than embed_dim are not computed"
            )
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.dropout, self.batch_first = dropout, batch_first
        chance = generator(rng)
        self.in_proj_weight = empty(3 * embed_dim, embed_dim, dtype=dtype)
        self.register_parameter("in_proj_bias", empty(3 * embed_dim, dtype=dtype) if bias else None)
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype=dtype, rng=chance)
        init.xavier_uniform_(self.in_proj_weight, generator=chance)
        if bias:
            init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The attention's output, and its weights if `need_weights`, averaged over heads or of each.

        query: (L, N, E); key, value: (S, N, E); N first with `batch_first`, and none at all without a batch.
        key_padding_mask: (N, S), and attn_mask: (L, S) or (N heads, L, S): truth values, True where nothing is looked
        at, or numbers to be added. Weights: (N, L, S) or (N, heads, L, S).

        Raises RuntimeError for a mask of another shape, and for `is_causal`, a hint, without an `attn_mask`.
        """
        same_key, same_value = key is query, value is key
        q = as_tensor(query)
        k = q if same_key else as_tensor(key)
        v = k if same_value else as_tensor(value)
        batched = self._check(q, k, v)
        fmt = q.dtype
        if not batched:
            q, k, v = (each.unsqueeze(1) for each in (q, k, v))
        elif self.batch_first:
            q, k, v = (each.transpose(0, 1) for each in (q, k, v))
        (rows, batch, _), columns = q.shape, k.shape[0]
        if is_causal and attn_mask is None:
            raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
        by_hint = is_causal and key_padding_mask is None and not need_weights
        mask = None if by_hint else self._mask(attn_mask, key_padding_mask, (batch, rows, columns), fmt)

        queries, keys, values = self._heads(q, k, v, same_key, same_value)
        share = self.dropout if self.training else 0.0
        if need_weights:
            out, weights = self._explicit(queries, keys, values, mask, share)
        else:
            out = functional.scaled_dot_product_attention(queries, keys, values, mask, share, by_hint, rng=generator())
            weights = None
        out = out.permute(2, 0, 1, 3).reshape(rows * batch, self.embed_dim)
        out = self.out_proj(out).reshape(rows, batch, self.embed_dim)
        if weights is not None and average_attn_weights:
            weights = weights.mean(1)
        if not batched:
            return out.squeeze(1), None if weights is None else weights.squeeze(0)
        return (out.transpose(0, 1) if self.batch_first else out), weights

    def _check(self, q: Tensor, k: Tensor, v: Tensor) -> bool:
        """Whether there is a batch; errors for shapes that do not fit."""
        if q.ndim not in (2, 3):
            raise AssertionError(
                f"query should be unbatched 2D or batched 3D tensor but received {q.ndim}-D query tensor"
            )
        if k.ndim != q.ndim or v.ndim != q.ndim:
            kind = "batched (3-D)" if q.ndim == 3 else "unbatched (2-D)"
            raise AssertionError(
                f"For {kind} `query`, expected `key` and `value` to be {q.ndim}-D "
                f"but found {k.ndim}-D and {v.ndim}-D tensors respectively"
            )
        if q.shape[-1] != self.embed_dim:
            raise AssertionError(f"was expecting embedding dimension of {self.embed_dim}, but got {q.shape[-1]}")
        if k.shape != v.shape:
            raise AssertionError(f"key shape {k.shape} does not match value shape {v.shape}")
        return q.ndim == 3

    def _heads(self, q: Tensor, k: Tensor, v: Tensor, same_key: bool, same_value: bool) -> list[Tensor]:
        """Query, key and value projected, as (N, heads, length, head_dim): in one product where they are the same."""
        size, weight, bias = self.embed_dim, self.in_proj_weight, self.in_proj_bias

        def projected(x: Tensor, first: int, last: int) -> list[Tensor]:
            whole = (first, last) == (0, 3)
            rows = slice(first * size, last * size)
            part = weight if whole else weight[rows]
            added = bias if whole or bias is None else bias[rows]
            product = functional.linear(x, part, added)
            return [product[..., i * size : (i + 1) * size] for i in range(last - first)]

        if same_key and same_value:
            parts = projected(q, 0, 3)
        elif same_value:
            parts = projected(q, 0, 1) + projected(k, 1, 3)
        else:
            parts = projected(q, 0, 1) + projected(k, 1, 2) + projected(v, 2, 3)
        return [each.reshape(each.shape[0], -1, self.num_heads, self.head_dim).permute(1, 2, 0, 3) for each in parts]

    def _explicit(self, q: Tensor, k: Tensor, v: Tensor, mask: Array | None, share: float) -> tuple[Tensor, Tensor]:
        """softmax(q k^T / sqrt(head_dim) + mask) v and the weights, each operation as autocast has it.

        torch adds the mask inside of the product, before it is rounded; for 0 and -inf that is the same.
        """
        scores = (q * math.sqrt(1.0 / self.head_dim)) @ k.transpose(-2, -1)
        if mask is not None:
            scores = scores + mask.astype(scores.dtype)
        weights = functional.softmax(scores, -1)
        if share > 0:
            weights = functional.dropout(weights, share, rng=generator())
        return weights @ v, weights

    def _mask(self, attn: Any, padding: Any, shape: tuple[int, int, int], fmt: Format) -> Array | None:
        """Both masks together, to be added to the scores (N, heads, L, S)."""
        batch, rows, columns = shape
        total = None
        if attn is not None:
            added = _added("attn_mask", attn, fmt)
            wanted = (rows, columns) if added.ndim == 2 else (batch * self.num_heads, rows, columns)
            if added.shape != wanted:
                raise RuntimeError(
                    f"The shape of the {added.ndim}D attn_mask is {added.shape}, but should be {wanted}."
                )
            total = added if added.ndim == 2 else added.reshape(batch, self.num_heads, rows, columns)
        if padding is not None:
            added = _added("key_padding_mask", padding, fmt)
            added = added[None] if added.ndim == 1 else added
            if added.shape != (batch, columns):
                raise AssertionError(f"Expected key_padding_mask of shape {(batch, columns)}, but got {added.shape}")
            added = added.reshape(batch, 1, 1, columns)
            total = added if total is None else total + added
        return total


def _added(name: str, mask: Any, fmt: Format) -> Array:
    """A mask as numbers to be added: -inf where it is True."""
    plain: NDArray[Any] | Array = mask.data if isinstance(mask, Tensor) else mask
    if isinstance(plain, Array):
        return plain
    plain = np.asarray(plain)
    if plain.dtype == bool:
        return array(np.where(plain, -np.inf, 0.0), fmt)
    if plain.dtype.kind not in "fV":
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return array(plain, fmt)
