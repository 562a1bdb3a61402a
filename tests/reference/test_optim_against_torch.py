"""Optimizers, schedules and clipping against torch on a CPU, in its foreach form.

A GPU's bits are the aim. torch's CPU kernels make the same operations but for these:

- `addcmul` is fma(round(value * t1), t2, a), where CUDA has fma(value, round(t1 * t2), a), unless value is 1;
- `addcdiv` is a + round(round(value * t1) / t2), where CUDA has fma(value, round(t1 / t2), a);
- 16-bit `add`, and `mul` in place, round their scalar to the tensor's format first, where CUDA takes its
  float32; and elements that no longer fill a vector round the product of an `add` by itself;
- the square root is MKL's where torch is built with it, and a sixth of its float32 results are an ulp off; CUDA's are
  correctly rounded.

So float32 SGD is compared with torch itself, 16-bit SGD with scalars that 16 bits hold, and Adam with a twin made of
exact fractions, which with a CPU's `addcmul`, `addcdiv` and `sqrt` gives torch's bits, and with those of CUDA ours.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

import simfp as sf
from simfp import clipping, optim
from tests import exact
from tests.parameters import Parameter, spread
from tests.samples import assert_same

pytestmark = pytest.mark.torch

FORMATS = {sf.float32: torch.float32, sf.float16: torch.float16, sf.bfloat16: torch.bfloat16}
SIXTEEN_BITS = [sf.float16, sf.bfloat16]


def as_tensor(a: sf.Array) -> torch.Tensor:
    return torch.from_numpy(a.values.copy()).to(FORMATS[a.dtype])


def values_of(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to(torch.float32).numpy()


def pair(values: Any, fmt: sf.Format = sf.float32) -> tuple[Parameter, torch.Tensor]:
    """One parameter, in both libraries."""
    ours = Parameter(values, fmt)
    return ours, as_tensor(ours.data).requires_grad_()


def give(grad: Any, ours: Parameter, theirs: torch.Tensor) -> None:
    ours.grad = sf.array(grad, ours.dtype)
    theirs.grad = as_tensor(ours.grad)


# --- SGD -------------------------------------------------------------------------------------------------------

SGD_OPTIONS = [
    {"lr": 0.1},
    {"lr": 0.1, "weight_decay": 0.01},
    {"lr": 0.1, "momentum": 0.9},
    {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
    {"lr": 0.1, "momentum": 0.9, "dampening": 0.3},
    {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01, "maximize": True},
    {"lr": 0.1, "momentum": 0.9, "dampening": -0.7, "maximize": True},
]


@pytest.mark.parametrize("options", SGD_OPTIONS, ids=str)
@pytest.mark.parametrize("foreach", [True, False])
def test_float32_sgd_has_torchs_bits(options: dict[str, Any], foreach: bool) -> None:
    draw = np.random.default_rng(1)
    shapes = [(1,), (37,), (64, 33), (7, 5, 3), ()]
    pairs = [pair(spread(draw, *shape)) for shape in shapes]
    ours = optim.SGD([p for p, _ in pairs], **options)
    theirs = torch.optim.SGD([t for _, t in pairs], foreach=foreach, **options)
    for i in range(6):
        for p, t in pairs:
            give(spread(draw, *p.shape), p, t)
        if i == 2:  # one without a gradient, whose buffer lags behind
            pairs[1][0].grad = pairs[1][1].grad = None
        ours.step()
        theirs.step()
        for p, t in pairs:
            assert_same(p.data.values, values_of(t))
    if options.get("momentum"):
        for p, t in pairs:
            assert_same(ours.state[p]["momentum_buffer"].values, values_of(theirs.state[t]["momentum_buffer"]))


@pytest.mark.parametrize("fmt", SIXTEEN_BITS, ids=str)
@pytest.mark.parametrize(
    "options",
    [
        {"lr": 0.125},
        {"lr": 0.375, "weight_decay": 0.0078125},
        {"lr": 0.125, "momentum": 0.875},
        {"lr": 0.125, "momentum": 0.875, "dampening": 0.25, "maximize": True},
        {"lr": 0.125, "momentum": 0.875, "nesterov": True, "weight_decay": 0.0625},
    ],
    ids=str,
)
def test_16_bit_sgd_has_torchs_bits_where_16_bits_hold_the_scalars(fmt: sf.Format, options: dict[str, Any]) -> None:
    draw = np.random.default_rng(2)
    p, t = pair(spread(draw, 4096), fmt)
    ours, theirs = optim.SGD([p], **options), torch.optim.SGD([t], foreach=True, **options)
    for _ in range(5):
        give(spread(draw, 4096), p, t)
        ours.step()
        theirs.step()
        assert_same(p.data.values, values_of(t))


# --- Adam ------------------------------------------------------------------------------------------------------


def single(x: Fraction | float) -> float:
    """Rounded to float32."""
    return exact.round_exact(x, sf.float32, "nearest_even")


def operation(name: str) -> Callable[..., float]:
    """An operation of IEEE 754 in float32, of floats."""
    return lambda *operands: single(exact.exact_result(name, operands))


add, subtract, multiply, divide, sqrt, fma = map(operation, ("add", "subtract", "multiply", "divide", "sqrt", "fma"))

ADDCMUL = {
    "cuda": lambda a, x, y, value: fma(x, y, a) if value == 1 else fma(value, multiply(x, y), a),
    "cpu": lambda a, x, y, value: fma(multiply(value, x), y, a),
}
ADDCDIV = {
    "cuda": lambda a, x, y, value: fma(value, divide(x, y), a),
    "cpu": lambda a, x, y, value: add(a, divide(multiply(value, x), y)),
}
SQUARE_ROOT = {
    "cuda": lambda x, fmt: exact.round_exact(sqrt(x), fmt, "nearest_even"),
    "cpu": lambda x, fmt: torch.full((64,), x, dtype=FORMATS[fmt]).sqrt()[0].item(),
}


class AdamTwin:
    """Adam of one float32 weight, with the kernels of a device; every tensor is rounded to the format."""

    def __init__(self, weight: float, device: str, fmt: sf.Format, options: dict[str, Any]) -> None:
        self.weight, self.fmt, self.options = weight, fmt, options
        self.addcmul, self.addcdiv, self.square_root = ADDCMUL[device], ADDCDIV[device], SQUARE_ROOT[device]
        self.on_cpu = device == "cpu"
        self.mean = self.square = self.largest = 0.0
        self.steps = 0

    def rounded(self, x: float) -> float:
        return exact.round_exact(x, self.fmt, "nearest_even")

    def scalar(self, x: float) -> float:
        """As mul and add take it."""
        return self.rounded(single(x)) if self.on_cpu else single(x)

    def step(self, g: float) -> None:
        o = {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0} | self.options
        beta1, beta2 = o["betas"]
        self.steps += 1
        rounded, decay = self.rounded, o["weight_decay"]
        g = -g if o.get("maximize") else g
        if decay and o["decoupled"]:
            self.weight = rounded(multiply(self.weight, self.scalar(1 - o["lr"] * decay)))
        elif decay:
            g = rounded(fma(self.scalar(decay), self.weight, g))
        blend, distance = single(1 - beta1), subtract(g, self.mean)
        if blend < 0.5:
            self.mean = rounded(fma(blend, distance, self.mean))
        else:
            self.mean = rounded(fma(-subtract(1.0, blend), distance, g))
        self.square = rounded(multiply(self.square, self.scalar(beta2)))
        self.square = rounded(self.addcmul(self.square, g, g, single(1 - beta2)))
        self.largest = max(self.largest, self.square)
        root = self.square_root(self.largest if o.get("amsgrad") else self.square, self.fmt)
        root = rounded(divide(root, single((1 - beta2**self.steps) ** 0.5)))
        denominator = rounded(add(root, self.scalar(o["eps"])))
        rate = single(-(o["lr"] / (1 - beta1**self.steps)))
        self.weight = rounded(self.addcdiv(self.weight, self.mean, denominator, rate))


ADAMS = [
    (optim.Adam, torch.optim.Adam, {"lr": 0.01}),
    (optim.Adam, torch.optim.Adam, {"lr": 0.01, "weight_decay": 0.1, "maximize": True}),
    (optim.Adam, torch.optim.Adam, {"lr": 0.03, "betas": (0.3, 0.7), "eps": 1e-3}),
    (optim.AdamW, torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.01}),
    (optim.AdamW, torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.1, "amsgrad": True, "betas": (0.8, 0.95)}),
]
every_adam = pytest.mark.parametrize(
    ("our_kind", "their_kind", "options"), ADAMS, ids=lambda x: getattr(x, "__name__", str(x))
)


@every_adam
@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_adam_has_the_bits_of_cudas_kernels_and_torch_those_of_a_cpus(
    our_kind: Any, their_kind: Any, options: dict[str, Any], fmt: sf.Format
) -> None:
    size, steps = 64, 4
    draw = np.random.default_rng(3)
    start, gradients = spread(draw, size), [spread(draw, size) for _ in range(steps)]
    p, t = pair(start, fmt)
    ours, theirs = our_kind([p], **options), their_kind([t], foreach=True, **options)
    own = options | {"decoupled": our_kind is optim.AdamW, "weight_decay": ours.param_groups[0]["weight_decay"]}
    twins = {device: [AdamTwin(weight, device, fmt, own) for weight in p.data.tolist()] for device in ("cuda", "cpu")}
    for grad in gradients:
        give(grad, p, t)
        ours.step()
        theirs.step()
        for each in twins.values():
            for twin, g in zip(each, p.grad.tolist()):
                twin.step(g)
        assert_same(p.data.values, [twin.weight for twin in twins["cuda"]], start)
        assert_same(values_of(t), [twin.weight for twin in twins["cpu"]], start)
    for name, attribute in {"exp_avg": "mean", "exp_avg_sq": "square"}.items():
        assert_same(ours.state[p][name].values, [getattr(twin, attribute) for twin in twins["cuda"]])


# --- optimizers that are made of the same operations ---------------------------------------------------------------


class Kernels:
    """The foreach operations of a device on one number, every result rounded to a format."""

    def __init__(self, device: str, fmt: sf.Format) -> None:
        self.fmt, self.on_cpu = fmt, device == "cpu"
        self.products, self.quotients, self.roots = ADDCMUL[device], ADDCDIV[device], SQUARE_ROOT[device]

    def rounded(self, x: float) -> float:
        return exact.round_exact(x, self.fmt, "nearest_even")

    def scalar(self, x: float) -> float:
        return self.rounded(single(x)) if self.on_cpu else single(x)

    def mul(self, x: float, factor: float, in_place: bool = True) -> float:
        return self.rounded(multiply(x, self.scalar(factor) if in_place else single(factor)))

    def add(self, x: float, y: float, alpha: float = 1.0) -> float:
        return self.rounded(fma(self.scalar(alpha), y, x))

    def plus(self, x: float, scalar: float) -> float:
        return self.rounded(add(x, self.scalar(scalar)))

    def lerp(self, start: float, end: float, weight: float) -> float:
        blend, distance = single(weight), subtract(end, start)
        near = fma(blend, distance, start) if blend < 0.5 else fma(-subtract(1.0, blend), distance, end)
        return self.rounded(near)

    def addcmul(self, a: float, x: float, y: float, value: float) -> float:
        return self.rounded(self.products(a, x, y, single(value)))

    def addcdiv(self, a: float, x: float, y: float, value: float) -> float:
        return self.rounded(self.quotients(a, x, y, single(value)))

    def sqrt(self, x: float) -> float:
        return self.roots(x, self.fmt)


State = dict[str, float]


def rmsprop_step(k: Kernels, w: float, g: float, s: State, o: dict[str, Any], step: int) -> float:
    """As torch's source has it, line by line."""
    s["square_avg"] = k.addcmul(k.mul(s.get("square_avg", 0.0), o["alpha"]), g, g, 1 - o["alpha"])
    spread = s["square_avg"]
    if o["centered"]:
        s["grad_avg"] = k.lerp(s.get("grad_avg", 0.0), g, 1 - o["alpha"])
        spread = k.addcmul(spread, s["grad_avg"], s["grad_avg"], -1.0)
    below = k.plus(k.sqrt(spread), o["eps"])
    if not o["momentum"]:
        return k.addcdiv(w, g, below, -o["lr"])
    s["momentum_buffer"] = k.addcdiv(k.mul(s.get("momentum_buffer", 0.0), o["momentum"]), g, below, 1.0)
    return k.add(w, s["momentum_buffer"], -o["lr"])


def adagrad_step(k: Kernels, w: float, g: float, s: State, o: dict[str, Any], step: int) -> float:
    """As torch's source has it, line by line."""
    s["sum"] = k.addcmul(s.get("sum", o["initial_accumulator_value"]), g, g, 1.0)
    below = k.plus(k.sqrt(s["sum"]), o["eps"])
    in_place = bool(o["weight_decay"] or o["maximize"])
    return k.addcdiv(w, k.mul(g, -o["lr"] / (1 + (step - 1) * o["lr_decay"]), in_place), below, 1.0)


def adamax_step(k: Kernels, w: float, g: float, s: State, o: dict[str, Any], step: int) -> float:
    """As torch's source has it, line by line."""
    s["exp_avg"] = k.lerp(s.get("exp_avg", 0.0), g, 1 - o["betas"][0])
    s["exp_inf"] = max(k.mul(s.get("exp_inf", 0.0), o["betas"][1]), k.plus(abs(g), o["eps"]))
    return k.addcdiv(w, s["exp_avg"], s["exp_inf"], o["lr"] / (1 - o["betas"][0] ** step) * -1)


OTHERS: list[tuple[str, Callable[..., float], dict[str, Any]]] = [
    ("RMSprop", rmsprop_step, {}),
    ("RMSprop", rmsprop_step, {"lr": 0.03, "alpha": 0.9, "weight_decay": 0.1, "maximize": True}),
    ("RMSprop", rmsprop_step, {"momentum": 0.9, "eps": 1e-3}),
    ("RMSprop", rmsprop_step, {"centered": True, "eps": 1e-2}),
    ("RMSprop", rmsprop_step, {"centered": True, "eps": 1e-2, "momentum": 0.7, "alpha": 0.4}),
    ("Adagrad", adagrad_step, {}),
    ("Adagrad", adagrad_step, {"lr": 0.1, "lr_decay": 0.3, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
    ("Adamax", adamax_step, {}),
    ("Adamax", adamax_step, {"lr": 0.1, "betas": (0.4, 0.9), "weight_decay": 0.01, "maximize": True, "eps": 1e-3}),
]


@pytest.mark.parametrize(("name", "step", "options"), OTHERS, ids=lambda x: "" if callable(x) else str(x))
@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_an_optimizer_has_the_bits_of_cudas_kernels_in_the_order_of_torchs_source(
    name: str, step: Callable[..., float], options: dict[str, Any], fmt: sf.Format
) -> None:
    draw = np.random.default_rng(3)
    start, gradients = spread(draw, 64), [spread(draw, 64) for _ in range(4)]
    p, t = pair(start, fmt)
    ours, theirs = getattr(optim, name)([p], **options), getattr(torch.optim, name)([t], foreach=True, **options)
    o = theirs.param_groups[0]
    twins = {device: [(w, State()) for w in p.data.tolist()] for device in ("cuda", "cpu")}
    for number, grad in enumerate(gradients, 1):
        give(grad, p, t)
        ours.step()
        theirs.step()
        for device, each in twins.items():
            k = Kernels(device, fmt)
            for i, ((w, state), g) in enumerate(zip(each, p.grad.tolist())):
                slope = -g if o["maximize"] else g
                slope = k.add(slope, w, o["weight_decay"]) if o["weight_decay"] else slope
                each[i] = step(k, w, slope, state, o, number), state
        assert_same(p.data.values, [w for w, _ in twins["cuda"]], start)
        assert_same(values_of(t), [w for w, _ in twins["cpu"]], start)
    for key in twins["cuda"][0][1]:
        assert_same(ours.state[p][key].values, [state[key] for _, state in twins["cuda"]])


def test_every_optimizer_is_compared() -> None:
    assert {name for name in optim.__all__ if name[0].isupper()} == set(KINDS) | {"Optimizer"}


# --- state dicts, messages and text ----------------------------------------------------------------------------

KINDS = {
    "SGD": {"lr": 0.1, "momentum": 0.9},
    "Adam": {"lr": 0.1, "amsgrad": True},
    "AdamW": {"lr": 0.1, "weight_decay": 0.1},
    "RMSprop": {"lr": 0.1, "momentum": 0.9, "centered": True},
    "Adagrad": {"lr": 0.1, "lr_decay": 0.1},
    "Adamax": {"lr": 0.1},
}


def both(name: str, params: Any, theirs: Any, **options: Any) -> tuple[Any, Any]:
    return getattr(optim, name)(params, **options), getattr(torch.optim, name)(theirs, **options)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_torchs_state_dict_loads_with_its_values_and_options(name: str, fmt: sf.Format) -> None:
    draw = np.random.default_rng(5)
    pairs = [pair(spread(draw, 8), fmt) for _ in range(3)]
    ours, theirs = both(name, [p for p, _ in pairs], [t for _, t in pairs], **KINDS[name])
    theirs.add_param_group({"params": [torch.ones(2, requires_grad=True)], "lr": 0.5})
    ours.add_param_group({"params": [Parameter([1.0, 1.0])]})
    for _, t in pairs[1:]:
        t.grad = torch.ones_like(t)
    theirs.step()
    ours.load_state_dict(theirs.state_dict())
    assert [group["lr"] for group in ours.param_groups] == [0.1, 0.5]
    saved, expected = ours.state_dict(), theirs.state_dict()
    assert saved["state"].keys() == expected["state"].keys()
    for number, kept in expected["state"].items():
        assert saved["state"][number].keys() == kept.keys()
        for key, value in kept.items():
            assert_same(np.asarray(saved["state"][number][key], np.float64), values_of(value))
    for group, other in zip(saved["param_groups"], expected["param_groups"]):
        assert {key: group[key] for key in other} == other


def test_torch_goes_on_from_our_state_dict_with_our_bits() -> None:
    draw = np.random.default_rng(6)
    p, t = pair(spread(draw, 100))
    ours, theirs = both("SGD", [p], [t], **KINDS["SGD"])
    p.grad = sf.array(spread(draw, 100))
    ours.step()
    saved = copy.deepcopy(ours.state_dict())
    for kept in saved["state"].values():
        kept |= {key: torch.from_numpy(value) for key, value in kept.items()}
    with torch.no_grad():
        t.copy_(as_tensor(p.data))
    theirs.load_state_dict(saved)
    give(spread(draw, 100), p, t)
    ours.step()
    theirs.step()
    assert_same(p.data.values, values_of(t))


@pytest.mark.parametrize("name", KINDS)
def test_an_optimizer_without_own_options_has_torchs_text_but_for_these(name: str) -> None:
    p, t = pair([1.0])
    ours, theirs = both(name, [p], [t], **KINDS[name])
    own = ("kahan", "state_dtype", "update_rounding")
    kept = [line for line in repr(ours).split("\n") if not line.strip().startswith(own)]
    assert kept == repr(theirs).split("\n")


BAD_ARGUMENTS: list[tuple[str, dict[str, Any]]] = [
    *(("SGD", bad) for bad in ({"lr": -1.0}, {"momentum": -0.5}, {"weight_decay": -1.0}, {"nesterov": True})),
    ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
    *(
        (name, bad)
        for name in ("Adam", "AdamW")
        for bad in ({"lr": -1.0}, {"eps": -1.0}, {"betas": (1.0, 0.9)}, {"betas": (0.9, -0.1)}, {"weight_decay": -1.0})
    ),
    *(("RMSprop", {bad: -1.0}) for bad in ("lr", "eps", "momentum", "weight_decay", "alpha")),
    *(("Adagrad", {bad: -1.0}) for bad in ("lr", "eps", "lr_decay", "weight_decay", "initial_accumulator_value")),
    *(("Adamax", bad) for bad in ({"lr": -1.0}, {"betas": (0.9, 1.0)}, {"weight_decay": -1.0})),
]


def error_of(call: Callable[[], Any]) -> tuple[type[BaseException], str]:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        call()
    return caught.type, str(caught.value)


@pytest.mark.parametrize(("name", "bad"), BAD_ARGUMENTS, ids=str)
def test_bad_options_are_refused_in_torchs_words(name: str, bad: dict[str, Any]) -> None:
    p, t = pair([1.0])
    ours = error_of(lambda: getattr(optim, name)([p], **bad))
    assert ours == error_of(lambda: getattr(torch.optim, name)([t], **bad))
    assert ours[0] is ValueError


def two(library: str) -> tuple[Any, Any]:
    """Two parameters of a library."""
    if library == "torch":
        return torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    return Parameter([1.0]), Parameter([1.0])


def non_leaf(library: str) -> Any:
    p, _ = two(library)
    if library == "torch":
        return p * 2
    p.is_leaf = False
    return p


BAD_PARAMETERS: dict[str, Callable[[Any, str], Any]] = {
    "none": lambda kinds, library: kinds.SGD([]),
    "a set": lambda kinds, library: kinds.SGD([{"params": set(two(library))}]),
    "a number": lambda kinds, library: kinds.SGD([1]),
    "non-leaf": lambda kinds, library: kinds.SGD([non_leaf(library)]),
    "a list as a group": lambda kinds, library: kinds.SGD(two(library)).add_param_group(list(two(library))),
    "twice": lambda kinds, library: (lambda p: kinds.SGD([{"params": [p]}, {"params": p}]))(two(library)[0]),
    "some names missing": lambda kinds, library: kinds.SGD([("a", two(library)[0]), two(library)[0]]),
    "a group without names": lambda kinds, library: kinds.SGD([("a", two(library)[0])]).add_param_group(
        {"params": two(library)}
    ),
    "fewer groups": lambda kinds, library: kinds.SGD(two(library)).load_state_dict({"state": {}, "param_groups": []}),
    "a shorter group": lambda kinds, library: kinds.SGD(two(library)).load_state_dict(
        {"state": {}, "param_groups": [{"params": [0]}]}
    ),
}


@pytest.mark.parametrize("call", BAD_PARAMETERS)
def test_bad_parameters_are_refused_in_torchs_words(call: str) -> None:
    ours = error_of(lambda: BAD_PARAMETERS[call](optim, "simfp"))
    assert ours == error_of(lambda: BAD_PARAMETERS[call](torch.optim, "torch"))


@pytest.mark.parametrize("library", ["simfp", "torch"])
def test_duplicates_within_a_group_are_warned_of(library: str) -> None:
    p, _ = two(library)
    with pytest.warns(UserWarning, match="contains a parameter group with duplicate parameters"):
        (torch.optim if library == "torch" else optim).SGD([p, p])


@pytest.mark.parametrize("library", ["simfp", "torch"])
def test_names_of_parameters_are_kept(library: str) -> None:
    p, q = two(library)
    optimizer = (torch.optim if library == "torch" else optim).SGD([("weight", p), ("bias", q)])
    assert optimizer.param_groups[0]["params"] == [p, q]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]


# --- schedules -------------------------------------------------------------------------------------------------

SCHEDULES: dict[str, Callable[[Any, Any], Any]] = {
    "cosine": lambda kinds, optimizer: kinds.CosineAnnealingLR(optimizer, T_max=10),
    "cosine, a floor": lambda kinds, optimizer: kinds.CosineAnnealingLR(optimizer, T_max=17, eta_min=1e-3),
    "cosine, T_max 1": lambda kinds, optimizer: kinds.CosineAnnealingLR(optimizer, T_max=1),
    "linear": lambda kinds, optimizer: kinds.LinearLR(optimizer),
    "linear down": lambda kinds, optimizer: kinds.LinearLR(optimizer, 1.0, 0.0, total_iters=13),
    "step": lambda kinds, optimizer: kinds.StepLR(optimizer, 7, gamma=0.3),
    "lambda": lambda kinds, optimizer: kinds.LambdaLR(optimizer, lambda epoch: 0.95**epoch),
    "lambdas": lambda kinds, optimizer: kinds.LambdaLR(
        optimizer, [lambda epoch: 0.9**epoch, lambda epoch: 1 / (1 + epoch)]
    ),
    "multiplicative": lambda kinds, optimizer: kinds.MultiplicativeLR(optimizer, lambda epoch: 0.97),
    "milestones": lambda kinds, optimizer: kinds.MultiStepLR(optimizer, [3, 17, 17, 150], gamma=0.3),
    "constant": lambda kinds, optimizer: kinds.ConstantLR(optimizer, 0.3, total_iters=7),
    "exponential": lambda kinds, optimizer: kinds.ExponentialLR(optimizer, 0.983),
    "polynomial": lambda kinds, optimizer: kinds.PolynomialLR(optimizer, total_iters=130, power=1.7),
    "restarts": lambda kinds, optimizer: kinds.CosineAnnealingWarmRestarts(optimizer, 7, eta_min=1e-4),
    "longer restarts": lambda kinds, optimizer: kinds.CosineAnnealingWarmRestarts(optimizer, 5, T_mult=2),
    "cycles": lambda kinds, optimizer: kinds.CyclicLR(optimizer, 1e-3, [0.1, 0.3], 7, 13),
    "lower cycles": lambda kinds, optimizer: kinds.CyclicLR(optimizer, 1e-3, 0.1, 9, mode="triangular2"),
    "shrinking cycles": lambda kinds, optimizer: kinds.CyclicLR(
        optimizer, 1e-3, 0.1, 9, mode="exp_range", gamma=0.99, cycle_momentum=False
    ),
    "own cycles": lambda kinds, optimizer: kinds.CyclicLR(optimizer, 1e-3, 0.1, 9, scale_fn=lambda x: 1 / x),
    "one cycle": lambda kinds, optimizer: kinds.OneCycleLR(optimizer, [0.1, 0.3], total_steps=301),
    "one cycle, linear": lambda kinds, optimizer: kinds.OneCycleLR(
        optimizer, 0.1, epochs=31, steps_per_epoch=10, anneal_strategy="linear", pct_start=0.25
    ),
    "one cycle of three": lambda kinds, optimizer: kinds.OneCycleLR(optimizer, 0.1, 300, three_phase=True),
    "warm-up, then a cosine": lambda kinds, optimizer: kinds.SequentialLR(
        optimizer,
        [kinds.LinearLR(optimizer, 0.1, total_iters=20), kinds.CosineAnnealingLR(optimizer, 280, 1e-5)],
        [20],
    ),
    "three in turn": lambda kinds, optimizer: kinds.SequentialLR(
        optimizer,
        [kinds.ConstantLR(optimizer, 0.1, 4), kinds.ExponentialLR(optimizer, 0.9), kinds.StepLR(optimizer, 30)],
        [9, 50],
    ),
    "two at once": lambda kinds, optimizer: kinds.ChainedScheduler(
        [kinds.ConstantLR(optimizer, 0.1, 20), kinds.ExponentialLR(optimizer, 0.99)]
    ),
}
STEPS = 300


def groups(library: str) -> tuple[Any, Any]:
    """An optimizer with two groups, and the library's schedules."""
    params = [{"params": [each], "lr": lr} for each, lr in zip(two(library), (0.1, 0.0317))]
    kinds = torch.optim if library == "torch" else optim
    return kinds.SGD(params, lr=0.5), kinds.lr_scheduler


def rates_over_time(library: str, name: str, epochs: int, resumed_at: int | None = None) -> list[list[float]]:
    optimizer, kinds = groups(library)
    schedule = SCHEDULES[name](kinds, optimizer)
    rates = []
    for epoch in range(epochs):
        rates.append([group["lr"] for group in optimizer.param_groups])
        assert schedule.get_last_lr() == rates[-1]
        rates[-1] += [group["momentum"] for group in optimizer.param_groups]
        optimizer.step()
        schedule.step()
        if epoch == resumed_at:
            saved, state = schedule.state_dict(), optimizer.state_dict()
            optimizer, kinds = groups(library)
            schedule = SCHEDULES[name](kinds, optimizer)
            schedule.load_state_dict(saved)
            optimizer.load_state_dict(state)
    return rates


@pytest.mark.parametrize("name", SCHEDULES)
def test_learning_rates_are_torchs_doubles(name: str) -> None:
    ours = rates_over_time("simfp", name, STEPS)
    assert ours == rates_over_time("torch", name, STEPS)
    assert ours == rates_over_time("simfp", name, STEPS, resumed_at=11)


RESUMED: dict[str, Callable[[Any, Any], Any]] = {
    "cosine": lambda kinds, optimizer: kinds.CosineAnnealingLR(optimizer, 10, last_epoch=4),
    "step": lambda kinds, optimizer: kinds.StepLR(optimizer, 5, last_epoch=4),
    "linear": lambda kinds, optimizer: kinds.LinearLR(optimizer, last_epoch=2),
}


@pytest.mark.parametrize("name", RESUMED)
def test_a_schedule_goes_on_in_a_later_epoch_as_torchs_does(name: str) -> None:
    rates: dict[str, list[list[float]]] = {"simfp": [], "torch": []}
    for library, collected in rates.items():
        optimizer, kinds = groups(library)
        with pytest.raises(KeyError, match="param 'initial_lr' is not specified in param_groups\\[0\\]"):
            RESUMED[name](kinds, optimizer)
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
        schedule = RESUMED[name](kinds, optimizer)
        for _ in range(6):
            collected.append(schedule.get_last_lr())
            optimizer.step()
            schedule.step()
    assert rates["simfp"] == rates["torch"]


@pytest.mark.parametrize("library", ["simfp", "torch"])
def test_a_schedule_before_the_first_step_warns_and_after_it_does_not(library: str) -> None:
    optimizer, kinds = groups(library)
    schedule = kinds.StepLR(optimizer, 3)
    with pytest.warns(UserWarning, match="Detected call of `lr_scheduler.step\\(\\)` before `optimizer.step\\(\\)`"):
        schedule.step()
    optimizer, kinds = groups(library)
    schedules = [kinds.StepLR(optimizer, 3), kinds.CosineAnnealingLR(optimizer, 3)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            optimizer.step()
            for schedule in schedules:
                schedule.step()


class Decay:
    """A schedule with a state of its own."""

    def __init__(self, base: float) -> None:
        self.base = base

    def __call__(self, epoch: int) -> float:
        return self.base**epoch


@pytest.mark.parametrize("library", ["simfp", "torch"])
def test_a_lambda_schedule_saves_the_attributes_of_objects_but_no_functions(library: str) -> None:
    optimizer, kinds = groups(library)
    saved = kinds.LambdaLR(optimizer, [Decay(0.5), lambda epoch: 1.0]).state_dict()
    assert saved["lr_lambdas"] == [{"base": 0.5}, None]
    other = kinds.LambdaLR(groups(library)[0], [Decay(0.25), lambda epoch: 1.0])
    other.load_state_dict(saved)
    assert other.lr_lambdas[0].base == 0.5
    assert "lr_lambdas" in saved


BAD_SCHEDULES: dict[str, Callable[[Any, Any], Any]] = {
    "no optimizer": lambda kinds, optimizer: kinds.StepLR("optimizer", 3),
    "start": lambda kinds, optimizer: kinds.LinearLR(optimizer, start_factor=0.0),
    "end": lambda kinds, optimizer: kinds.LinearLR(optimizer, end_factor=1.5),
    "lambdas": lambda kinds, optimizer: kinds.LambdaLR(optimizer, [abs]),
    "no function": lambda kinds, optimizer: kinds.MultiplicativeLR(optimizer, 0.5),
    "constant": lambda kinds, optimizer: kinds.ConstantLR(optimizer, 1.5),
    "T_0": lambda kinds, optimizer: kinds.CosineAnnealingWarmRestarts(optimizer, 0),
    "T_mult": lambda kinds, optimizer: kinds.CosineAnnealingWarmRestarts(optimizer, 1, 0),
    "no such epoch": lambda kinds, optimizer: kinds.CosineAnnealingWarmRestarts(optimizer, 1).step(-1),
    "mode": lambda kinds, optimizer: kinds.CyclicLR(optimizer, 0.1, 0.2, mode="square"),
    "max_lr": lambda kinds, optimizer: kinds.CyclicLR(optimizer, 0.1, [0.2]),
    "no length": lambda kinds, optimizer: kinds.OneCycleLR(optimizer, 0.1),
    "steps": lambda kinds, optimizer: kinds.OneCycleLR(optimizer, 0.1, 0),
    "epochs": lambda kinds, optimizer: kinds.OneCycleLR(optimizer, 0.1, epochs=-1, steps_per_epoch=3),
    "pct_start": lambda kinds, optimizer: kinds.OneCycleLR(optimizer, 0.1, 10, pct_start=2.0),
    "strategy": lambda kinds, optimizer: kinds.OneCycleLR(optimizer, 0.1, 10, anneal_strategy="square"),
    "plateau factor": lambda kinds, optimizer: kinds.ReduceLROnPlateau(optimizer, factor=1.0),
    "plateau mode": lambda kinds, optimizer: kinds.ReduceLROnPlateau(optimizer, "best"),
    "plateau threshold": lambda kinds, optimizer: kinds.ReduceLROnPlateau(optimizer, threshold_mode="best"),
    "plateau lists": lambda kinds, optimizer: kinds.ReduceLROnPlateau(optimizer, min_lr=[0.1]),
    "none in turn": lambda kinds, optimizer: kinds.SequentialLR(optimizer, [], []),
    "none at once": lambda kinds, optimizer: kinds.ChainedScheduler([]),
    "milestones": lambda kinds, optimizer: kinds.SequentialLR(optimizer, [kinds.StepLR(optimizer, 3)], [3]),
    "a plateau in turn": lambda kinds, optimizer: kinds.SequentialLR(
        optimizer, [kinds.ReduceLROnPlateau(optimizer)], []
    ),
}


@pytest.mark.parametrize("name", BAD_SCHEDULES)
def test_bad_schedules_are_refused_in_torchs_words(name: str) -> None:
    calls = []
    for library in ("simfp", "torch"):
        optimizer, kinds = groups(library)
        calls.append(error_of(lambda kinds=kinds, optimizer=optimizer: BAD_SCHEDULES[name](kinds, optimizer)))
    assert calls[0] == calls[1]


PLATEAUS: dict[str, dict[str, Any]] = {
    "usual": {"patience": 3},
    "larger is better": {"mode": "max", "patience": 1, "factor": 0.5},
    "absolute": {"threshold": 0.05, "threshold_mode": "abs", "patience": 2, "cooldown": 3},
    "floors": {"patience": 0, "min_lr": [0.01, 0.001], "eps": 1e-4},
}


@pytest.mark.parametrize("name", PLATEAUS)
def test_a_plateau_lowers_learning_rates_when_torch_does(name: str) -> None:
    losses = np.exp(-np.arange(STEPS) / 40) + 0.05 * np.random.default_rng(5).normal(size=STEPS)
    losses[[7, 90]] = np.nan, np.inf
    rates: dict[str, list[Any]] = {"simfp": [], "torch": [], "resumed": []}
    for library, collected in rates.items():
        optimizer, kinds = groups("torch" if library == "torch" else "simfp")
        schedule = kinds.ReduceLROnPlateau(optimizer, **PLATEAUS[name])
        for i, loss in enumerate(losses):
            schedule.step(float(loss))
            collected.append((schedule.get_last_lr(), schedule.best, schedule.num_bad_epochs))
            if library == "resumed" and i == 50:
                saved, state = schedule.state_dict(), optimizer.state_dict()
                optimizer, kinds = groups("simfp")
                schedule = kinds.ReduceLROnPlateau(optimizer, **PLATEAUS[name])
                schedule.load_state_dict(saved)
                optimizer.load_state_dict(state)
    assert rates["simfp"] == rates["torch"] == rates["resumed"]
    assert len({str(each[0]) for each in rates["simfp"]}) > 2


def test_restarts_take_fractions_of_epochs_as_torchs_do() -> None:
    rates: dict[str, list[Any]] = {"simfp": [], "torch": []}
    for library, collected in rates.items():
        optimizer, kinds = groups(library)
        schedule = kinds.CosineAnnealingWarmRestarts(optimizer, 3, 2)
        for step in range(200):
            optimizer.step()
            schedule.step(step / 7)
            collected.append((schedule.get_last_lr(), schedule.T_cur, schedule.T_i))
    assert rates["simfp"] == rates["torch"]


@pytest.mark.parametrize("name", ["step", "linear", "cosine", "milestones", "constant", "exponential", "polynomial"])
def test_a_given_epoch_warns_and_has_the_learning_rate_of_torchs_closed_form(name: str) -> None:
    rates: dict[str, list[Any]] = {"simfp": [], "torch": []}
    for library, collected in rates.items():
        optimizer, kinds = groups(library)
        schedule = SCHEDULES[name](kinds, optimizer)
        optimizer.step()
        for epoch in (5, 2, 17, 0):
            with pytest.warns(UserWarning, match="epoch"):
                schedule.step(epoch)
            collected.append(schedule.get_last_lr())
    assert rates["simfp"] == rates["torch"]


def test_a_cycle_is_over_when_it_is_over() -> None:
    for library in ("simfp", "torch"):
        optimizer, kinds = groups(library)
        schedule = kinds.OneCycleLR(optimizer, 0.1, 3)
        for _ in range(3):
            optimizer.step()
            schedule.step()
        with pytest.raises(ValueError, match="Tried to step 4 times"):
            schedule.step()


def test_every_schedule_is_compared() -> None:
    made = {type(each(optim.lr_scheduler, groups("simfp")[0])).__name__ for each in SCHEDULES.values()}
    assert made | {"LRScheduler", "ReduceLROnPlateau"} == set(optim.lr_scheduler.__all__)


@pytest.mark.parametrize("name", ["lambdas", "three in turn", "two at once", "own cycles"])
def test_a_schedules_state_that_does_not_fit_changes_nothing(name: str) -> None:
    optimizer, kinds = groups("simfp")
    schedule = SCHEDULES[name](kinds, optimizer)
    for _ in range(5):
        optimizer.step()
        schedule.step()
    good, before = schedule.state_dict(), copy.deepcopy(schedule.state_dict())
    inner = next(key for key in ("_schedulers", "lr_lambdas", "_scale_fn_custom") if key in good)
    short = {key: value for key, value in good.items() if key != inner} | {"last_epoch": 99}
    for bad in (None, [1], short):
        with pytest.raises((TypeError, KeyError)):
            schedule.load_state_dict(bad)
        assert schedule.state_dict() == before
    if isinstance(good[inner], list):
        with pytest.raises(ValueError, match="expected the state of"):
            schedule.load_state_dict(good | {inner: good[inner][1:], "last_epoch": 99})
        assert schedule.state_dict() == before
    if inner == "_schedulers":
        parts = [good[inner][0] | {"last_epoch": 99}, *[None] * (len(good[inner]) - 1)]
        with pytest.raises(TypeError, match="expected a state_dict of a schedule, got NoneType"):
            schedule.load_state_dict(good | {inner: parts})
        assert schedule.state_dict() == before


# --- clipping --------------------------------------------------------------------------------------------------


def with_gradients(fmt: sf.Format, *gradients: Any) -> tuple[list[Parameter], list[torch.Tensor]]:
    pairs = [pair(np.zeros(np.shape(grad)), fmt) for grad in gradients]
    for (p, t), grad in zip(pairs, gradients):
        give(grad, p, t)
    return [p for p, _ in pairs], [t for _, t in pairs]


@pytest.mark.parametrize("norm_type", [2.0, 1.0, float("inf"), 3.0, 0.0], ids=str)
@pytest.mark.parametrize("max_norm", [0.1, 1.0, 1000.0])
@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_clipping_by_norm_has_torchs_bits_where_sums_are_exact(
    fmt: sf.Format, max_norm: float, norm_type: float
) -> None:
    # small integers, so that every order of additions gives the same sums
    draw = np.random.default_rng(7)
    gradients = [draw.integers(-3, 4, shape) for shape in ((8,), (5, 7), (1,))]
    ours, theirs = with_gradients(fmt, *gradients)
    our_norm = clipping.clip_grad_norm_(ours, max_norm, norm_type)
    their_norm = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type, foreach=True)
    if norm_type == 3.0:  # cube roots, where torch's are not correctly rounded
        assert abs(our_norm.item() - their_norm.item()) <= 2 * sf.ulp(their_norm.item(), fmt)
        return
    assert_same(our_norm.values, values_of(their_norm))
    for p, t in zip(ours, theirs):
        assert_same(p.grad.values, values_of(t.grad))


def test_the_norm_is_that_of_exact_sums() -> None:
    draw = np.random.default_rng(8)
    gradients = [spread(draw, 1000), spread(draw, 50, 50)]
    ours, theirs = with_gradients(sf.float32, *gradients)
    norms = [
        single(exact.exact_result("sqrt", (single(sum(Fraction(float(x)) ** 2 for x in g.reshape(-1))),)))
        for g in gradients
    ]
    total = single(exact.exact_result("sqrt", (single(sum(Fraction(x) ** 2 for x in norms)),)))
    norm = clipping.clip_grad_norm_(ours, 1.0)
    assert norm.item() == total
    their_norm = torch.nn.utils.clip_grad_norm_(theirs, 1.0).item()
    assert abs(total - their_norm) <= 4 * sf.ulp(total, sf.float32)


@pytest.mark.parametrize(
    "gradients", [([np.nan, 1.0],), ([np.inf, 1.0], [2.0]), ([0.0, 0.0],), ([3e38, 3e38],), ([1e-30, 1e-30],)], ids=str
)
@pytest.mark.parametrize("norm_type", [2.0, float("inf"), float("-inf"), 0.0, 1.0, 3.0, 0.5, -1.0])
def test_norms_that_are_not_numbers_or_vanish_are_torchs(gradients: Any, norm_type: float) -> None:
    ours, theirs = with_gradients(sf.float32, *gradients)
    norm = clipping.clip_grad_norm_(ours, 1.0, norm_type)
    assert_same(norm.values, values_of(torch.nn.utils.clip_grad_norm_(theirs, 1.0, norm_type, foreach=True)))
    for p, t in zip(ours, theirs):
        assert_same(p.grad.values, values_of(t.grad))


def test_gradients_of_several_formats_meet_in_float32() -> None:
    pairs = [pair([0.0, 0.0], fmt) for fmt in FORMATS]
    for p, t in pairs:
        give([3.0, 4.0], p, t)
    norm = clipping.clip_grad_norm_([p for p, _ in pairs], 1.0)
    their_norm = torch.nn.utils.clip_grad_norm_([t for _, t in pairs], 1.0)
    assert norm.dtype == sf.float32
    assert_same(norm.values, values_of(their_norm))


def test_a_non_finite_norm_raises_in_torchs_words_if_asked_to() -> None:
    ours, theirs = with_gradients(sf.float32, [np.inf])
    call = {"max_norm": 1.0, "norm_type": 2, "error_if_nonfinite": True}
    assert error_of(lambda: clipping.clip_grad_norm_(ours, **call)) == error_of(
        lambda: torch.nn.utils.clip_grad_norm_(theirs, **call)
    )
    assert ours[0].grad.tolist() == [np.inf]


@pytest.mark.parametrize("library", ["simfp", "torch"])
def test_one_parameter_none_and_an_empty_generator_can_be_clipped(library: str) -> None:
    p, q = two(library)
    clip = torch.nn.utils.clip_grad_norm_ if library == "torch" else clipping.clip_grad_norm_
    p.grad = torch.tensor([2.0]) if library == "torch" else sf.array([2.0])
    assert float(clip(p, 1.0)) == 2.0
    assert abs(float(p.grad[0]) - 1) < 1e-6
    assert float(clip([q], 1.0)) == 0.0
    with pytest.warns(UserWarning, match="empty generator"):
        assert float(clip((each for each in []), 1.0)) == 0.0


@pytest.mark.parametrize("bound", [0.1, 1.0, 1e6])
@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_clipping_by_value_has_torchs_bits(fmt: sf.Format, bound: float) -> None:
    draw = np.random.default_rng(9)
    ours, theirs = with_gradients(fmt, [*spread(draw, 61), np.inf, -np.inf, np.nan])
    clipping.clip_grad_value_(ours, bound)
    if bound > fmt.max:  # torch on a CPU refuses such a bound; on CUDA it leaves all numbers as they are
        assert_same(ours[0].grad.values, values_of(theirs[0].grad))
        return
    torch.nn.utils.clip_grad_value_(theirs, bound, foreach=True)
    assert_same(ours[0].grad.values, values_of(theirs[0].grad))
