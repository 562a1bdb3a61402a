"""The orders in which an H100 sums its products, as recorded for a grid of shapes, and the rule that predicts some."""

from collections import Counter
from typing import Any

import pytest

import simfp as sf
from simfp.course import recordings
from simfp.tensor_core import Order, predicted_order

RECORDINGS = ("h100_orders", "h100_orders_tfloat32_float32")
ROWS: list[dict[str, Any]] = [row for name in RECORDINGS for row in recordings.load(name)["rows"]]


def test_of_a_grid_of_thousands_of_shapes_all_but_one_were_reproduced_bit_for_bit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shapes = Counter(row["fmt"] for row in ROWS)
    assert all(count >= 400 for count in shapes.values())
    assert set(shapes) == {"float16", "bfloat16", "tfloat32", "float32"}
    plain = sum(row["expected"] == 0 for row in ROWS)
    found = sum(row["expected"] > 0 and row["found"] == 0 for row in ROWS)
    left = [row for row in ROWS if row["expected"] and row["found"]]
    with capsys.disabled():
        print(f"\n{len(ROWS):,} shapes of products: {plain:,} summed from first to last, {found:,} in an order found")
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


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_order_found_is_told(name: str) -> None:
    recording = recordings.load(name)
    named = {row["tree"] for row in recording["rows"] if "tree" in row}
    assert named == set(range(len(recording["trees"])))
    assert all(tree.startswith("the sum = ") for tree in recording["trees"])


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
