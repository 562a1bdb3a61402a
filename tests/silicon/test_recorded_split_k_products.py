"""Products with 16-bit results that an H200 made: their orders, and a sample of them made again, bit for bit."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import simfp as sf
from simfp.probing import read_tree
from simfp.silicon import recordings
from simfp.silicon.split_k_products import (
    FLOAT32_SUMS,
    FP16_SUMS,
    SHAPES,
    TRAINING,
    Shape,
    bias,
    checksum,
    model,
    summed,
)
from simfp.tensor_core import predicted_order

RECORDING = recordings.load("h200_half_products")
DEFAULT, WITHOUT, FP16 = (
    RECORDING[name] for name in ("by default", "without reduction in 16 bits", "with sums in float16")
)
MOST = 2**23  # multiply-adds of a product of the sample


def orders_of(part: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """For each shape the order, in words, and the way."""
    return {name: (each["order"], each["way"]) for each in part["orders"] for name in each["shapes"]}


def made(name: str, order: str, way: str, **options: Any) -> str:
    """The checksum of what the model makes."""
    shape = Shape.named(name)
    return checksum(model(shape, read_tree(order) if order else None, way, **options), shape.fmt)


def sample(part: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Of each order, the smallest product in every way and format that took it, and every third product besides."""
    found: dict[tuple[str, ...], tuple[str, str, str]] = {}
    for number, (name, (order, way)) in enumerate(
        sorted(orders_of(part).items(), key=lambda one: Shape.named(one[0])[1:4])
    ):
        shape = Shape.named(name)
        if shape.m * shape.k * shape.n <= MOST:
            key = (order, way, shape.fmt) if number % 3 else (name,)
            found.setdefault(key, (name, order, way))
    return list(found.values())


@pytest.mark.parametrize(("part", "asked"), [(DEFAULT, 880), (WITHOUT, 880), (FP16, 216)], ids=["on", "off", "fp16"])
def test_every_product_that_was_asked_for_was_reproduced(part: dict[str, Any], asked: int) -> None:
    assert part["asked"] == len(part["answers"]) == asked
    assert part["differing"] == {}
    assert set(orders_of(part)) == set(part["answers"]) <= {shape.name for shape in SHAPES}


@pytest.mark.parametrize(
    ("part", "core"), [(DEFAULT, sf.HOPPER), (WITHOUT, sf.HOPPER), (FP16, FP16_SUMS)], ids=["on", "off", "fp16"]
)
def test_a_sample_of_them_comes_out_with_no_differing_bit(
    part: dict[str, Any], core: Any, say: Callable[[str], None]
) -> None:
    chosen = sample(part)
    differing = [name for name, order, way in chosen if made(name, order, way, core=core) != part["answers"][name]]
    say(f"{len(chosen)} products with 16-bit results made again: {len(differing)} differ in a bit")
    assert len(chosen) > 75
    assert differing == []


def test_where_reduction_in_16_bits_is_not_allowed_every_sum_is_made_in_float32() -> None:
    assert {way for _, way in orders_of(WITHOUT).values()} == {"float32"}
    ways = Counter(way for _, way in orders_of(DEFAULT).values())
    assert ways == {"float32": 791, "narrow parts": 85, "narrow sums": 3, "narrow": 1}
    changed = {name for name in DEFAULT["answers"] if DEFAULT["answers"][name] != WITHOUT["answers"][name]}
    assert changed == {name for name, (_, way) in orders_of(DEFAULT).items() if way != "float32"}


def test_rounding_each_sum_of_parts_is_nowhere_needed_but_with_sums_in_float16() -> None:
    (name,) = (name for name, (_, way) in orders_of(DEFAULT).items() if way == "narrow")
    order, _ = orders_of(DEFAULT)[name]
    assert made(name, order, "narrow parts") == DEFAULT["answers"][name] != made(name, order, "float32")


@pytest.mark.parametrize("part", [DEFAULT, WITHOUT], ids=["on", "off"])
def test_where_the_rule_predicts_the_plain_order_it_was_that_order(part: dict[str, Any]) -> None:
    predicted = [name for name in part["answers"] if predicted_order(*Shape.named(name)) is not None]
    assert len(predicted) == 406
    assert {orders_of(part)[name] for name in predicted} == {("", "float32")}


@pytest.mark.parametrize("what", TRAINING)
def test_the_products_of_training_are_made_again_and_all_but_two_are_plain(what: str) -> None:
    part = RECORDING[what]
    assert set(part["answers"]) == {shape.name for shape in TRAINING[what]}
    other = {name for name, (order, _) in orders_of(part).items() if order}
    assert other == ({"float16 10x128x256 tn", "float16 10x256x256 tn"} if what.startswith("dW") else set())
    for name, (order, way) in orders_of(part).items():
        shape, options = Shape.named(name), {}
        if what.startswith("y"):
            options = {"add": bias(shape)}
        elif what.startswith("db"):
            options = {"given": summed(shape), "core": FLOAT32_SUMS}
        assert made(name, order, way, **options) == part["answers"][name], name


@pytest.mark.parametrize(("name", "part"), [("float16 10x128x256 tn", 8), ("float16 10x256x256 tn", 16)])
def test_the_two_that_are_not_are_sums_of_small_parts_in_float32(name: str, part: int) -> None:
    """The gradient of ten outputs' weights: its rows begin at no multiple of 16 bytes, and another kernel makes it."""
    told = RECORDING["dW = g^T x"]["answers"][name]
    assert made(name, "", "float32", core=sf.HOPPER.with_order(split_k=part)) == told
    assert made(name, "", "float32") != told


@pytest.mark.parametrize(
    "other",
    [
        sf.TensorCore(16, 24, "float16", "nearest_even"),
        sf.TensorCore(16, 26, "float16", "nearest_even"),
        sf.TensorCore(8, 25, "float16", "nearest_even"),
        sf.TensorCore(16, 25, "float16", "toward_zero"),
    ],
    ids=["24 bits", "26 bits", "8 terms", "toward zero"],
)
def test_sums_in_float16_tell_the_core_s_parameters(other: sf.TensorCore) -> None:
    plain = [name for name, (order, _) in orders_of(FP16).items() if not order]
    small = [name for name in plain if Shape.named(name).m * Shape.named(name).n <= 4096]
    same = [made(name, "", "float32", core=other) == FP16["answers"][name] for name in small]
    assert not all(same)
