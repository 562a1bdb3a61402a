"""autocast's behaviour, asked of ours and of torch's alike: each scenario runs for both, in both 16-bit formats.

torch's runs on a CPU, where other operations are listed, but the regions and the cache are the same code.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch

import simfp as sf
from simfp import nn
from simfp.amp import autocast, get_autocast_dtype, is_autocast_enabled
from simfp.precision import AUTOCAST_LISTS

pytestmark = pytest.mark.torch


class Library(NamedTuple):
    """What a scenario needs of a library."""

    name: str
    autocast: Callable[..., Any]  # (format, **options)
    tensor: Callable[..., Any]  # (values, requires_grad=False)
    linear: Callable[[Any, Any], Any]
    mse_loss: Callable[[Any, Any], Any]
    no_grad: Callable[[], Any]
    add_: Callable[[Any, float], None]  # adds to a leaf in place
    to: Callable[[Any, str], Any]
    is_enabled: Callable[[], bool]
    dtype_now: Callable[[], str]

    def dtype(self, x: Any) -> str:
        return str(x.dtype).removeprefix("torch.")


def _add_in_place(w: sf.Tensor, x: float) -> None:
    w.data[...] = w.data + x


def _torch_add_(w: torch.Tensor, x: float) -> None:
    with torch.no_grad():
        w.add_(x)


SIMFP = Library(
    "simfp",
    lambda fmt, **options: autocast("cuda", dtype=fmt, **options),
    lambda values, requires_grad=False: sf.Tensor(values, requires_grad),
    nn.functional.linear,
    nn.functional.mse_loss,
    sf.no_grad,
    _add_in_place,
    lambda x, fmt: x.to(fmt),
    is_autocast_enabled,
    lambda: str(get_autocast_dtype()),
)
TORCH = Library(
    "torch",
    lambda fmt, **options: torch.autocast("cpu", dtype=fmt and getattr(torch, fmt), **options),
    lambda values, requires_grad=False: torch.tensor(values, dtype=torch.float32, requires_grad=requires_grad),
    torch.nn.functional.linear,
    torch.nn.functional.mse_loss,
    torch.no_grad,
    _torch_add_,
    lambda x, fmt: x.to(getattr(torch, fmt)),
    lambda: torch.is_autocast_enabled("cpu"),
    lambda: str(torch.get_autocast_dtype("cpu")).removeprefix("torch."),
)
OTHER = {"float16": "bfloat16", "bfloat16": "float16"}


@pytest.fixture(params=[SIMFP, TORCH], ids=lambda library: library.name)
def lib(request: pytest.FixtureRequest) -> Library:
    library: Library = request.param
    return library


@pytest.fixture(params=["float16", "bfloat16"])
def fmt(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def w(lib: Library) -> Any:
    return lib.tensor([[1.0, 2.0]], requires_grad=True)


@pytest.fixture
def x(lib: Library) -> Any:
    return lib.tensor([[1.0, 1.0]])


# --- regions ---------------------------------------------------------------------------------------------------


def test_a_product_runs_in_the_regions_format(lib: Library, fmt: str, w: Any, x: Any) -> None:
    with lib.autocast(fmt):
        assert lib.dtype(lib.linear(x, w)) == fmt
    assert lib.dtype(lib.linear(x, w)) == "float32"


def test_a_nested_disabled_region_runs_in_the_formats_of_its_inputs(lib: Library, fmt: str, w: Any, x: Any) -> None:
    with lib.autocast(fmt):
        y = lib.linear(x, w)
        with lib.autocast(fmt, enabled=False):
            assert lib.dtype(lib.linear(x, w)) == "float32"
            with pytest.raises(RuntimeError, match="same dtype"):
                lib.linear(y, lib.tensor([[1.0]]))
        assert lib.dtype(lib.linear(x, w)) == fmt


def test_a_nested_region_without_a_dtype_has_that_of_the_region_around(lib: Library, fmt: str) -> None:
    with lib.autocast(fmt), lib.autocast(None):
        assert lib.dtype_now() == fmt


def test_an_exception_leaves_nothing_behind(lib: Library, fmt: str) -> None:
    before = lib.is_enabled(), lib.dtype_now()
    with pytest.raises(KeyError), lib.autocast(fmt), lib.autocast(OTHER[fmt], enabled=False):
        raise KeyError
    assert (lib.is_enabled(), lib.dtype_now()) == before


def test_a_decorated_function_runs_in_a_region(lib: Library, fmt: str, w: Any, x: Any) -> None:
    region = lib.autocast(fmt)

    @region
    def forward(x: Any) -> Any:
        """What it says."""
        return lib.linear(x, w)

    assert lib.dtype(forward(x)) == fmt
    assert (forward.__name__, forward.__doc__) == ("forward", "What it says.")
    assert not lib.is_enabled()


def test_a_region_is_of_its_thread_alone(lib: Library, fmt: str) -> None:
    seen: list[bool] = []
    with lib.autocast(fmt):
        thread = threading.Thread(target=lambda: seen.append(lib.is_enabled()))
        thread.start()
        thread.join()
    assert seen == [False]


def test_formats_of_eight_bits_are_cast_like_all_others(lib: Library, fmt: str, w: Any, x: Any) -> None:
    small = lib.to(x, "float8_e4m3fn")
    with lib.autocast(fmt):
        assert lib.dtype(lib.linear(small, w)) == fmt
        assert lib.dtype(lib.mse_loss(small, x)) == "float32"


# --- the cache of weights ----------------------------------------------------------------------------------------


def test_an_edit_in_place_leaves_a_stale_cast_until_the_region_ends(lib: Library, fmt: str, w: Any, x: Any) -> None:
    with lib.autocast(fmt):
        assert lib.linear(x, w).item() == 3
        lib.add_(w, 1.0)
        assert lib.linear(x, w).item() == 3
    with lib.autocast(fmt):
        assert lib.linear(x, w).item() == 5


def test_assigned_data_leave_a_stale_cast(lib: Library, fmt: str, w: Any, x: Any) -> None:
    with lib.autocast(fmt):
        lib.linear(x, w)
        w.data = lib.tensor([[10.0, 20.0]])
        assert lib.linear(x, w).item() == 3


def test_without_the_cache_an_edit_is_seen(lib: Library, fmt: str, w: Any, x: Any) -> None:
    with lib.autocast(fmt, cache_enabled=False):
        lib.linear(x, w)
        lib.add_(w, 1.0)
        assert lib.linear(x, w).item() == 5
        with lib.autocast(fmt):  # as the region around
            lib.add_(w, 1.0)
            assert lib.linear(x, w).item() == 7


@pytest.mark.parametrize("outer_enabled", [True, False])
def test_the_outermost_region_ends_the_cache_even_where_it_casts_nothing(
    lib: Library, fmt: str, w: Any, x: Any, outer_enabled: bool
) -> None:
    with lib.autocast(fmt, enabled=outer_enabled):
        with lib.autocast(fmt):
            lib.linear(x, w)
        lib.add_(w, 1.0)
        with lib.autocast(fmt):
            assert lib.linear(x, w).item() == 3
    with lib.autocast(fmt):
        assert lib.linear(x, w).item() == 5


def test_a_nested_region_of_another_format_gets_the_outer_ones_cast(lib: Library, fmt: str, w: Any, x: Any) -> None:
    with lib.autocast(fmt):
        lib.linear(x, w)
        with lib.autocast(OTHER[fmt]), pytest.raises(RuntimeError, match="expected m1 and m2 to have the same dtype"):
            lib.linear(x, w)
        assert lib.dtype(lib.linear(x, w)) == fmt


def test_a_cast_made_under_no_grad_has_a_graph_for_later(lib: Library, fmt: str, w: Any, x: Any) -> None:
    with lib.autocast(fmt):
        with lib.no_grad():
            assert not lib.linear(x, w).requires_grad
        lib.add_(w, 1.0)
        y = lib.linear(x, w)
        assert y.item() == 3  # the cast of then
    y.sum().backward()
    assert w.grad.tolist() == [[1, 1]]


@pytest.mark.parametrize("cache_enabled", [True, False])
def test_gradients_of_a_weight_used_twice_meet_in_sixteen_bits_with_the_cache(
    lib: Library, fmt: str, cache_enabled: bool
) -> None:
    big = {"float16": 2048.0, "bfloat16": 256.0}[fmt]  # and one more has no number of its own
    w = lib.tensor([[1.0]], requires_grad=True)
    with lib.autocast(fmt, cache_enabled=cache_enabled):
        y = lib.linear(lib.tensor([[big]]), w) + lib.linear(lib.tensor([[1.0]]), w)
    y.sum().backward()
    assert w.grad.item() == (big if cache_enabled else big + 1)
    assert lib.dtype(w.grad) == "float32"


def test_every_loss_of_a_region_comes_back_through_the_same_cast(lib: Library, fmt: str, w: Any, x: Any) -> None:
    with lib.autocast(fmt):
        for count in (1, 2, 3):
            lib.linear(x, w).sum().backward()
            assert w.grad.tolist() == [[count, count]]


def test_a_parameter_frozen_meanwhile_is_cast_afresh(lib: Library, fmt: str, w: Any, x: Any) -> None:
    with lib.autocast(fmt):
        lib.linear(x, w)
        w.requires_grad_(False)
        lib.add_(w, 1.0)
        y = lib.linear(x, w)
        assert (y.item(), y.requires_grad) == (5, False)
        w.requires_grad_(True)
        assert lib.linear(x, w).item() == 3


def test_what_is_no_leaf_is_not_kept(lib: Library, fmt: str, w: Any, x: Any) -> None:
    with lib.autocast(fmt):
        double = w + w
        lib.linear(x, double)
        double.data = lib.tensor([[5.0, 5.0]])
        assert lib.linear(x, double).item() == 10


# --- what is refused -----------------------------------------------------------------------------------------------


def test_a_format_that_a_cpu_does_not_support_warns_and_disables() -> None:
    with pytest.warns(UserWarning, match="dtype is not supported") as ours:
        region = autocast("cpu", dtype=sf.float32)
    with pytest.warns(UserWarning, match="dtype is not supported") as theirs:
        torch.autocast("cpu", dtype=torch.float32)
    assert str(ours[0].message) == str(theirs[0].message)
    with region:
        assert not is_autocast_enabled()


@pytest.mark.parametrize("make", [autocast, torch.autocast])
def test_a_device_must_be_a_string_and_known(make: Any) -> None:
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`, got: `<class 'int'>`"):
        make(3)
    with pytest.raises(RuntimeError, match=r"(unsupported autocast device_type|Expected one of cpu, cuda).*nope"):
        make("nope")


# --- the lists -----------------------------------------------------------------------------------------------------


def registered() -> set[str]:
    """The operations that torch has an autocast kernel for on CUDA, without their overloads."""
    registrations = torch._C._dispatch_get_registrations_for_dispatch_key("AutocastCUDA")
    return {name.removeprefix("aten::").partition(".")[0] for name in registrations}


def test_the_lists_name_every_operation_that_torch_registers_and_no_other() -> None:
    listed = [name for names in AUTOCAST_LISTS.values() for name in names]
    assert len(listed) == len(set(listed))
    assert set(listed) == registered()


def test_the_registrations_are_those_that_were_counted() -> None:
    counted = {(2, 13): 119}  # overloads each, by version
    version = tuple(map(int, torch.__version__.split(".")[:2]))
    registrations = torch._C._dispatch_get_registrations_for_dispatch_key("AutocastCUDA")
    assert len(registrations) == counted.get(version, len(registrations))
    assert len(registrations) >= len(registered())
