"""The orders in which an H100 sums its products, as recorded for a grid of shapes, and the rule that predicts some."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp.probing import describe, leaves, product_along, read_tree, steps_of
from simfp.silicon import recordings
from simfp.tensor_core import Order, predicted_order

RECORDINGS = ("h100_orders", "h100_orders_tfloat32_float32")
FLOATS = recordings.load("h100_orders_tfloat32_float32")
ROWS: list[dict[str, Any]] = [row for name in RECORDINGS for row in recordings.load(name)["rows"]]


def test_of_a_grid_of_thousands_of_shapes_all_but_one_were_reproduced_bit_for_bit(
    say: Callable[[str], None],
) -> None:
    shapes = Counter(row["fmt"] for row in ROWS)
    assert all(count >= 400 for count in shapes.values())
    assert set(shapes) == {"float16", "bfloat16", "tfloat32", "float32"}
    plain = sum(row["expected"] == 0 for row in ROWS)
    found = sum(row["expected"] > 0 and row["found"] == 0 for row in ROWS)
    left = [row for row in ROWS if row["expected"] and row["found"]]
    say(f"{len(ROWS):,} shapes of products: {plain:,} summed from first to last, {found:,} in an order found")
    assert plain + found + len(left) == len(ROWS)
    assert [(row["fmt"], row["m"], row["k"], row["n"], row["layout"]) for row in left] == [
        ("float32", 10, 784, 1000, "nt")
    ]


def test_where_the_rule_predicts_an_order_it_was_that_order() -> None:
    predicted = [
        row for row in ROWS if predicted_order(row["fmt"], row["m"], row["k"], row["n"], row["layout"]) is not None
    ]
    assert len(predicted) > 1_500
    assert [row for row in predicted if row["expected"]] == []


def test_an_h200_sums_nearly_all_of_a_sample_in_the_orders_of_the_h100() -> None:
    other = recordings.load("h200_orders")
    assert other["provenance"]["device"] == "NVIDIA H200"
    asked = sum(other["asked"].values())
    assert asked > 500
    assert all(count > 100 for count in other["asked"].values())
    assert other["explained"] == asked  # the one that no model had on the H100, too
    assert sum(other["same"].values()) == asked - 1
    (row,) = other["differing"]
    assert {key: row["here"][key] for key in ("fmt", "m", "k", "n", "layout")} == {
        "fmt": "bfloat16", "m": 512, "k": 4096, "n": 128, "layout": "nt",
    }  # fmt: skip
    parts = [[len(leaves(part)) for part in flat(read_tree(row[key]["tree"]))] for key in ("here", "there")]
    assert parts == [[1408, 1408, 1280], [2048, 2048]]


def flat(tree: Any) -> list[Any]:
    """The parts of a split sum."""
    _, sums = steps_of(tree)
    return [part for each in sums for part in flat(each)] if sums else [tree]


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_order_found_is_told(name: str) -> None:
    recording = recordings.load(name)
    named = {row["tree"] for row in recording["rows"] if "tree" in row}
    assert named == set(range(len(recording["trees"])))
    assert all(describe(read_tree(tree)) == tree for tree in recording["trees"])


def test_the_one_shape_left_open_adds_its_last_terms_apart() -> None:
    """A mask cannot tell a product added by an fma from one rounded before; the H100 had 1,422 elements otherwise."""
    number, row = next((number, row) for number, row in enumerate(FLOATS["rows"]) if row["expected"] and row["found"])
    rng = np.random.default_rng(number)
    a, b = (np.asarray(sf.round_to(rng.standard_normal(size), "fp32")) for size in ((10, 784), (784, 1000)))
    tree, unit = read_tree(FLOATS["trees"][row["tree"]]), sf.SequentialSum("fp32", fma=True)
    apart, going_on = (product_along(tree, a, b, "fp32", unit, apart=apart) for apart in (True, False))
    assert (apart != going_on).sum() == row["found"] == 1422
    assert (unit.products(a, b, sf.float32) != apart).sum() == row["expected"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("fp16", 64, 128, 64), Order()),
        (("bf16", 10, 200, 64), Order()),
        (("fp16", 10, 200, 64, "tn"), None),  # the columns of the first factor do not begin at 16 bytes
        (("fp16", 64, 100, 64), None),
        (("fp16", 64, 128, 10), None),
        (("fp16", 64, 4096, 64), None),  # split
        (("tf32", 64, 128, 64), None),
        (("fp32", 64, 128, 64), None),
    ],
)
def test_the_rule_asks_for_alignment(arguments: tuple[Any, ...], expected: Order | None) -> None:
    assert predicted_order(*arguments) == expected


def test_a_layout_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown layout 'nx'; expected nn, nt, tn or tt"):
        predicted_order(sf.float16, 8, 8, 8, "nx")
