"""Recurrent networks: LSTM, GRU, RNN, and their cells.

The steps are those of torch's own cells, in the order of its gates; see `functional.recurrent`. cuDNN, which torch
takes on CUDA where it can, adds in other orders, and this is not held against it.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from simfp.autograd import Tensor, as_tensor
from simfp.autograd.functions import cat, stack
from simfp.devices import DeviceLike
from simfp.nn import functional, init
from simfp.nn.functional import recurrent
from simfp.nn.linear import empty
from simfp.nn.module import Module
from simfp.randomness import Chance, generator
from simfp.typing import FormatLike

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell"]


class RNNBase(Module):
    """Layers of one recurrent cell, one on the other; `mode` says which: "LSTM", "GRU", "RNN_TANH", "RNN_RELU".

    Parameters, for layer k, of which a backward direction's end in "_reverse": weight_ih_lk (gates x hidden, inputs),
    weight_hh_lk (gates x hidden, hidden or proj), bias_ih_lk and bias_hh_lk, weight_hr_lk (proj, hidden). Gates stand
    in torch's order. All begin uniform within 1 / sqrt(hidden_size). A PackedSequence is not taken.

    Raises ValueError for options that do not fit.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: DeviceLike | None = None,
        dtype: FormatLike | None = None,
        *,
        rng: Chance = None,
    ) -> None:
        super().__init__()
        if mode.lower() not in recurrent.CELLS:
            raise ValueError("Unrecognized RNN mode: " + mode)
        if not isinstance(dropout, (int, float)) or isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
            )
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={dropout} and num_layers={num_layers}",
                stacklevel=3,
            )
        for name, value in (("hidden_size", hidden_size), ("num_layers", num_layers)):
            if value <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if not 0 <= proj_size < hidden_size:
            raise ValueError("proj_size should be a non-negative integer, smaller than hidden_size")
        if proj_size and mode != "LSTM":
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        gates, out = recurrent.GATES[self._kind] * hidden_size, proj_size or hidden_size
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else out * len(self._directions)
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates, inputs), "weight_hh": (gates, out)}
            shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)} if bias else {}
            shapes |= {"weight_hr": (proj_size, hidden_size)} if proj_size else {}
            for end in self._directions:
                for name, shape in shapes.items():
                    self.register_parameter(f"{name}_l{layer}{end}", empty(*shape, dtype=dtype))
        self.reset_parameters(rng)

    @property
    def _kind(self) -> str:
        return self.mode.lower()

    @property
    def _directions(self) -> tuple[str, ...]:
        return ("", "_reverse") if self.bidirectional else ("",)

    def reset_parameters(self, rng: Chance = None) -> None:
        """Draws the parameters anew."""
        bound, chance = 1.0 / math.sqrt(self.hidden_size), generator(rng)
        for p in self.parameters():
            init.uniform_(p, -bound, bound, generator=chance)

    def flatten_parameters(self) -> None:
        """Nothing: taken for torch's sake."""

    @property
    def all_weights(self) -> list[list[Any]]:
        """The parameters of each layer and direction."""
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        names = [f"_l{layer}{end}" for layer in range(self.num_layers) for end in self._directions]
        return [[p for kind in kinds if (p := self._parameters.get(kind + name)) is not None] for name in names]

    def forward(self, input: Any, hx: Any = None) -> tuple[Tensor, Any]:
        """The last layer's outputs, (L, N, directions x size), and the last state of every layer and direction.

        input: (L, N, input_size); (N, L, input_size) with `batch_first`; (L, input_size) without a batch. hx: what the
        state begins as, (layers x directions, N, size); of an LSTM a pair, h and c. Zeros if not given.

        Raises RuntimeError or ValueError for shapes that do not fit.
        """
        x = as_tensor(input)
        if x.ndim not in (2, 3):
            raise ValueError(f"{type(self).__name__}: Expected input to be 2D or 3D, got {x.ndim}D instead")
        batched = x.ndim == 3
        if not batched:
            x = x.unsqueeze(1)
        elif self.batch_first:
            x = x.transpose(0, 1)
        if x.shape[2] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {x.shape[2]}"
            )
        state = self._state(hx, x, batched)
        finals: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            outputs = []
            for end in self._directions:
                first = tuple(each[len(finals)] for each in state)
                steps, last = recurrent.steps(self._kind, x, first, self._weights(f"_l{layer}{end}"), bool(end))
                outputs.append(stack(steps, 0))
                finals.append(last)
            x = outputs[0] if len(outputs) == 1 else cat(outputs, -1)
            if self.dropout and self.training and layer + 1 < self.num_layers:
                x = functional.dropout(x, self.dropout, rng=generator())
        ends = tuple(stack(list(each), 0) for each in zip(*finals))
        if not batched:
            x, ends = x.squeeze(1), tuple(each.squeeze(1) for each in ends)
        elif self.batch_first:
            x = x.transpose(0, 1)
        return x, ends if self.mode == "LSTM" else ends[0]

    def _weights(self, name: str) -> dict[str, Any]:
        kinds = {"w_ih": "weight_ih", "w_hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh", "w_hr": "weight_hr"}
        return {short: self._parameters.get(kind + name) for short, kind in kinds.items()}

    def _state(self, hx: Any, x: Tensor, batched: bool) -> tuple[Tensor, ...]:
        """What the state begins as: h, and of an LSTM c, each (layers x directions, N, size)."""
        count, sizes = self.num_layers * len(self._directions), [self.proj_size or self.hidden_size]
        if self.mode == "LSTM":
            sizes.append(self.hidden_size)
        shapes = [(count, x.shape[1], size) for size in sizes]
        if hx is None:
            return tuple(Tensor(np.zeros(shape), dtype=x.dtype) for shape in shapes)
        if (self.mode == "LSTM") != isinstance(hx, (tuple, list)) or (self.mode == "LSTM" and len(hx) != 2):
            wanted = "a pair, h and c" if self.mode == "LSTM" else "one tensor"
            raise RuntimeError(f"{type(self).__name__}: the state should be {wanted}, got a {type(hx).__name__}")
        given = [as_tensor(each) for each in (hx if self.mode == "LSTM" else (hx,))]
        for number, (each, shape) in enumerate(zip(given, shapes)):
            wanted_shape = shape if batched else (shape[0], shape[2])
            if each.shape != wanted_shape:
                name = f"hidden[{number}]" if self.mode == "LSTM" else "hidden"
                raise RuntimeError(f"Expected {name} size {wanted_shape}, got {list(each.shape)}")
        return tuple(each if batched else each.unsqueeze(1) for each in given)

    def extra_repr(self) -> str:
        """As torch shows it."""
        usual = {
            "proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0, "bidirectional": False,
        }  # fmt: skip
        told = [f"{name}={getattr(self, name)}" for name, value in usual.items() if getattr(self, name) != value]
        return ", ".join([str(self.input_size), str(self.hidden_size), *told])


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997), with gates in the order input, forget, cell, output.

    args: input_size, hidden_size, and the options of `RNNBase`, by position too. Its state is a pair, h and c.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__("LSTM", *args, **options)


class GRU(RNNBase):
    """Gated recurrent units (Cho et al., 2014), with gates in the order reset, update, new.

    args: input_size, hidden_size, and the options of `RNNBase` but proj_size, by position too.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__("GRU", *args, **options)


class RNN(RNNBase):
    """tanh (or relu, by `nonlinearity`) of W x + b + W' h + b'.

    args: input_size, hidden_size, num_layers, nonlinearity, and the other options of `RNNBase`, by position too.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        if len(args) > 3:
            options["nonlinearity"], args = args[3], (*args[:3], *args[4:])
        self_nonlinearity = options.pop("nonlinearity", "tanh")
        if self_nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{self_nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{self_nonlinearity.upper()}", *args, **options)
        self.nonlinearity = self_nonlinearity


class _Cell(Module):
    """One step. weight_ih: (gates x hidden, inputs); weight_hh: (gates x hidden, hidden); bias_ih, bias_hh."""

    kind: str

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: DeviceLike | None = None,
        dtype: FormatLike | None = None,
        *,
        rng: Chance = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        gates = recurrent.GATES[self.kind] * hidden_size
        self.weight_ih = empty(gates, input_size, dtype=dtype)
        self.weight_hh = empty(gates, hidden_size, dtype=dtype)
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, empty(gates, dtype=dtype) if bias else None)
        self.reset_parameters(rng)

    def reset_parameters(self, rng: Chance = None) -> None:
        """Draws the parameters anew."""
        bound, chance = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0.0, generator(rng)
        for p in self.parameters():
            init.uniform_(p, -bound, bound, generator=chance)

    def _begin(self, input: Any, states: tuple[Any, ...]) -> tuple[Tensor, list[Tensor], bool]:
        """The input and the states as (N, size), and whether there was a batch."""
        x = as_tensor(input)
        if x.ndim not in (1, 2):
            raise ValueError(f"{type(self).__name__}: Expected input to be 1D or 2D, got {x.ndim}D instead")
        batched = x.ndim == 2
        x = x if batched else x.unsqueeze(0)
        if x.shape[1] != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {x.shape[1]} expected {self.input_size}")
        shape, made = (x.shape[0], self.hidden_size), []
        for each in states:
            state = Tensor(np.zeros(shape), dtype=x.dtype) if each is None else as_tensor(each)
            state = state if batched or each is None else state.unsqueeze(0)
            if state.shape != shape:
                raise RuntimeError(f"hidden has inconsistent size: got {list(state.shape)} expected {list(shape)}")
            made.append(state)
        return x, made, batched

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else f", bias={self.bias}")


class LSTMCell(_Cell):
    """One step of an LSTM: (h, c) to the next (h, c)."""

    kind = "lstm"

    def forward(self, input: Any, hx: Any = None) -> tuple[Tensor, Tensor]:
        """(N, input_size) and a pair of (N, hidden_size), zeros if not given, to the next pair."""
        x, state, batched = self._begin(input, (None, None) if hx is None else tuple(hx))
        h, c = recurrent.lstm_cell(x, (state[0], state[1]), self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return (h, c) if batched else (h.squeeze(0), c.squeeze(0))


class GRUCell(_Cell):
    """One step of a GRU."""

    kind = "gru"

    def forward(self, input: Any, hx: Any = None) -> Tensor:
        """(N, input_size) and (N, hidden_size), zeros if not given, to the next (N, hidden_size)."""
        x, state, batched = self._begin(input, (hx,))
        h = recurrent.gru_cell(x, state[0], self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return h if batched else h.squeeze(0)


class RNNCell(_Cell):
    """One step of a plain network: tanh, or relu, of W x + b + W' h + b'."""

    kind = "rnn_tanh"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: DeviceLike | None = None,
        dtype: FormatLike | None = None,
        *,
        rng: Chance = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity: {nonlinearity}; expected 'tanh' or 'relu'")
        super().__init__(input_size, hidden_size, bias, device, dtype, rng=rng)
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Any = None) -> Tensor:
        """(N, input_size) and (N, hidden_size), zeros if not given, to the next (N, hidden_size)."""
        x, state, batched = self._begin(input, (hx,))
        cell = recurrent.rnn_tanh_cell if self.nonlinearity == "tanh" else recurrent.rnn_relu_cell
        h = cell(x, state[0], self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return h if batched else h.squeeze(0)

    def extra_repr(self) -> str:
        """As torch shows it."""
        plain = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + plain
