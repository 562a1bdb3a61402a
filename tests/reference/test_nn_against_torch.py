"""Modules against torch's on a CPU: names, arguments, state, text, errors; and values in float32, in stated ulps."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable
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
NAMES = sorted({row[0] for row in LAYERS} | {*LOSSES, "Embedding", "MultiheadAttention"})


@pytest.mark.parametrize("name", NAMES)
def test_arguments_have_torchs_names_order_and_defaults(name: str) -> None:
    def arguments(module: Any) -> dict[str, Any]:
        every = inspect.signature(module).parameters.items()
        return {key: each.default for key, each in every if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)}

    ours, theirs = arguments(getattr(nn, name)), arguments(getattr(torch.nn, name))
    expected = [(key, value) for key, value in theirs.items() if key not in LEFT_OUT.get(name, set())]
    assert [(key, value) for key, value in ours.items() if key not in OWN_ARGUMENTS] == expected


def test_every_layer_and_loss_is_compared() -> None:
    shown = {name for name in nn.__all__ if name[0].isupper()}
    assert shown - set(NAMES) == {"Module", "ModuleDict", "ModuleList", "Parameter", "Sequential"}


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
