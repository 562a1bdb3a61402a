"""torch's names: factories, chance, contexts, switches, devices, and errors for what is not there."""

import copy
import importlib
import math
import warnings
from typing import Any

import numpy as np
import pytest

import simfp as sf
import simfp.torchlike as torch
from simfp import nn, precision
from simfp.accumulation import NumPyProduct
from simfp.amp import accumulating
from simfp.autograd import functions, picking, pointwise, truth
from simfp.torchlike.hints import DIFFERENCES, HINTS

# --- what is there


def test_every_function_of_tensors_is_there() -> None:
    for module in (functions, picking, pointwise, truth):
        for name in module.__all__:
            assert getattr(torch, name) is getattr(module, name)


@pytest.mark.parametrize("name", ["nn", "nn.functional", "nn.init", "nn.utils", "optim", "optim.lr_scheduler"])
def test_a_part_of_torch_has_all_that_simfp_has(name: str) -> None:
    below, above = (importlib.import_module(f"{package}.{name}") for package in ("simfp", "simfp.torchlike"))
    missing = [each for each in below.__all__ if not hasattr(above, each)]
    assert missing == []


def test_parts_are_reached_by_attributes_and_by_imports() -> None:
    import simfp.torchlike.nn.functional as F
    from simfp.torchlike.utils.data import DataLoader

    assert torch.nn.functional is F
    assert torch.utils.data.DataLoader is DataLoader
    assert torch.nn.Linear is nn.Linear
    assert torch.Tensor is sf.Tensor


def test_what_is_said_to_differ_is_there() -> None:
    for space, name in DIFFERENCES:
        owner = (
            torch.Tensor if space == "Tensor" else importlib.import_module(space.replace("torch", "simfp.torchlike"))
        )
        assert hasattr(owner, name), (space, name)


# --- what is not


def test_a_name_that_is_not_there_says_what_to_use() -> None:
    with pytest.raises(AttributeError, match=r"module 'simfp.torchlike' has no attribute 'svd': compute it in NumPy"):
        torch.svd  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'float64': float32: simfp's formats"):
        torch.float64  # noqa: B018
    with pytest.raises(AttributeError, match=r"torchlike.nn' has no attribute 'LazyLinear': give the number of inputs"):
        torch.nn.LazyLinear  # noqa: B018


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("from simfp.torchlike import distributed", "there is one process"),
        ("import simfp.torchlike.distributed as dist", "there is one process"),
        ("import simfp.torchlike.nn.parallel", "there is one process"),
        ("from simfp.torchlike.nn import LazyLinear", "give the number of inputs"),
        ("from simfp.torchlike.nn.functional import ctc_loss", "not computed"),
        ("from simfp.torchlike.utils.tensorboard import SummaryWriter", "keep the numbers in lists"),
        ("from simfp.torchlike.autograd import Function", "operations of one's own"),
    ],
)
def test_an_import_of_what_is_not_there_says_what_to_use(statement: str, words: str) -> None:
    with pytest.raises(ImportError, match=words):
        exec(statement)


def test_looking_for_a_name_finds_none() -> None:
    assert not hasattr(torch, "svd")
    assert getattr(torch, "no_such_name", None) is None
    assert not hasattr(torch, "__wrapped__")


def test_every_hint_says_something() -> None:
    assert all(spaces and names and use for spaces, names, use in HINTS)


# --- new tensors


@pytest.mark.parametrize(
    ("made", "values", "dtype"),
    [
        (lambda: torch.zeros(2, 3), np.zeros((2, 3)), sf.float32),
        (lambda: torch.zeros((2, 3), dtype=torch.int64), np.zeros((2, 3)), sf.int64),
        (lambda: torch.ones([2], dtype=torch.bfloat16), np.ones(2), sf.bfloat16),
        (lambda: torch.zeros(size=(1,)), np.zeros(1), sf.float32),
        (lambda: torch.empty(0), np.zeros(0), sf.float32),
        (lambda: torch.zeros(()), np.zeros(()), sf.float32),
        (lambda: torch.full((2,), 7), np.full(2, 7), sf.int64),
        (lambda: torch.full((2,), 0.1), np.full(2, np.float32(0.1)), sf.float32),
        (lambda: torch.full((), True), np.array(True), sf.bool),
        (lambda: torch.full(size=(1,), fill_value=math.inf), np.array([np.inf]), sf.float32),
        (lambda: torch.eye(2, 3), np.eye(2, 3), sf.float32),
        (lambda: torch.arange(3), np.arange(3), sf.int64),
        (lambda: torch.arange(1, 2, 0.25), np.arange(1, 2, 0.25), sf.float32),
        (lambda: torch.arange(5, 0, -2), np.array([5, 3, 1]), sf.int64),
        (lambda: torch.arange(3, dtype=torch.float32), np.arange(3), sf.float32),
        (lambda: torch.arange(start=1, end=3), np.array([1, 2]), sf.int64),
        (lambda: torch.linspace(0, 1, 5), np.linspace(0, 1, 5), sf.float32),
        (lambda: torch.logspace(0, 2, 3), np.array([1, 10, 100]), sf.float32),
        (lambda: torch.zeros_like(torch.arange(2)), np.zeros(2), sf.int64),
        (lambda: torch.ones_like(torch.zeros(2), dtype=torch.float16), np.ones(2), sf.float16),
        (lambda: torch.full_like(torch.zeros(2), 3), np.full(2, 3), sf.float32),
        (lambda: torch.from_numpy(np.arange(2)), np.arange(2), sf.int64),
        (lambda: torch.from_numpy(np.float64([0.1])), np.float32([0.1]), sf.float32),
        (lambda: torch.as_tensor([True]), np.array([True]), sf.bool),
    ],
)
def test_a_factory_makes_values_and_type(made: Any, values: Any, dtype: Any) -> None:
    x = made()
    assert x.dtype == dtype
    assert x.shape == values.shape
    assert x.tolist() == values.tolist()


def test_options_of_factories() -> None:
    assert torch.zeros(2, requires_grad=True, device="cuda").requires_grad
    x = torch.ones(2)
    assert torch.as_tensor(x) is x
    assert torch.as_tensor(x, dtype=torch.float16).dtype == sf.float16


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: torch.zeros(2, -1), RuntimeError, "negative dimension -1"),
        (lambda: torch.zeros(2.5), TypeError, "a shape consists of integers"),
        (lambda: torch.zeros(2, dtype="float64"), ValueError, "no float64"),
        (lambda: torch.zeros(2, device="tpu"), RuntimeError, "tpu"),
        (lambda: torch.zeros(2, names=("a",)), TypeError, "unexpected keyword argument 'names'"),
        (lambda: torch.arange(0, 1, 0), RuntimeError, "step must be nonzero"),
        (lambda: torch.arange(0, 1, -1), RuntimeError, "inconsistent with step sign"),
        (lambda: torch.arange(), TypeError, "takes end"),
        (lambda: torch.zeros(2, dtype=torch.int64, requires_grad=True), RuntimeError, "can require gradients"),
        (lambda: torch.from_numpy([1]), TypeError, "expected np.ndarray"),
        (lambda: torch.rand(2, dtype=torch.int64), NotImplementedError, "see randint"),
        (lambda: torch.randint(3, 3, (2,)), RuntimeError, "expects 'from' to be less than 'to'"),
        (lambda: torch.randperm(-1), RuntimeError, "non-negative"),
        (lambda: torch.randn(2, generator=3), TypeError, "expected a torch.Generator"),
        (lambda: torch.bernoulli(torch.tensor([1.5])), RuntimeError, "p_in"),
        (lambda: torch.multinomial(torch.tensor([0.0, 0.0]), 1), RuntimeError, "sum of probabilities"),
        (lambda: torch.multinomial(torch.tensor([1.0, 0.0]), 2), RuntimeError, "without replacement"),
        (lambda: torch.manual_seed("0"), TypeError, "a seed is an integer"),
        (lambda: torch.manual_seed(2**64), RuntimeError, "Overflow"),
        (lambda: torch.set_rng_state(torch.zeros(37)), RuntimeError, "37 bytes"),
        (lambda: torch.set_rng_state(torch.zeros(5056, dtype=torch.uint8)), RuntimeError, "another generator"),
        (lambda: torch.set_default_dtype(torch.float16), NotImplementedError, "float32 here, always"),
        (lambda: torch.set_float32_matmul_precision("low"), RuntimeError, "unknown precision 'low'"),
        (lambda: torch.finfo(torch.int32), TypeError, "see iinfo"),
        (lambda: torch.iinfo(torch.float16), TypeError, "see finfo"),
        (lambda: torch.diag(torch.zeros(1, 1, 1)), RuntimeError, "1D or 2D"),
        (lambda: torch.meshgrid(torch.zeros(1), indexing="yx"), ValueError, "yx"),
    ],
)
def test_what_no_factory_makes_is_refused(call: Any, error: Any, words: str) -> None:
    before = torch.get_rng_state().tolist()
    with pytest.raises(error, match=words):
        call()
    assert torch.get_rng_state().tolist() == before


# --- chance


def test_a_seed_repeats_weights_dropout_and_noise() -> None:
    def draw() -> list[Any]:
        drawn = [torch.rand(3), torch.randn(2), torch.randint(9, (4,)), torch.randperm(5), nn.Linear(2, 2).weight]
        drawn += [nn.functional.dropout(torch.ones(8)), torch.bernoulli(torch.full((4,), 0.5))]
        return [each.tolist() for each in drawn]

    torch.manual_seed(3)
    first = draw()
    assert draw() != first
    torch.manual_seed(3)
    assert draw() == first
    assert torch.initial_seed() == 3


def test_a_state_brings_back_what_comes_next() -> None:
    state = torch.get_rng_state()
    first = torch.rand(5, dtype=torch.float16).tolist(), torch.randint(0, 2**31, (3,), dtype=torch.int32).tolist()
    torch.set_rng_state(state)
    assert (
        torch.rand(5, dtype=torch.float16).tolist(),
        torch.randint(0, 2**31, (3,), dtype=torch.int32).tolist(),
    ) == first


def test_a_generator_of_ones_own_does_not_move_the_shared_one() -> None:
    before = torch.get_rng_state().tolist()
    first, second = (torch.Generator().manual_seed(5) for _ in range(2))
    assert torch.randn(4, generator=first).tolist() == torch.randn(4, generator=second).tolist()
    nn.init.normal_(torch.empty(3), generator=first)
    assert torch.get_rng_state().tolist() == before
    assert copy.deepcopy(torch.default_generator).get_state().tolist() == before


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float8_e5m2"])
def test_rand_stays_below_1_in_every_format(dtype: str) -> None:
    x = torch.rand(4000, dtype=dtype).data.values
    assert (x >= 0).all()
    assert (x < 1).all()
    assert (np.ldexp(x, sf.as_format(dtype).precision) % 1 == 0).all()


def test_multinomial_draws_each_place_once_without_replacement() -> None:
    drawn = torch.multinomial(torch.tensor([[0.5, 0.0, 0.5, 1.0], [1.0, 1.0, 1.0, 0.0]]), 3)
    assert [sorted(row) for row in drawn.tolist()] == [[0, 2, 3], [0, 1, 2]]
    many = torch.multinomial(torch.tensor([1.0, 0.0, 3.0]), 4000, replacement=True)
    counts = np.bincount(many.tolist(), minlength=3)
    assert counts[1] == 0
    assert abs(counts[2] / 4000 - 0.75) < 0.06  # eight standard deviations


# --- contexts


@pytest.mark.parametrize("make", [torch.no_grad, torch.inference_mode])
def test_no_graph_is_recorded_in_a_context_or_a_decorated_function(make: Any) -> None:
    def recorded() -> bool:
        return torch.is_grad_enabled()

    with make():
        assert not recorded()
        with torch.enable_grad():
            assert recorded()
        assert not recorded()
    assert recorded()
    assert not make()(recorded)()
    assert not make(recorded)()

    @make()
    def steps() -> Any:
        yield recorded()
        yield recorded()

    generator = steps()
    assert (next(generator), recorded(), next(generator), recorded()) == (False, True, False, True)


def test_a_context_ends_with_an_error_too() -> None:
    with pytest.raises(KeyError), torch.no_grad():
        raise KeyError
    assert torch.is_grad_enabled()


def test_inference_mode_false_changes_nothing() -> None:
    with torch.no_grad(), torch.inference_mode(False):
        assert not torch.is_grad_enabled()


def test_set_grad_enabled_is_a_switch_and_a_context() -> None:
    torch.set_grad_enabled(False)
    assert not torch.is_grad_enabled()
    torch.set_grad_enabled(True)
    with torch.set_grad_enabled(False):
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()


def test_autocast_by_todays_and_by_yesterdays_spelling() -> None:
    layer, x = nn.Linear(4, 4), torch.ones(2, 4)
    with torch.autocast("cuda"):
        assert layer(x).dtype == sf.float16
    with torch.amp.autocast("cuda", dtype=torch.bfloat16):
        assert layer(x).dtype == sf.bfloat16
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with torch.cuda.amp.autocast():
            assert layer(x).dtype == sf.float16
        scaler = torch.cuda.amp.GradScaler(init_scale=8.0)
    assert [each.category for each in told] == [FutureWarning, FutureWarning]
    assert all("is deprecated. Please use `torch.amp." in str(each.message) for each in told)
    assert scaler.get_scale() == 8
    assert isinstance(scaler, torch.amp.GradScaler)


def test_an_accumulator_is_chosen_from_outside() -> None:
    x, y = torch.randn(4, 64), torch.randn(64, 4)
    with torch.autocast("cuda", accumulator=sf.HOPPER):
        named = x @ y
    with accumulating(sf.HOPPER):
        with torch.autocast("cuda"):
            assert (x @ y).tolist() == named.tolist()
        with torch.autocast("cuda", accumulator=sf.VOLTA):
            assert precision.current().accumulator is sf.VOLTA
        with accumulating(None):
            assert precision.current().accumulator == NumPyProduct()
    assert precision.current().accumulator == NumPyProduct()


# --- switches and devices


def test_cuda_is_there() -> None:
    assert torch.cuda.is_available()
    assert torch.cuda.device_count() == 1
    assert torch.cuda.max_memory_allocated() == 0
    torch.cuda.synchronize()
    torch.cuda.manual_seed_all(4)
    first = torch.rand(2).tolist()
    torch.manual_seed(4)
    assert torch.rand(2).tolist() == first
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        torch.cuda.set_device(1)


def test_switches_are_kept() -> None:
    torch.set_float32_matmul_precision("high")
    assert torch.get_float32_matmul_precision() == "high"
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.benchmark = True
    assert torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = False
    assert not torch.backends.mps.is_available()
    torch.use_deterministic_algorithms(True)
    torch.set_default_dtype(torch.float32)


def test_compile_gives_back_what_it_is_given() -> None:
    model = nn.Linear(2, 2)
    assert torch.compile(model) is model
    assert torch.compile(mode="max-autotune")(len) is len
    with pytest.raises(RuntimeError, match="got a int"):
        torch.compile(3)


def test_what_formats_and_integers_can_hold() -> None:
    assert torch.finfo(torch.float16).max == 65504
    assert torch.finfo(torch.float16).min == -65504
    assert torch.finfo().eps == 2.0**-23
    assert torch.iinfo(torch.int8).max == 127
    assert torch.half is torch.float16
    assert torch.long is torch.int64
    assert isinstance(torch.float32, torch.dtype)
