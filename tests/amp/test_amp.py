"""autocast where it is simfp's own: how it may be called, other formats, accumulators, threads."""

import threading
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp import nn
from simfp.amp import (
    AUTOCAST_RULES,
    autocast,
    autocast_rule,
    get_autocast_dtype,
    is_autocast_available,
    is_autocast_enabled,
)
from simfp.autograd import Tensor
from simfp.autograd import functions as of
from simfp.ops import OPERATIONS
from simfp.precision import AUTOCAST_LISTS, current

linear, mse_loss = nn.functional.linear, nn.functional.mse_loss


def parts(region: autocast) -> tuple[str, bool, bool]:
    """The format, whether it casts, whether it keeps casts."""
    with region:
        now = current()
        return str(now.dtype), now.autocast, now.cache_enabled


# --- how it may be called ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        (autocast(), ("float16", True, True)),
        (autocast(False), ("float16", False, True)),
        (autocast(True, "bf16", False), ("bfloat16", True, False)),
        (autocast(enabled=False, dtype=sf.bfloat16), ("bfloat16", False, True)),
        (autocast("cuda"), ("float16", True, True)),
        (autocast("cpu"), ("bfloat16", True, True)),
        (autocast("cuda", sf.bfloat16, True, False), ("bfloat16", True, False)),
        (autocast(device_type="cuda", dtype="float16", enabled=False), ("float16", False, True)),
        (autocast(sf.bfloat16), ("bfloat16", True, True)),
        (autocast(dtype=np.float16), ("float16", True, True)),
    ],
    ids=repr,
)
def test_arguments_mean_what_they_mean_in_either_of_torchs_spellings(
    region: autocast, expected: tuple[str, bool, bool]
) -> None:
    assert parts(region) == expected


def test_autocast_without_a_device_is_float16_with_a_cache_wherever_it_stands() -> None:
    with autocast("cuda", dtype="bfloat16", cache_enabled=False):
        assert parts(autocast()) == ("float16", True, True)
        assert parts(autocast("cuda")) == ("bfloat16", True, False)


def test_a_format_in_the_place_of_the_device_is_told_where_it_belongs() -> None:
    with pytest.raises(RuntimeError, match=r"unsupported autocast device_type 'bf16'; .* dtype='bf16'"):
        autocast("bf16")


def test_too_many_or_repeated_arguments_are_a_type_error() -> None:
    with pytest.raises(TypeError, match="at most 3 arguments by position"):
        autocast(True, "float16", True, None)
    with pytest.raises(TypeError, match="multiple values for keyword argument 'enabled'"):
        autocast(True, enabled=False)
    with pytest.raises(TypeError, match="unexpected keyword argument 'dtyp'"):
        autocast(dtyp="float16")


def test_an_unknown_format_or_accumulator_is_named() -> None:
    with pytest.raises(ValueError, match="unknown format 'fp15'"):
        autocast(dtype="fp15")
    with pytest.raises(ValueError, match="unknown format 'hopper'"):
        autocast(accumulator="hopper")


def test_an_instance_may_be_entered_again_while_it_is_open() -> None:
    region = autocast(dtype="bfloat16")
    with region:
        with region, autocast(enabled=False), region:
            assert is_autocast_enabled()
        assert is_autocast_enabled()
    assert not is_autocast_enabled()


def test_a_decorated_function_may_call_itself() -> None:
    @autocast()
    def depth(count: int) -> int:
        return depth(count - 1) + is_autocast_enabled() if count else 0

    assert depth(5) == 5
    assert not is_autocast_enabled()


def test_one_decorated_function_may_run_in_several_threads_at_once() -> None:
    inside, wrong = threading.Barrier(4), []

    @autocast(dtype="bfloat16")
    def meet() -> None:
        inside.wait(timeout=60)
        if get_autocast_dtype() != sf.bfloat16:
            wrong.append(get_autocast_dtype())

    def run() -> None:
        meet()
        if is_autocast_enabled():
            wrong.append("left open")

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_was_not_entered_cannot_be_left() -> None:
    with pytest.raises(RuntimeError, match="left that was not entered in this thread"):
        autocast().__exit__()


def test_the_kept_casts_go_with_the_outermost_region() -> None:
    w = sf.Tensor([[1.0]], requires_grad=True)
    with autocast():
        kept = current().cache
        with autocast():
            linear(w.detach(), w)
            assert current().cache is kept
        assert len(kept) == 1
    assert kept == {}


# --- accumulators --------------------------------------------------------------------------------------------------


def test_an_accumulator_carries_the_sums_and_is_inherited() -> None:
    ones, w = sf.Tensor(np.ones((1, 4096), np.float32)), sf.Tensor(np.ones((1, 4096), np.float32))
    with autocast(accumulator="float16"):
        assert linear(ones, w).item() == 2048
        with autocast(dtype="bfloat16"):
            assert linear(ones, w).item() == 2048
            with autocast(accumulator=sf.HOPPER):
                assert linear(ones, w).item() == 4096
    with autocast():
        assert linear(ones, w).item() == 4096


def test_the_accumulator_of_the_forward_carries_the_backward_too() -> None:
    w = sf.Tensor([[1.0]], requires_grad=True)
    with autocast(accumulator=sf.SequentialSum("float16")):
        y = linear(sf.Tensor(np.ones((4096, 1), np.float32)), w)
    y.backward(np.ones((4096, 1), np.float32))
    assert w.grad is not None
    assert w.grad.item() == 2048


def test_an_accumulator_may_be_set_where_nothing_is_cast() -> None:
    ones = sf.Tensor(np.ones((1, 4096), np.float32))
    with autocast(enabled=False, accumulator="float16"):
        y = linear(ones, ones)
    assert (y.item(), y.dtype) == (2048, sf.float32)


# --- other formats ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fmt",
    [sf.float8_e4m3fn, sf.float8_e5m2, sf.tfloat32, sf.Format("toy", exponent_bits=5, mantissa_bits=4)],
    ids=str,
)
def test_products_run_in_any_format_and_losses_in_float32(fmt: sf.Format) -> None:
    x, w = np.float32([[0.3, -1.7]]), sf.Tensor([[0.7, 1.1]], requires_grad=True)
    with autocast(dtype=fmt):
        y = linear(x, w)
        loss = mse_loss(y, np.float32([[0.25]]))
    rounded = sf.array(x, fmt), sf.array(np.float32([[0.7, 1.1]]), fmt)
    assert y.dtype == fmt
    assert y.tolist() == sf.matmul(rounded[0], rounded[1].T, out_dtype=fmt).tolist()
    assert loss.dtype == sf.float32
    loss.backward()
    assert w.grad is not None
    assert w.grad.dtype == sf.float32
    assert (sf.round_to(w.grad.values, fmt) == w.grad.values).all()


def test_where_autocast_brings_nothing_together_eight_bits_and_float32_do_not_meet() -> None:
    x, w = sf.Tensor([[1.0]]), sf.Tensor([[0.5]])
    with autocast(dtype=sf.float8_e4m3fn):
        y = linear(x, w)
        with pytest.raises(TypeError, match="float32 and float8_e4m3fn have no common format"):
            x + y
        assert (x + y.float()).dtype == sf.float32


# --- the rules -------------------------------------------------------------------------------------------------------


def test_every_rule_is_explained_and_every_explained_rule_is_one() -> None:
    assert set(AUTOCAST_RULES) == {*AUTOCAST_LISTS, autocast_rule("add")}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_an_operation_has_the_rule_that_is_shown(operation: object) -> None:
    assert autocast_rule(operation.name) == operation.autocast  # type: ignore[attr-defined]


def test_a_rule_is_found_for_a_function_and_not_for_a_number() -> None:
    assert autocast_rule(mse_loss) == "float32"
    with pytest.raises(TypeError, match="the name of an operation, or a function, got 3"):
        autocast_rule(3)


def test_the_device_says_which_format_is_the_default() -> None:
    assert (get_autocast_dtype(), get_autocast_dtype("cpu")) == (sf.float16, sf.bfloat16)
    assert is_autocast_available("cuda")
    assert not is_autocast_available("meta")


@pytest.mark.parametrize("operation", [of.softmax, of.log_softmax, of.sum])
def test_kernels_that_widen_fp16_themselves_add_as_they_load_it(operation: Any) -> None:
    x = Tensor(np.random.default_rng(0).uniform(-4, 4, (40, 3000)).astype(np.float16), dtype="float16")
    with autocast("cuda", "float16"):
        told = operation(x, -1)
    np.testing.assert_array_equal(told.data.codes, operation(x, -1, dtype="float32").data.codes)
    assert (told.data.codes != operation(x.to("float32"), -1).data.codes).any()
