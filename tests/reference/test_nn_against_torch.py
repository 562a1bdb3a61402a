"""Modules against torch's on a CPU: names, arguments, state, text, errors; and values in float32, in stated ulps."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch

import simfp as sf
from simfp import nn
from simfp.amp import autocast
from tests import near

pytestmark = pytest.mark.torch


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def hold(ours: Any, theirs: torch.Tensor, exact: torch.Tensor, ulps: float, where: Any = "") -> None:
    """Holds both to torch's float64 answer, in ulps of its largest value, or 1 (tests/near.py); 0: the same bits."""
    given = np.asarray(ours, np.float32), theirs.detach().numpy(), exact.detach().numpy()
    near.hold(*given, ulps or near.BITS, where=where)


def off(ours: Any, exact: torch.Tensor) -> float:
    """How far our float32 values are from torch's float64 answer, in ulps of its largest value, or 1."""
    return near.ulps_from(exact.detach().numpy(), ours, sf.float32)


def values(tensor: sf.Tensor) -> np.ndarray:
    return tensor.data.to_numpy()


def doubled(x: Any) -> Any:
    """A copy in float64, if it is of floats."""
    return copy.deepcopy(x).double() if isinstance(x, torch.nn.Module) or torch.is_floating_point(x) else x


# fmt: off
# name, arguments, shape of the input, and how many ulps of the largest value (at least 1) our result may be from exact,
# of which gradients and statistics may have twice as many; 0: nothing is rounded but once, and the bits are torch's
LAYERS: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...], float]] = [
    ("Linear",      (5, 3),       {},                                       (4, 5),        8),
    ("Linear",      (5, 3),       {"bias": False},                          (2, 4, 5),     8),
    ("Identity",    (54,),        {"unused": 1},                            (4, 5),        0),
    ("Conv2d",      (3, 4, 3),    {"padding": 1},                           (2, 3, 6, 6),  16),
    ("Conv2d",      (4, 4, 2),    {"stride": 2, "groups": 2, "bias": False}, (2, 4, 6, 6), 16),
    ("Conv2d",      (3, 4, 3),    {"padding": "same", "dilation": 2},       (2, 3, 6, 6),  16),
    ("LayerNorm",   (6,),         {},                                       (4, 6),        16),
    ("LayerNorm",   ([3, 6],),    {"bias": False, "eps": 1e-3},             (4, 3, 6),     16),
    ("LayerNorm",   (6,),         {"elementwise_affine": False},            (4, 6),        16),
    ("RMSNorm",     (6,),         {},                                       (4, 6),        16),
    ("RMSNorm",     (6, 1e-6),    {},                                       (4, 6),        16),
    ("GroupNorm",   (2, 4),       {},                                       (3, 4, 5),     16),
    ("BatchNorm1d", (3,),         {},                                       (5, 3),        32),
    ("BatchNorm1d", (3,),         {"affine": False},                        (5, 3, 2),     32),
    ("BatchNorm2d", (3,),         {"momentum": None},                       (2, 3, 4, 4),  32),
    ("BatchNorm2d", (3,),         {"track_running_stats": False},           (2, 3, 4, 4),  32),
    ("Dropout",     (),           {"p": 0.0},                               (4, 5),        0),
    ("ReLU",        (),           {"inplace": False},                       (4, 5),        0),
    ("LeakyReLU",   (0.2,),       {},                                       (4, 5),        1),
    ("GELU",        (),           {},                                       (4, 5),        4),
    ("GELU",        ("tanh",),    {},                                       (4, 5),        8),
    ("SiLU",        (),           {},                                       (4, 5),        4),
    ("Softplus",    (),           {},                                       (4, 5),        4),
    ("Tanh",        (),           {},                                       (4, 5),        4),
    ("Sigmoid",     (),           {},                                       (4, 5),        4),
    ("Softmax",     (1,),         {},                                       (4, 5),        8),
    ("LogSoftmax",  (-1,),        {},                                       (4, 5),        8),
    ("Flatten",     (),           {},                                       (4, 5, 2),     0),
    ("MaxPool2d",   (2,),         {},                                       (2, 3, 4, 4),  0),
    ("MaxPool2d",   (3, 2, 1),    {},                                       (2, 3, 5, 5),  0),
    ("AvgPool2d",   (2,),         {},                                       (2, 3, 4, 4),  2),
    ("Conv1d",      (3, 4, 3),    {"padding": 1, "stride": 2},              (2, 3, 9),     16),
    ("Conv1d",      (4, 4, 3),    {"padding": "same", "groups": 2, "bias": False}, (2, 4, 9), 16),
    ("ConvTranspose1d", (3, 4, 3), {"stride": 2, "output_padding": 1},      (2, 3, 6),     16),
    ("ConvTranspose2d", (3, 4, 4), {"stride": 2, "padding": 1},             (2, 3, 5, 6),  16),
    ("ConvTranspose2d", (4, 6, (3, 2)), {"groups": 2, "dilation": (1, 2), "bias": False}, (2, 4, 5, 6), 16),
    ("MaxPool1d",   (3, 2, 1),    {},                                       (2, 3, 9),     0),
    ("AvgPool1d",   (3,),         {"padding": 1},                           (2, 3, 9),     2),
    ("AdaptiveAvgPool1d", (3,),   {},                                       (2, 3, 8),     4),
    ("AdaptiveAvgPool2d", (1,),   {},                                       (2, 3, 4, 6),  4),
    ("AdaptiveAvgPool2d", ((2, 3),), {},                                    (2, 3, 4, 6),  4),
    ("AdaptiveAvgPool2d", ((3, None),), {},                                 (2, 3, 4, 5),  4),
    ("BatchNorm3d", (3,),         {},                                       (2, 3, 2, 2, 2), 32),
    ("InstanceNorm1d", (3,),      {"affine": True},                         (2, 3, 7),     32),
    ("InstanceNorm2d", (3,),      {},                                       (2, 3, 4, 4),  32),
    ("InstanceNorm2d", (3,),      {"affine": True, "track_running_stats": True}, (2, 3, 4, 4), 32),
    ("Dropout1d",   (0.0,),       {},                                       (2, 3, 5),     0),
    ("Dropout2d",   (0.0,),       {},                                       (2, 3, 5, 5),  0),
    ("Dropout3d",   (0.0,),       {},                                       (2, 3, 5, 5, 2), 0),
    ("ELU",         (0.7,),       {},                                       (4, 5),        4),
    ("SELU",        (),           {"inplace": False},                       (4, 5),        4),
    ("CELU",        (0.7,),       {},                                       (4, 5),        4),
    ("ReLU6",       (),           {},                                       (4, 5),        0),
    ("Hardtanh",    (-0.5, 0.7),  {},                                       (4, 5),        0),
    ("Hardsigmoid", (),           {},                                       (4, 5),        2),
    ("Hardswish",   (),           {},                                       (4, 5),        4),
    ("Mish",        (),           {},                                       (4, 5),        8),
    ("LogSigmoid",  (),           {},                                       (4, 5),        4),
    ("Softsign",    (),           {},                                       (4, 5),        4),
    ("Tanhshrink",  (),           {},                                       (4, 5),        8),
    ("Softmin",     (1,),         {},                                       (4, 5),        8),
    ("GLU",         (),           {},                                       (4, 6),        4),
    ("GLU",         (1,),         {},                                       (2, 4, 3),     4),
    ("PReLU",       (),           {},                                       (4, 5),        1),
    ("PReLU",       (3, 0.1),     {},                                       (2, 3, 4),     1),
    ("ConstantPad1d", (2, 1.5),   {},                                       (2, 3, 4),     0),
    ("ConstantPad2d", ((1, 0, 2, 3), 1.5), {},                              (2, 3, 4, 4),  0),
    ("ZeroPad1d",   ((1, 2),),    {},                                       (2, 3, 4),     0),
    ("ZeroPad2d",   ((1, -1, 2, 0),), {},                                   (2, 3, 4, 4),  0),
    ("ReflectionPad1d", (2,),     {},                                       (2, 3, 4),     1),
    ("ReflectionPad2d", ((1, 2, 3, 0),), {},                                (2, 3, 4, 4),  1),
    ("ReplicationPad1d", (2,),    {},                                       (2, 3, 4),     1),
    ("ReplicationPad2d", ((1, 2, 3, 0),), {},                               (2, 3, 4, 4),  1),
    ("CircularPad1d", (2,),       {},                                       (2, 3, 4),     1),
    ("CircularPad2d", ((1, 2, 3, 0),), {},                                  (2, 3, 4, 4),  1),
    ("Upsample",    (),           {"scale_factor": 2},                      (2, 3, 4, 5),  1),
    ("Upsample",    ((3, 7),),    {},                                       (2, 3, 4, 5),  1),
    ("Upsample",    (),           {"scale_factor": 2.5, "mode": "bilinear"}, (2, 3, 4, 5), 8),
    ("Upsample",    ((3, 7),),    {"mode": "bilinear"},                     (2, 3, 4, 5),  8),
    ("Upsample",    ((6, 7),),    {"mode": "bilinear", "align_corners": True}, (2, 3, 4, 5), 8),
    ("Upsample",    (9,),         {"mode": "linear"},                       (2, 3, 4),     8),
    ("UpsamplingNearest2d", (),   {"scale_factor": 2},                      (2, 3, 4, 5),  1),
    ("UpsamplingBilinear2d", (),  {"scale_factor": 2},                      (2, 3, 4, 5),  8),
    ("PixelShuffle", (2,),        {},                                       (2, 8, 3, 4),  0),
    ("PixelUnshuffle", (2,),      {},                                       (2, 2, 4, 6),  0),
    ("Unfold",      (2,),         {"padding": 1, "stride": 2},              (2, 3, 4, 6),  0),
    ("Unfold",      ((2, 3),),    {"dilation": (1, 2)},                     (2, 3, 5, 6),  2),
    ("Unflatten",   (1, (2, -1)), {},                                       (3, 6, 2),     0),
]
# fmt: on


def pair(name: str, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[nn.Module, torch.nn.Module]:
    """One of ours, and torch's with its state."""
    theirs = getattr(torch.nn, name)(*args, **options)
    ours = getattr(nn, name)(*args, **options)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(("name", "args", "options", "shape", "ulps"), LAYERS, ids=lambda x: str(x))
def test_a_layer_with_torchs_state_gives_what_torch_gives(
    name: str, args: tuple[Any, ...], options: dict[str, Any], shape: tuple[int, ...], ulps: float, training: bool
) -> None:
    ours, theirs = pair(name, args, options)
    exact = doubled(theirs)
    for module in (ours, theirs, exact):
        module.train(training)
    for seed in range(2):  # twice: running statistics move on
        given = normal(*shape, seed=seed)
        x, t = sf.Tensor(given, requires_grad=True), torch.tensor(given, requires_grad=True)
        e = doubled(t.detach()).requires_grad_()
        y, u, v = ours(x), theirs(t), exact(e)
        hold(y.data, u, v, ulps)
        g = normal(*y.shape, seed=9)
        y.backward(g)
        u.backward(torch.tensor(g))
        v.backward(torch.tensor(g).double())
        hold(x.grad, t.grad, e.grad, 2 * ulps)
    parameters = zip(ours.named_parameters(), theirs.parameters(), exact.parameters(), strict=True)
    for (key, p), q, r in parameters:
        hold(p.grad, q.grad, r.grad, 2 * ulps, key)
    buffers = zip(ours.state_dict().items(), theirs.state_dict().values(), exact.state_dict().values(), strict=True)
    for (key, buffer), other, third in buffers:
        hold(buffer, other, third, 2 * ulps, key)


@pytest.mark.parametrize(("name", "args", "options", "shape", "ulps"), LAYERS, ids=lambda x: str(x))
def test_a_layer_is_shown_as_torch_shows_it(
    name: str, args: tuple[Any, ...], options: dict[str, Any], shape: tuple[int, ...], ulps: float
) -> None:
    ours, theirs = pair(name, args, options)
    assert repr(ours) == repr(theirs)


OWN_ARGUMENTS = {"rng"}
LEFT_OUT = {"Embedding": {"max_norm", "norm_type", "scale_grad_by_freq", "sparse", "_weight", "_freeze"}}
LOSSES = [
    "MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "NLLLoss", "CrossEntropyLoss", "BCELoss", "BCEWithLogitsLoss",
]  # fmt: skip
COMPARED: dict[str, tuple[dict[str, Any], list[tuple[int, ...]]]] = {  # losses and distances: options, shapes
    "CosineSimilarity": ({"dim": 1}, [(4, 6), (4, 6)]),
    "PairwiseDistance": ({}, [(4, 6), (4, 6)]),
    "KLDivLoss": ({"reduction": "batchmean"}, [(4, 6), (4, 6)]),
    "PoissonNLLLoss": ({"full": True}, [(4, 6), (4, 6)]),
    "GaussianNLLLoss": ({"full": True}, [(4, 6), (4, 6), (4, 1)]),
    "CosineEmbeddingLoss": ({"margin": 0.1}, [(4, 6), (4, 6), (4,)]),
    "MarginRankingLoss": ({"margin": 0.3}, [(4,), (4,), (4,)]),
    "HingeEmbeddingLoss": ({"margin": 0.7}, [(4, 6), (4, 6)]),
    "SoftMarginLoss": ({}, [(4, 6), (4, 6)]),
    "TripletMarginLoss": ({"swap": True}, [(4, 6), (4, 6), (4, 6)]),
}
SIGNED = {"CosineEmbeddingLoss", "MarginRankingLoss", "HingeEmbeddingLoss", "SoftMarginLoss"}  # targets 1 and -1
POSITIVE = {"KLDivLoss", "PoissonNLLLoss", "GaussianNLLLoss"}  # the last input
CELLS = ("LSTMCell", "GRUCell", "RNNCell")
TRANSFORMERS = ("Transformer", "TransformerEncoderLayer", "TransformerDecoderLayer", "TransformerEncoder",
                "TransformerDecoder")  # fmt: skip
NAMES = sorted(
    {row[0] for row in LAYERS} | {*LOSSES, *COMPARED, *CELLS, *TRANSFORMERS, "Embedding", "MultiheadAttention"}
)


@pytest.mark.parametrize("name", NAMES)
def test_arguments_have_torchs_names_order_and_defaults(name: str) -> None:
    def arguments(module: Any) -> dict[str, Any]:
        every = inspect.signature(module).parameters.items()
        return {
            key: getattr(each.default, "__name__", each.default)  # a function by its name
            for key, each in every
            if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        }

    ours, theirs = arguments(getattr(nn, name)), arguments(getattr(torch.nn, name))
    expected = [(key, value) for key, value in theirs.items() if key not in LEFT_OUT.get(name, set())]
    assert [(key, value) for key, value in ours.items() if key not in OWN_ARGUMENTS] == expected


def test_every_layer_and_loss_is_compared() -> None:
    shown = {name for name in nn.__all__ if name[0].isupper()}
    containers = {"Module", "ModuleDict", "ModuleList", "Parameter", "ParameterDict", "ParameterList", "Sequential"}
    assert shown - set(NAMES) == containers | {"RNNBase", "LSTM", "GRU", "RNN"}  # whose arguments have no names


# --- embedding, attention, losses --------------------------------------------------------------------------------


def test_an_embedding_gives_rows_and_the_padding_gets_no_gradient() -> None:
    ours, theirs = pair("Embedding", (7, 3), {"padding_idx": 2})
    which = np.array([[1, 2, 6], [1, 0, 2]])
    y, u = ours(which), theirs(torch.tensor(which))
    hold(y.data, u, u, 0)
    y.sum().backward()
    u.sum().backward()
    hold(ours.weight.grad, theirs.weight.grad, theirs.weight.grad, 0)  # sums of ones
    assert repr(ours) == repr(theirs)


CAUSAL = np.triu(np.ones((4, 4), bool), 1)
PADDING = np.array([[False, False, False, True], [False, True, False, False], [False, False, True, True]])


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"need_weights": False},
        {"average_attn_weights": False},
        {"attn_mask": CAUSAL},
        {"attn_mask": normal(4, 4, seed=3)},
        {"attn_mask": normal(6, 4, 4, seed=3), "need_weights": False},
        {"attn_mask": CAUSAL, "is_causal": True, "need_weights": False},
        {"key_padding_mask": PADDING},
        {"key_padding_mask": PADDING, "attn_mask": CAUSAL, "need_weights": False},
    ],
    ids=lambda options: " ".join(options) or "plain",
)
@pytest.mark.parametrize("kind", ["self", "cross", "three"])
def test_attention_gives_what_torch_gives(options: dict[str, Any], batch_first: bool, kind: str) -> None:
    ours, theirs = pair("MultiheadAttention", (6, 2), {"batch_first": batch_first})
    shape = (3, 4, 6) if batch_first else (4, 3, 6)
    places = {"self": (0, 0, 0), "cross": (0, 1, 1), "three": (0, 1, 2)}[kind]
    given = [normal(*shape, seed=seed) for seed in range(3)]
    x = [sf.Tensor(each, requires_grad=True) for each in given]
    t = [torch.tensor(each, requires_grad=True) for each in given]
    masks = {name: torch.tensor(mask) if isinstance(mask, np.ndarray) else mask for name, mask in options.items()}
    e = [doubled(each.detach()).requires_grad_() for each in t]
    wide = {name: doubled(mask) if isinstance(mask, torch.Tensor) else mask for name, mask in masks.items()}
    exact = doubled(theirs)
    y, weights = ours(*(x[place] for place in places), **options)
    u, expected = theirs(*(t[place] for place in places), **masks)
    v, shares = exact(*(e[place] for place in places), **wide)
    hold(y.data, u, v, 3)
    assert (weights is None) == (expected is None)
    if weights is not None:
        hold(weights.data, expected, shares, 3)
    y.backward(given[0])
    u.backward(torch.tensor(given[0]))
    v.backward(torch.tensor(given[0]).double())
    for place in set(places):
        hold(x[place].grad, t[place].grad, e[place].grad, 6)
    for p, q, r in zip(ours.parameters(), theirs.parameters(), exact.parameters(), strict=True):
        hold(p.grad, q.grad, r.grad, 6)


def test_attention_without_a_batch() -> None:
    ours, theirs = pair("MultiheadAttention", (6, 2), {})
    x = normal(4, 6)
    t = torch.tensor(x)
    sides = ours(x, x, x), theirs(t, t, t), doubled(theirs)(*[t.double()] * 3)
    for found, expected, exact in zip(*sides, strict=True):
        hold(found.data, expected, exact, 3)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_gives_what_torch_gives(name: str, reduction: str) -> None:
    x, target = normal(6, 4), normal(6, 4, seed=1)
    options: dict[str, Any] = {"reduction": reduction}
    if name in ("NLLLoss", "CrossEntropyLoss"):
        target = np.array([0, 3, 1, 1, 2, 0])
        options["weight"] = np.float32([1, 2, 0.5, 1])
    elif name.startswith("BCE"):
        target = (target > 0).astype(np.float32)
        x = x if "Logits" in name else 1 / (1 + np.exp(-x))
    ours = getattr(nn, name)(**options)
    theirs = getattr(torch.nn, name)(
        **{key: torch.tensor(value) if key == "weight" else value for key, value in options.items()}
    )
    a, b = sf.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    c, labels = doubled(b.detach()).requires_grad_(), torch.tensor(target)
    y, u, v = ours(a, target), theirs(b, labels), doubled(theirs)(c, doubled(labels))
    hold(y.data, u, v, 2)
    for each in (y, u, v):
        each.sum().backward()
    hold(a.grad, b.grad, c.grad, 2)
    assert [*ours.state_dict()] == [*theirs.state_dict()]
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none", None])
@pytest.mark.parametrize("name", COMPARED)
def test_a_distance_gives_what_torch_gives(name: str, reduction: str | None) -> None:
    options, shapes = COMPARED[name]
    if reduction is not None and not name.endswith("Loss"):
        return
    options = options | ({} if reduction is None else {"reduction": reduction})
    warned = name == "KLDivLoss" and reduction == "mean"
    given = [normal(*shape, seed=seed) for seed, shape in enumerate(shapes)]
    if name in SIGNED:
        given[-1] = np.sign(given[-1])
    if name in POSITIVE:
        given[-1] = np.abs(given[-1])
        given[-1].reshape(-1)[0] = 0.0 if name == "KLDivLoss" else 1e-7
    ours, theirs = getattr(nn, name)(**options), getattr(torch.nn, name)(**options)
    assert repr(ours) == repr(theirs)
    last = name in SIGNED | {"KLDivLoss"}  # of a target of 0 the slope is NaN
    x = [sf.Tensor(each, requires_grad=not last or i < len(given) - 1) for i, each in enumerate(given)]
    t = [torch.tensor(each).double().requires_grad_(not last or i < len(given) - 1) for i, each in enumerate(given)]
    with pytest.warns(UserWarning, match="batchmean") if warned else nullcontext():
        y = ours(*x)
    with pytest.warns(UserWarning, match="batchmean") if warned else nullcontext():
        u = theirs(*t)
    assert off(values(y), u) <= 16
    y.backward(np.ones(y.shape, np.float32))
    u.backward(torch.ones_like(u))
    for mine, other in zip(x, t):
        assert (mine.grad is None) == (other.grad is None)
        if other.grad is not None:
            assert off(mine.grad.values, other.grad) <= 64


# --- recurrent networks ------------------------------------------------------------------------------------------

RECURRENT: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("LSTM", (3, 4), {}),
    ("LSTM", (3, 4, 2), {"bidirectional": True, "batch_first": True}),
    ("LSTM", (3, 4, 2), {"bias": False, "proj_size": 2, "bidirectional": True}),
    ("GRU", (3, 4), {"bias": False}),
    ("GRU", (3, 4, 3), {"bidirectional": True, "batch_first": True}),
    ("RNN", (3, 4, 2), {}),
    ("RNN", (3, 4, 2, "relu"), {"bidirectional": True}),
]


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("begins", ["zeros", "given", "without a batch"])
@pytest.mark.parametrize(("name", "args", "options"), RECURRENT, ids=str)
def test_a_recurrent_network_gives_what_torch_gives(
    name: str, args: tuple[Any, ...], options: dict[str, Any], begins: str
) -> None:
    ours, theirs = pair(name, args, options)
    assert repr(ours) == repr(theirs)
    assert [key for key, _ in ours.named_parameters()] == [key for key, _ in theirs.named_parameters()]
    assert [[p.shape for p in each] for each in ours.all_weights] == [
        [tuple(p.shape) for p in each] for each in theirs.all_weights
    ]
    theirs = theirs.double()
    batch = () if begins == "without a batch" else (2,)
    shape = (*batch, 7, 3) if options.get("batch_first") else (7, *batch, 3)
    x, t = sf.Tensor(normal(*shape), requires_grad=True), torch.tensor(normal(*shape)).double().requires_grad_()
    state: list[Any] = [(), ()]
    if begins == "given":
        count = ours.num_layers * (2 if ours.bidirectional else 1)
        sizes = [ours.proj_size or 4] + [4] * (name == "LSTM")
        drawn = [normal(count, 2, size, seed=3 + i) for i, size in enumerate(sizes)]
        for place, made in enumerate(
            (lambda each: sf.Tensor(each, True), lambda each: torch.tensor(each).double().requires_grad_())
        ):
            each = [made(h) for h in drawn]
            state[place] = (tuple(each) if name == "LSTM" else each[0],)
    y, last = ours(x, *state[0])
    u, final = theirs(t, *state[1])
    assert off(values(y), u) <= 64
    for mine, other in zip(last if name == "LSTM" else (last,), final if name == "LSTM" else (final,)):
        assert off(values(mine), other) <= 64
    slope = normal(*y.shape, seed=9)
    y.backward(slope)
    u.backward(torch.tensor(slope).double())
    assert off(x.grad.values, t.grad) <= 256
    for (key, p), q in zip(ours.named_parameters(), theirs.parameters()):
        assert off(p.grad.values, q.grad) <= 256, key


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("batch", [(), (5,)])
def test_a_cell_gives_what_torchs_gives(name: str, batch: tuple[int, ...]) -> None:
    for options in ({}, {"bias": False}, *([{"nonlinearity": "relu"}] if name == "RNNCell" else [])):
        ours, theirs = pair(name, (3, 4), options)
        assert repr(ours) == repr(theirs)
        theirs = theirs.double()
        x, h, c = normal(*batch, 3), normal(*batch, 4, seed=1), normal(*batch, 4, seed=2)
        t, u, v = (torch.tensor(each).double() for each in (x, h, c))
        given = ((sf.Tensor(h), sf.Tensor(c)), (u, v)) if name == "LSTMCell" else (sf.Tensor(h), u)
        for mine, other in ((ours(x), theirs(t)), (ours(x, given[0]), theirs(t, given[1]))):
            for one, two in zip(*((mine, other) if name == "LSTMCell" else ((mine,), (other,)))):
                assert off(values(one), two) <= 32


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("fmt", ["float16", "bfloat16"])
def test_a_recurrent_network_runs_in_the_16_bits_of_autocast(name: str, fmt: str) -> None:
    layer = getattr(nn, name)(3, 4, 2, rng=0)
    x = sf.Tensor(normal(5, 2, 3), requires_grad=True)
    with autocast(dtype=fmt):
        y, last = layer(x)
    ends = last if name == "LSTM" else (last,)
    assert {str(each.dtype) for each in (y, *ends)} == {fmt}
    y.float().sum().backward()
    assert (x.grad.dtype, layer.weight_ih_l0.grad.dtype) == (sf.float32, sf.float32)
    plain, _ = getattr(nn, name)(3, 4, 2, rng=0)(x)
    assert np.abs(plain.data.values - y.data.values).max() < 8 * sf.as_format(fmt).eps


def test_dropout_between_recurrent_layers_is_drawn_in_training_alone() -> None:
    layer = nn.LSTM(3, 4, 2, dropout=0.9, rng=0)
    x = normal(5, 2, 3)
    assert not np.array_equal(values(layer(x)[0]), values(layer(x)[0]))
    layer.eval()
    np.testing.assert_array_equal(values(layer(x)[0]), values(layer(x)[0]))


BAD_RECURRENT: dict[str, Callable[[Any, Any], Any]] = {
    "hidden_size": lambda lib, x: lib.LSTM(3, 0),
    "num_layers": lambda lib, x: lib.GRU(3, 4, 0),
    "proj_size of a GRU": lambda lib, x: lib.GRU(3, 4, proj_size=2),
    "proj_size": lambda lib, x: lib.LSTM(3, 4, proj_size=4),
    "dropout": lambda lib, x: lib.LSTM(3, 4, 2, dropout=1.5),
    "nonlinearity": lambda lib, x: lib.RNN(3, 4, nonlinearity="sine"),
    "dimensions": lambda lib, x: lib.LSTM(3, 4)(x(2, 2, 2, 3)),
    "inputs": lambda lib, x: lib.LSTM(3, 4)(x(2, 2, 5)),
    "state": lambda lib, x: lib.GRU(3, 4)(x(2, 2, 3), x(1, 3, 4)),
    "state of an LSTM": lambda lib, x: lib.LSTM(3, 4)(x(2, 2, 3), (x(1, 2, 4), x(1, 3, 4))),
    "inputs of a cell": lambda lib, x: lib.GRUCell(3, 4)(x(2, 5)),
}


@pytest.mark.parametrize("name", BAD_RECURRENT)
def test_what_no_recurrent_network_could_be_is_refused_as_torch_refuses_it(name: str) -> None:
    kinds = []
    for library, make in ((nn, lambda *shape: sf.Tensor(normal(*shape))), (torch.nn, lambda *s: torch.ones(*s))):
        with pytest.raises((ValueError, RuntimeError)) as caught:
            BAD_RECURRENT[name](library, make)
        kinds.append(caught.type)
    assert kinds[0] == kinds[1]


def test_dropout_of_one_recurrent_layer_warns() -> None:
    with pytest.warns(UserWarning, match="non-zero dropout expects num_layers greater than 1"):
        nn.LSTM(3, 4, dropout=0.1)


# --- transformers ------------------------------------------------------------------------------------------------

SHAPE = {"dim_feedforward": 12, "dropout": 0.0}
STACKS: list[tuple[str, dict[str, Any]]] = [
    ("TransformerEncoderLayer", {}),
    ("TransformerEncoderLayer", {"norm_first": True, "activation": "gelu", "bias": False}),
    ("TransformerDecoderLayer", {}),
    ("TransformerDecoderLayer", {"norm_first": True, "activation": "gelu"}),
    ("TransformerEncoder", {}),
    ("TransformerDecoder", {}),
    ("Transformer", {}),
]


def stacked(library: Any, name: str, options: dict[str, Any]) -> Any:
    if name.endswith("Layer"):
        return getattr(library, name)(8, 2, **SHAPE, **options, batch_first=True)
    if name == "Transformer":
        return library.Transformer(8, 2, 2, 2, **SHAPE, batch_first=True)
    layer = getattr(library, name + "Layer")(8, 2, **SHAPE, batch_first=True)
    return getattr(library, name)(layer, 2, library.LayerNorm(8))


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize(("name", "options"), STACKS, ids=str)
def test_a_transformer_gives_what_torch_gives(name: str, options: dict[str, Any], masked: bool) -> None:
    ours, theirs = stacked(nn, name, options), stacked(torch.nn, name, options)
    ours.load_state_dict(theirs.state_dict())
    shown, expected = (repr(each).split("\n") for each in (ours, theirs))
    assert shown == [line.replace("NonDynamicallyQuantizable", "") for line in expected]
    given = [normal(3, 4, 8, seed=i) for i in range(1 if "Encoder" in name else 2)]
    x = [sf.Tensor(each, requires_grad=True) for each in given]
    t = [torch.tensor(each).double().requires_grad_() for each in given]
    theirs = theirs.double()
    key = {"TransformerEncoder": "mask", "TransformerEncoderLayer": "src_mask"}.get(name, "tgt_mask")
    mask = nn.Transformer.generate_square_subsequent_mask(4)
    assert mask.tolist() == torch.nn.Transformer.generate_square_subsequent_mask(4).tolist()
    y = ours(*x, **({key: mask} if masked else {}))
    u = theirs(*t, **({key: torch.tensor(mask.data.values).double()} if masked else {}))
    assert off(values(y), u) <= 128
    slope = normal(3, 4, 8, seed=9)
    y.backward(slope)
    u.backward(torch.tensor(slope))
    for mine, other in zip([*x, *ours.parameters()], [*t, *theirs.parameters()]):
        assert off(mine.grad.values, other.grad) <= 1024


# --- whole networks and their state ------------------------------------------------------------------------------


def network(library: Any) -> Any:
    """The same network of either library."""
    return library.Sequential(
        library.Conv2d(1, 4, 3, padding=1),
        library.BatchNorm2d(4),
        library.ReLU(),
        library.MaxPool2d(2),
        library.Flatten(),
        library.Sequential(library.Linear(64, 16), library.GELU(), library.LayerNorm(16)),
        library.Linear(16, 10, bias=False),
    )


def test_a_network_is_shown_as_torch_shows_it() -> None:
    assert repr(network(nn)) == repr(network(torch.nn))


def test_names_and_order_of_all_parts_are_torchs() -> None:
    ours, theirs = network(nn), network(torch.nn)
    for names in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        found = [name for name, _ in getattr(ours, names)()]
        assert found == [name for name, _ in getattr(theirs, names)()]
    assert [*ours.state_dict()] == [*theirs.state_dict()]


def test_shared_replaced_and_missing_parts_are_listed_as_torch_lists_them() -> None:
    def tied(library: Any) -> Any:
        model = library.Module()
        model.body = library.Sequential(library.Linear(3, 3), library.ReLU(), library.Linear(3, 3))
        model.head = library.Linear(3, 3, bias=False)
        model.head.weight = model.body[0].weight
        model.again = model.body
        model.body = library.Identity()
        model.register_module("later", None)
        model.list = library.ModuleList([library.Linear(1, 1), library.BatchNorm1d(1)])
        model.list.insert(0, library.ModuleDict({"a": library.Embedding(2, 1)}))
        del model.again[1]
        return model

    ours, theirs = tied(nn), tied(torch.nn)
    for names in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        assert [name for name, _ in getattr(ours, names)()] == [name for name, _ in getattr(theirs, names)()]
    assert [*ours.state_dict()] == [*theirs.state_dict()]
    assert repr(ours) == repr(theirs)
    orders: list[list[str]] = [[], []]
    for model, order in zip((ours, theirs), orders):
        model.apply(lambda module, order=order: order.append(type(module).__name__))
    assert orders[0] == orders[1]


def test_a_network_comes_from_torch_and_goes_back() -> None:
    ours, theirs = network(nn), network(torch.nn)
    x = normal(3, 1, 8, 8)
    theirs(torch.tensor(x))  # so that its statistics are not those of the beginning
    assert str(ours.load_state_dict(theirs.state_dict())) == "<All keys matched successfully>"
    ours.eval()
    theirs.eval()
    hold(ours(x).data, theirs(torch.tensor(x)), doubled(theirs)(torch.tensor(x).double()), 4)
    back = network(torch.nn)
    back.load_state_dict({key: torch.from_numpy(array) for key, array in ours.state_dict().items()})
    for key, tensor in theirs.state_dict().items():
        assert torch.equal(back.state_dict()[key], tensor), key


@pytest.mark.parametrize("fmt", ["float16", "bfloat16"])
def test_a_state_of_sixteen_bits_keeps_its_bits_both_ways(fmt: str) -> None:
    theirs = torch.nn.Linear(5, 3).to(getattr(torch, fmt))
    ours = nn.Linear(5, 3, dtype=fmt)
    ours.load_state_dict(theirs.state_dict())
    for key, array in ours.state_dict().items():
        there = theirs.state_dict()[key]
        assert (array.view(np.int16) == there.view(torch.int16).numpy()).all()
        assert torch.equal(torch.from_numpy(array.view(np.int16)).view(there.dtype), there)


def test_a_float64_state_is_rounded_once() -> None:
    exact = 1 + 2.0**-8 + 2.0**-40  # by way of float32 this is a tie, and bfloat16 has 1
    ours = nn.Linear(1, 1, bias=False, dtype="bfloat16")
    ours.load_state_dict({"weight": torch.tensor([[exact]], dtype=torch.float64)})
    assert ours.weight.item() == 1 + 2.0**-7


STATES: list[Callable[[], dict[str, Any]]] = [
    lambda: {},
    lambda: {"0.weight": np.zeros((3, 5), np.float32)},
    lambda: {"0.weight": np.zeros((3, 4), np.float32), "0.bias": np.zeros(3, np.float32)},
    lambda: {"0.weight": np.zeros((3, 5), np.float32), "0.bias": np.zeros(1, np.float32), "1.bias": np.zeros(1)},
    lambda: {"weight": np.zeros((3, 5), np.float32), "0.bias": np.zeros(3, np.float32), "a.b": np.zeros(2)},
    lambda: {"0.weight": np.zeros((3, 5), np.float32), "0.bias": np.zeros(3, np.float32), "0.x": np.zeros(2)},
]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("make", STATES)
def test_a_state_that_does_not_fit_is_told_in_torchs_words(make: Callable[[], dict[str, Any]], strict: bool) -> None:
    ours, theirs = nn.Sequential(nn.Linear(5, 3)), torch.nn.Sequential(torch.nn.Linear(5, 3))
    answers: list[Any] = []
    for module, state in ((ours, make()), (theirs, {key: torch.tensor(value) for key, value in make().items()})):
        try:
            answers.append(tuple(module.load_state_dict(state, strict)))
        except RuntimeError as error:
            answers.append(str(error))
    assert answers[0] == answers[1]


# --- how parameters begin ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("Linear", (300, 200)),
        ("Conv2d", (30, 40, 5)),
        ("Conv2d", (30, 40, 5, 1, 0, 1, 2)),
        ("Embedding", (300, 200)),
        ("MultiheadAttention", (128, 4)),
        ("LayerNorm", (5,)),
        ("BatchNorm2d", (5,)),
    ],
    ids=str,
)
def test_parameters_begin_in_torchs_distributions(name: str, args: tuple[Any, ...]) -> None:
    torch.manual_seed(0)
    nn.manual_seed(0)
    ours, theirs = getattr(nn, name)(*args), getattr(torch.nn, name)(*args)
    for key, p in ours.named_parameters():
        x, y = p.data.values.astype(np.float64).ravel(), theirs.get_parameter(key).detach().double().numpy().ravel()
        # two samples of n: the largest distance of their distribution functions passes 2.2 / sqrt(n / 2) once in 10,000
        grid = np.sort(np.concatenate([x, y]))
        shares = [np.searchsorted(np.sort(each), grid, side="right") / len(each) for each in (x, y)]
        assert np.abs(shares[0] - shares[1]).max() <= 2.2 / np.sqrt(len(x) / 2), key


INITIALIZERS: list[tuple[str, dict[str, Any]]] = [
    ("uniform_", {"a": -1.0, "b": 3.0}),
    ("normal_", {"mean": 1.0, "std": 0.5}),
    ("trunc_normal_", {"std": 2.0, "a": -1.0, "b": 3.0}),
    ("constant_", {"val": 0.25}),
    ("ones_", {}),
    ("zeros_", {}),
    ("eye_", {}),
    ("xavier_uniform_", {"gain": 2.0}),
    ("xavier_normal_", {}),
    ("kaiming_uniform_", {"a": 0.5}),
    ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "relu"}),
    ("orthogonal_", {"gain": 2.0}),
]


@pytest.mark.parametrize(("name", "options"), INITIALIZERS, ids=[row[0] for row in INITIALIZERS])
def test_initializers_fill_from_torchs_distributions(name: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    nn.manual_seed(0)
    ours, theirs = nn.Parameter(np.zeros((150, 200), np.float32)), torch.nn.Parameter(torch.zeros(150, 200))
    assert getattr(nn.init, name)(ours, **options) is ours
    getattr(torch.nn.init, name)(theirs, **options)
    x, y = np.sort(ours.data.values.ravel()), np.sort(theirs.detach().numpy().ravel())
    grid = np.concatenate([x, y])
    shares = [np.searchsorted(each, grid, side="right") / len(each) for each in (x, y)]
    assert np.abs(shares[0] - shares[1]).max() <= 2.2 / np.sqrt(len(x) / 2)
    assert set(inspect.signature(getattr(nn.init, name)).parameters) == set(
        inspect.signature(getattr(torch.nn.init, name)).parameters
    )


def test_every_initializer_is_compared() -> None:
    assert set(nn.init.__all__) == {row[0] for row in INITIALIZERS} | {"calculate_gain"}


@pytest.mark.parametrize("name", [*nn.init.GAINS, "leaky_relu"])
def test_gains_are_torchs(name: str) -> None:
    assert nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)


# --- weights of another format -----------------------------------------------------------------------------------

TYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@pytest.mark.parametrize("own", TYPES)
@pytest.mark.parametrize("given", TYPES)
def test_rms_norm_takes_a_weight_of_any_format_and_gives_that_of_its_input(given: str, own: str) -> None:
    x, w = sf.array(normal(50, 37), given), sf.array(1 + normal(37, seed=1) / 4, own)
    a, v = sf.Tensor(x, requires_grad=True), sf.Tensor(w, requires_grad=True)
    b, u = (torch.from_numpy(each.values.copy()).to(TYPES[str(each.dtype)]).requires_grad_() for each in (x, w))
    y = nn.functional.rms_norm(a, (37,), v)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that it takes no fused kernel
        z = torch.nn.functional.rms_norm(b, (37,), u)
    assert TYPES[str(y.dtype)] == z.dtype == TYPES[given]
    exact = torch.nn.functional.rms_norm(b.double(), (37,), u.double(), float(np.finfo(np.float32).eps))
    slope = sf.array(normal(50, 37, seed=2), given)
    y.backward(slope)
    exact.backward(torch.from_numpy(slope.values.astype(np.float64)))
    wanted = exact.detach().numpy()
    half = 0.5 * sf.ulp(np.abs(wanted).astype(np.float32), given)  # one rounding, and the float32 errors before it
    assert (np.abs(y.data.values - wanted) <= half + 1e-6).all()
    for ours, theirs in ((a.grad, b.grad), (v.grad, u.grad)):
        scale = np.abs(theirs.double().numpy()).max()
        assert np.abs(ours.values - theirs.double().numpy()).max() <= 4 * scale * sf.as_format(given).eps


@pytest.mark.parametrize("name", ["LayerNorm", "GroupNorm"])
def test_other_norms_refuse_parameters_of_another_format_as_cuda_does(name: str) -> None:
    layer = getattr(nn, name)(*((6,) if name == "LayerNorm" else (2, 6)))
    x = sf.Tensor(normal(4, 6), dtype="bfloat16")
    with pytest.raises(RuntimeError, match=r"got bfloat16 and float32; bring them to one, as with `layer\.to"):
        layer(x)
    assert layer.to("bfloat16")(x).dtype == sf.bfloat16
    with autocast(dtype=sf.bfloat16):
        assert getattr(nn, name)(*((6,) if name == "LayerNorm" else (2, 6)))(x).dtype == sf.float32


def test_batch_norm_takes_parameters_in_float32() -> None:
    x = sf.Tensor(normal(5, 3), dtype="bfloat16", requires_grad=True)
    layer = nn.BatchNorm1d(3)
    y = layer(x)
    y.sum().backward()
    assert (y.dtype, layer.weight.grad.dtype, x.grad.dtype) == (sf.bfloat16, sf.float32, sf.bfloat16)


def test_the_default_eps_of_rms_norm_is_float32s_in_every_format() -> None:
    for fmt in TYPES:
        x = sf.Tensor(np.full((1, 4), 2.0**-11), dtype=fmt)
        expected = 2.0**-11 / np.sqrt(2.0**-22 + 2.0**-23)
        assert abs(nn.functional.rms_norm(x, (4,)).data.values - expected).max() < sf.as_format(fmt).eps


# --- what else a module has --------------------------------------------------------------------------------------


def test_parts_parameters_and_buffers_are_found_and_replaced_by_their_full_names() -> None:
    for library in (nn, torch.nn):
        model = network(library)
        assert model.get_parameter("5.0.weight") is model[5][0].weight
        assert model.get_buffer("1.running_mean") is model[1].running_mean
        for name in ("5.0.wait", "5.9.weight"):
            with pytest.raises(AttributeError):
                model.get_parameter(name)
        with pytest.raises(AttributeError):
            model.get_buffer("1.weight")
        part = library.Tanh()
        model.set_submodule("5.1", part)
        assert model[5][1] is part
        with pytest.raises(ValueError, match="Cannot set the submodule without a target name"):
            model.set_submodule("", part)


def test_what_is_shared_may_come_as_often_as_it_stands() -> None:
    def tied(library: Any) -> Any:
        layer = library.Linear(2, 2)
        return library.Sequential(layer, library.BatchNorm1d(2), layer)

    for names in ("named_parameters", "named_buffers", "named_modules"):
        for option in ({}, {"remove_duplicate": False}, {"prefix": "net"}):
            ours, theirs = (getattr(tied(library), names)(**option) for library in (nn, torch.nn))
            assert [name for name, _ in ours] == [name for name, _ in theirs]


def test_a_state_may_be_the_parameters_themselves_and_be_added_to_a_dict() -> None:
    model = network(nn)
    state = model.state_dict(keep_vars=True, prefix="net.")
    assert state["net.6.weight"] is model[6].weight
    kept: dict[str, Any] = {"epoch": 3}
    assert model.state_dict(destination=kept) is kept
    assert [*kept] == ["epoch", *model.state_dict()]


def test_assigned_states_keep_their_formats() -> None:
    layer, half = nn.Linear(3, 2), nn.Linear(3, 2, dtype="float16")
    weight = layer.weight
    layer.load_state_dict(half.state_dict(), assign=True)
    assert layer.weight is weight
    assert layer.weight.dtype == sf.float16
    np.testing.assert_array_equal(layer.weight.data.codes, half.weight.data.codes)


def test_a_module_goes_to_devices_and_formats_as_torchs_does() -> None:
    layer = nn.Linear(2, 2)
    for given in (("cuda",), ("cuda:0", "float16"), (sf.Tensor([1.0], dtype="bfloat16"),)):
        assert layer.to(*given, non_blocking=True) is layer
    assert layer.weight.dtype == sf.bfloat16
    assert layer.cuda().cpu().to(device="cuda", dtype=sf.float32).weight.dtype == sf.float32
    for bad, error in ((("float99",), ValueError), ((3.5,), TypeError)):
        with pytest.raises(error):
            layer.to(*bad)
    with pytest.raises(TypeError, match="unexpected keyword argument 'blocking'"):
        layer.to("cuda", blocking=True)
    with pytest.raises(NotImplementedError, match="there is no float64"):
        layer.double()


def test_parameters_go_into_a_vector_and_back_as_torchs_do() -> None:
    ours, theirs = pair("Linear", (3, 2), {})
    vector = nn.utils.parameters_to_vector(ours.parameters())
    assert vector.tolist() == torch.nn.utils.parameters_to_vector(theirs.parameters()).tolist()
    before = [p.data for p in ours.parameters()]
    with pytest.raises(ValueError, match="expected a vector of 8 values for these parameters, got shape"):
        nn.utils.vector_to_parameters(vector[:7], ours.parameters())
    assert all(p.data is data for p, data in zip(ours.parameters(), before))
    nn.utils.vector_to_parameters(vector * 2, ours.parameters())
    assert ours.weight.tolist() == (theirs.weight * 2).tolist()


def test_lists_and_dicts_of_parameters_are_found_as_torchs_are() -> None:
    def made(library: Any, tensor: Any) -> Any:
        model = library.Module()
        model.few = library.ParameterList([tensor(), library.Parameter(tensor())])
        model.few.append(tensor())
        model.few[0] = library.Parameter(tensor())
        model.named = library.ParameterDict({"a": tensor()})
        model.named["b"] = library.Parameter(tensor())
        model.rest = library.ModuleList([library.ReLU(), library.ReLU()])
        model.rest += [library.Tanh()]
        model.rest.pop(0)
        return model

    ours, theirs = made(nn, lambda: sf.Tensor([1.0])), made(torch.nn, lambda: torch.ones(1))
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    assert [*ours.state_dict()] == [*theirs.state_dict()]
    assert (len(ours.few), [*ours.named], "b" in ours.named) == (3, ["a", "b"], True)
    assert repr(ours.rest) == repr(theirs.rest)
    with pytest.raises(TypeError, match="expected a Parameter or a Tensor, got a str"):
        ours.few.append("weight")


# --- functions that no layer calls -------------------------------------------------------------------------------

FUNCTIONS: dict[str, tuple[Callable[[Any, Any], Any], tuple[int, ...]]] = {
    "normalize": (lambda F, x: F.normalize(x), (4, 5)),
    "normalize rows of 1": (lambda F, x: F.normalize(x, p=1, dim=0), (4, 5)),
    "cosine of every pair": (lambda F, x: F.cosine_similarity(x[:, None], x[None], dim=-1), (4, 5)),
    "distance of order 1": (lambda F, x: F.pairwise_distance(x, x * 2, p=1, keepdim=True), (4, 5)),
    "log of a target": (lambda F, x: F.kl_div(x, x * 2, reduction="sum", log_target=True), (4, 5)),
    "rate": (lambda F, x: F.poisson_nll_loss(x * x + 0.1, x * x, log_input=False), (4, 5)),
    "pad three axes": (lambda F, x: F.pad(x, (1, 0, 0, 2, 3, 1), value=0.5), (2, 3, 4)),
    "pad and cut": (lambda F, x: F.pad(x, (-1, 2)), (2, 3, 4)),
    "two pools": (lambda F, x: F.avg_pool1d(F.max_pool1d(x, 2, dilation=2), 3, 1, count_include_pad=False), (2, 3, 12)),
    "a square unfolded": (lambda F, x: F.unfold(x, 3, padding=1), (3, 4, 4)),
    "relu6": (lambda F, x: F.relu6(x * 8), (4, 5)),
    "resampled by two factors": (lambda F, x: F.interpolate(x, scale_factor=(0.5, 1.5)), (1, 2, 6, 6)),
    "lines": (lambda F, x: F.interpolate(x, scale_factor=0.7, mode="linear", recompute_scale_factor=True), (1, 2, 9)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_gives_what_torchs_gives(name: str) -> None:
    call, shape = FUNCTIONS[name]
    x, t = sf.Tensor(normal(*shape), requires_grad=True), torch.tensor(normal(*shape)).double().requires_grad_()
    y, u = call(nn.functional, x), call(torch.nn.functional, t)
    assert off(values(y), u) <= 16
    slope = normal(*y.shape, seed=9)
    y.backward(slope)
    u.backward(torch.tensor(slope).double())
    assert off(x.grad.values, t.grad) <= 64


def test_one_hot_codes_are_torchs() -> None:
    classes = np.array([[0, 2], [1, 1]])
    for count in (-1, 5):
        found = nn.functional.one_hot(classes, count)
        assert found.tolist() == torch.nn.functional.one_hot(torch.tensor(classes), count).tolist()
    for bad in (np.array([-1]), np.array([0.5]), np.array([], int)):
        with pytest.raises(RuntimeError):
            nn.functional.one_hot(bad)
    with pytest.raises(RuntimeError, match="smaller than num_classes"):
        nn.functional.one_hot(classes, 2)


def test_whole_channels_are_dropped_and_the_others_scaled() -> None:
    x = np.ones((50, 8, 3, 3), np.float32)
    y = nn.functional.dropout2d(x, 0.25, rng=0).data.values
    assert (y == y[:, :, :1, :1]).all()
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert 0.15 < (y == 0).mean() < 0.35
    assert nn.functional.dropout1d(x[:, :, 0], 1.0, rng=0).data.values.sum() == 0
    for layer in (nn.Dropout2d(0.5, rng=1), nn.Dropout1d(0.5, rng=1), nn.Dropout3d(0.5, rng=1)):
        layer.eval()
        np.testing.assert_array_equal(values(layer(x)), x)


BAD_FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "pad odd": lambda F, x: F.pad(x, (1,)),
    "pad too many": lambda F, x: F.pad(x, (1,) * 10),
    "pad mode": lambda F, x: F.pad(x, (1, 1), mode="mirror"),
    "reflect too far": lambda F, x: F.pad(x, (4, 0, 0, 0), mode="reflect"),
    "both sizes": lambda F, x: F.interpolate(x, 3, scale_factor=2),
    "no size": lambda F, x: F.interpolate(x),
    "corners of nearest": lambda F, x: F.interpolate(x, 3, align_corners=True),
    "lines of images": lambda F, x: F.interpolate(x, 3, mode="linear"),
    "shuffle": lambda F, x: F.pixel_shuffle(x, 2),
    "unshuffle": lambda F, x: F.pixel_unshuffle(x, 3),
    "halves": lambda F, x: F.glu(x, 1),
    "weights": lambda F, x: F.prelu(x, x[0, 0, 0]),
    "bounds": lambda F, x: F.hardtanh(x, 1.0, -1.0),
    "stride": lambda F, x: F.conv_transpose2d(x, x.transpose(0, 1), output_padding=1),
    "channels": lambda F, x: F.conv_transpose2d(x, x[:, :2]),
    "sequences": lambda F, x: F.conv1d(x, x),
    "windows": lambda F, x: F.max_pool1d(x[0], (2, 2)),
    "pooled to nothing": lambda F, x: F.adaptive_avg_pool2d(x, (1, 2, 3)),
    "reduction": lambda F, x: F.kl_div(x, x, reduction="median"),
    "margin": lambda F, x: F.cosine_embedding_loss(x, x, x),
}


@pytest.mark.parametrize("name", BAD_FUNCTIONS)
def test_what_no_function_could_compute_is_refused_as_torch_refuses_it(name: str) -> None:
    for F, x in ((nn.functional, sf.Tensor(normal(1, 3, 4, 4))), (torch.nn.functional, torch.ones(1, 3, 4, 4))):
        with pytest.raises((RuntimeError, ValueError, NotImplementedError)):
            BAD_FUNCTIONS[name](F, x)
