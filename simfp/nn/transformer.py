"""The layers of Transformers (Vaswani et al., 2017), step by step as torch takes them on its default path."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from simfp.autograd import Tensor, as_tensor
from simfp.devices import DeviceLike
from simfp.nn import functional, init
from simfp.nn.activations import Dropout
from simfp.nn.attention import MultiheadAttention
from simfp.nn.containers import ModuleList
from simfp.nn.linear import Linear
from simfp.nn.module import Module
from simfp.nn.normalization import LayerNorm
from simfp.typing import FormatLike

__all__ = [
    "Transformer", "TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder", "TransformerEncoderLayer",
]  # fmt: skip

ACTIVATIONS: dict[str, Callable[[Any], Tensor]] = {"relu": functional.relu, "gelu": functional.gelu}


class _Layer(Module):
    """What both kinds of layers have: attention, a network of two linear maps, norms and dropouts."""

    def _set_up(
        self, attentions: int, d_model: int, nhead: int, dim_feedforward: int, dropout: float, activation: Any,
        layer_norm_eps: float, batch_first: bool, norm_first: bool, bias: bool, dtype: Any,
    ) -> None:  # fmt: skip
        for name in ("self_attn", "multihead_attn")[:attentions]:
            setattr(self, name, MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, dtype=dtype))
        self.linear1 = Linear(d_model, dim_feedforward, bias, dtype=dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, dtype=dtype)
        self.norm_first = norm_first
        for number in range(1, attentions + 2):
            setattr(self, f"norm{number}", LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype))
        for number in range(1, attentions + 2):
            setattr(self, f"dropout{number}", Dropout(dropout))
        if isinstance(activation, str):
            if activation not in ACTIVATIONS:
                raise RuntimeError(f"activation should be relu/gelu, not {activation}")
            activation = ACTIVATIONS[activation]
        self.activation = activation

    def _through(self, x: Tensor, parts: list[Callable[[Tensor], Tensor]]) -> Tensor:
        """`x` plus what each part makes of it, normalized before (`norm_first`) or after."""
        for number, part in enumerate(parts, 1):
            norm = getattr(self, f"norm{number}")
            x = x + part(norm(x)) if self.norm_first else norm(x + part(x))
        return x

    def _attended(self, name: str, number: int, q: Any, kv: Any, mask: Any, padding: Any, causal: bool) -> Tensor:
        attention = getattr(self, name)
        made = attention(q, kv, kv, key_padding_mask=padding, need_weights=False, attn_mask=mask, is_causal=causal)
        dropped: Tensor = getattr(self, f"dropout{number}")(made[0])
        return dropped

    def _fed_forward(self, number: int, x: Any) -> Tensor:
        hidden = self.dropout(self.activation(self.linear1(x)))
        made: Tensor = getattr(self, f"dropout{number}")(self.linear2(hidden))
        return made


class TransformerEncoderLayer(_Layer):
    """Self-attention and a network, each added to its input, and layer norms.

    Nor is the fused kernel that torch takes in `eval` without gradients followed: its values may differ by some ulps.

    Raises RuntimeError for an activation that is neither a function nor "relu" or "gelu".
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = functional.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: DeviceLike | None = None,
        dtype: FormatLike | None = None,
    ) -> None:
        super().__init__()
        options = (dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, dtype)
        self._set_up(1, d_model, nhead, *options)

    def forward(
        self, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False
    ) -> Tensor:
        """(L, N, d_model), or (N, L, d_model) with `batch_first`, to the same; masks as in `MultiheadAttention`."""
        return self._through(as_tensor(src), [
            lambda x: self._attended("self_attn", 1, x, x, src_mask, src_key_padding_mask, is_causal),
            lambda x: self._fed_forward(2, x),
        ])  # fmt: skip


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to what an encoder gave, and a network, each added to its input, and layer norms."""

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = functional.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: DeviceLike | None = None,
        dtype: FormatLike | None = None,
    ) -> None:
        super().__init__()
        options = (dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, dtype)
        self._set_up(2, d_model, nhead, *options)

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Two of (L, N, d_model), or (N, L, d_model) with `batch_first`, to the first's shape."""
        given = as_tensor(memory)
        cross = (memory_mask, memory_key_padding_mask, memory_is_causal)
        return self._through(as_tensor(tgt), [
            lambda x: self._attended("self_attn", 1, x, x, tgt_mask, tgt_key_padding_mask, tgt_is_causal),
            lambda x: self._attended("multihead_attn", 2, x, given, *cross),
            lambda x: self._fed_forward(3, x),
        ])  # fmt: skip


class TransformerEncoder(Module):
    """Copies of an encoder layer, one after the other, and a norm after them if one is given.

    enable_nested_tensor, mask_check: taken for torch's sake.
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = ModuleList([deepcopy(encoder_layer) for _ in range(num_layers)])
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self, src: Any, mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool | None = None
    ) -> Tensor:
        """As the layers."""
        x = src
        for layer in self.layers:
            x = layer(x, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=bool(is_causal))
        return x if self.norm is None else self.norm(x)  # type: ignore[no-any-return]


class TransformerDecoder(Module):
    """Copies of a decoder layer, one after the other, and a norm after them if one is given."""

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = ModuleList([deepcopy(decoder_layer) for _ in range(num_layers)])
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """As the layers."""
        x = tgt
        for layer in self.layers:
            x = layer(
                x, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask, bool(tgt_is_causal),
                memory_is_causal,
            )  # fmt: skip
        return x if self.norm is None else self.norm(x)  # type: ignore[no-any-return]


class Transformer(Module):
    """An encoder and a decoder; weights of more than one axis begin by Xavier's uniform distribution.

    Raises RuntimeError for inputs that do not fit one another.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = functional.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: DeviceLike | None = None,
        dtype: FormatLike | None = None,
    ) -> None:
        super().__init__()
        options = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)

        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*options, dtype=dtype), num_encoder_layers, norm()
        )
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*options, dtype=dtype), num_decoder_layers, norm()
        )
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def forward(
        self,
        src: Any,
        tgt: Any,
        src_mask: Any = None,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        src_key_padding_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """(S, N, d_model) and (L, N, d_model), or N first with `batch_first`, to the second's shape."""
        source, target = as_tensor(src), as_tensor(tgt)
        batch = 0 if self.batch_first else 1
        if source.ndim == 3 and source.shape[batch] != target.shape[batch]:
            raise RuntimeError("the batch number of src and tgt must be equal")
        if source.shape[-1] != self.d_model or target.shape[-1] != self.d_model:
            raise RuntimeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(source, src_mask, src_key_padding_mask, src_is_causal)
        made: Tensor = self.decoder(
            target, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask, tgt_is_causal,
            memory_is_causal,
        )  # fmt: skip
        return made

    @staticmethod
    def generate_square_subsequent_mask(
        sz: int, device: DeviceLike | None = None, dtype: FormatLike | None = None
    ) -> Tensor:
        """(sz, sz), 0 where a place may look and -inf where it may not: after itself."""
        return Tensor(np.triu(np.full((sz, sz), -np.inf, np.float32), 1), dtype=dtype)
