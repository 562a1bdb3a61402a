"""Attention, as torch.nn.functional has it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from simfp import observe, precision
from simfp.arrays import Array
from simfp.autograd import Tensor, apply, as_tensor
from simfp.autograd import functions as of
from simfp.elementwise import MEET_IN_FLOAT32
from simfp.nn.functional.activations import dropout
from simfp.ops import OPERATIONS
from simfp.randomness import Chance

__all__ = ["scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    *,
    rng: Chance = None,
) -> Tensor:
    """softmax(query key^T scale + mask) value, step by step as torch's math backend takes them.

    query: (..., L, E); key: (..., S, E); value: (..., S, F). attn_mask: truth values, False where nothing is looked at,
    or numbers to be added. scale: 1 / sqrt(E) if not given; its root multiplies query and key each. Inputs of 16 bits
    are widened first, so that only the result is rounded to their format. A row with all of its keys masked gives 0.

    Raises RuntimeError for a mask beside `is_causal`.
    """
    if attn_mask is not None and is_causal:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    q, k, v = (as_tensor(each) for each in (query, key, value))
    now = precision.current()
    given = {"query": q, "key": k, "value": v}
    with observe.of_whole("scaled_dot_product_attention", given, autocast=now.autocast, fmt=now.dtype):
        return _attention(q, k, v, attn_mask, dropout_p, is_causal, scale, rng)


def _attention(
    q: Tensor, k: Tensor, v: Tensor, attn_mask: Any, dropout_p: float, is_causal: bool, scale: float | None, rng: Any
) -> Tensor:
    now = precision.current()
    if now.autocast:  # as a whole it is an operation of the 16-bit list; nothing inside is
        q, k, v = (each.to(now.dtype) if each.dtype in MEET_IN_FLOAT32 else each for each in (q, k, v))
    with precision.running(replace(now, autocast=False)):
        fmt = q.dtype
        if fmt in MEET_IN_FLOAT32:
            q, k, v = q.float(), k.float(), v.float()
        root = math.sqrt(1 / math.sqrt(q.shape[-1]) if scale is None else abs(scale))
        scores = (q * (-root if scale is not None and scale < 0 else root)) @ (k.mT * root)
        if is_causal:
            attn_mask = np.tri(*scores.shape[-2:], dtype=bool)
        shares = _safe_softmax(scores, attn_mask)
        if dropout_p:
            shares = dropout(shares, dropout_p, rng=rng)
        return (shares @ v).to(fmt)


def _safe_softmax(scores: Tensor, mask: Any) -> Tensor:
    """softmax over the last axis of what the mask leaves; 0 in rows of which it leaves nothing."""
    if mask is None:
        return of.softmax(scores, -1)
    looked_at = mask._data if isinstance(mask, Tensor) else mask
    if isinstance(looked_at, np.ndarray) and looked_at.dtype == bool:
        mask = Array(np.where(looked_at, 0.0, -np.inf), scores.dtype)
    return apply(OPERATIONS["_safe_softmax"], scores + mask, -1)
