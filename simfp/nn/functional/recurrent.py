"""Recurrent cells, as torch has them: one step, and a layer of steps.

What comes after the products of a step is computed in float32 and rounded once, as in torch's fused CUDA kernels
(RNN.cu); cuDNN, which torch takes where it can, is not followed. Not held against a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simfp.autograd import Tensor, apply
from simfp.autograd import functions as of
from simfp.nn.functional.whole import as_one
from simfp.ops import OPERATIONS

__all__ = ["CELLS", "GATES", "gru_cell", "lstm_cell", "rnn_relu_cell", "rnn_tanh_cell", "steps"]

State = tuple[Tensor, ...]
Step = Callable[..., State]


def _times(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return apply(OPERATIONS["linear"], x, weight, *([] if bias is None else [bias]))


def _together(*parts: Tensor | None) -> Tensor:
    """The float32 sum of what is there, one after the other."""
    total, *others = (x.float() for x in parts if x is not None)
    for x in others:
        total = total + x
    return total


def _lstm(inputs: Tensor, state: State, w_hh: Tensor, b_ih: Any, b_hh: Any, w_hr: Any) -> State:
    """The next h and c of the products of an input (N, 4 hidden), in the order input, forget, cell, output."""
    h, c = state
    gates = of.chunk(_together(inputs, _times(h, w_hh), b_ih, b_hh), 4, -1)
    kept = of.sigmoid(gates[1]) * c.float() + of.sigmoid(gates[0]) * of.tanh(gates[2])
    out = (of.sigmoid(gates[3]) * of.tanh(kept)).to(h.dtype)
    return (out if w_hr is None else _times(out, w_hr)), kept.to(c.dtype)


def _gru(inputs: Tensor, state: State, w_hh: Tensor, b_ih: Any, b_hh: Any, w_hr: Any) -> State:
    """The next h of the products of an input (N, 3 hidden), in the order reset, update, new."""
    (h,) = state
    ours, theirs = of.chunk(_together(inputs, b_ih), 3, -1), of.chunk(_together(_times(h, w_hh), b_hh), 3, -1)
    reset, update = of.sigmoid(ours[0] + theirs[0]), of.sigmoid(ours[1] + theirs[1])
    new = of.tanh(ours[2] + reset * theirs[2])
    return ((new + update * (h.float() - new)).to(h.dtype),)


def _plain(activation: Callable[[Any], Tensor]) -> Step:
    def step(inputs: Tensor, state: State, w_hh: Tensor, b_ih: Any, b_hh: Any, w_hr: Any) -> State:
        """The next h: each operation rounded, as torch has it."""
        ours = inputs if b_ih is None else inputs + b_ih
        return (activation(_times(state[0], w_hh, b_hh) + ours),)

    return step


# fmt: off
CELLS: dict[str, Step] = {"lstm": _lstm, "gru": _gru, "rnn_tanh": _plain(of.tanh), "rnn_relu": _plain(of.relu)}
GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
# fmt: on


def steps(
    kind: str, x: Any, state: State, weights: dict[str, Any], backwards: bool = False
) -> tuple[list[Tensor], State]:
    """The outputs of a layer, each (N, size), one for each step of `x`, (L, N, in), and its last state.

    kind: one of CELLS. state: h, and for an LSTM c, (N, hidden). weights: w_ih, w_hh, b_ih, b_hh, w_hr, or None.
    backwards: from the last step to the first; outputs stand at their steps all the same.
    """
    names = [f"h{i}" for i in range(len(state))]

    def run(x: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Any, b_hh: Any, w_hr: Any, *state: Tensor) -> Any:
        products = _times(x, w_ih)  # of all steps at once
        outputs: list[Any] = [None] * len(products)
        for t in reversed(range(len(products))) if backwards else range(len(products)):
            state = CELLS[kind](products[t], state, w_hh, b_ih, b_hh, w_hr)
            outputs[t] = state[0]
        return outputs, state

    return as_one(f"{kind}_cell", run, x=x, **weights, **dict(zip(names, state)))  # type: ignore[no-any-return]


def _cell(kind: str, x: Any, state: tuple[Any, ...], w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> State:
    def run(x: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Any, b_hh: Any, *state: Tensor) -> State:
        return CELLS[kind](_times(x, w_ih), state, w_hh, b_ih, b_hh, None)

    weights = {"w_ih": w_ih, "w_hh": w_hh, "b_ih": b_ih, "b_hh": b_hh}
    names = [f"h{i}" for i in range(len(state))]
    return as_one(f"{kind}_cell", run, x=x, **weights, **dict(zip(names, state)))  # type: ignore[no-any-return]


def lstm_cell(x: Any, hx: tuple[Any, Any], w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> State:
    """The next (h, c) of an LSTM."""
    return _cell("lstm", x, tuple(hx), w_ih, w_hh, b_ih, b_hh)


def gru_cell(x: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Tensor:
    """The next h of a GRU."""
    return _cell("gru", x, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


def rnn_tanh_cell(x: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Tensor:
    """The next h of a plain cell with tanh."""
    return _cell("rnn_tanh", x, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


def rnn_relu_cell(x: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Tensor:
    """The next h of a plain cell with relu."""
    return _cell("rnn_relu", x, (hx,), w_ih, w_hh, b_ih, b_hh)[0]
