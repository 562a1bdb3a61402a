"""Products along orders that a prober found: the sums are made in that order, and others are refused by name."""

import numpy as np
import pytest

import simfp as sf
from simfp.measured_orders import MeasuredOrders

TREE = ((0, 1), (2, 3))  # two parts, one after the other, and then their sum
ORDERS = MeasuredOrders({(2, 4, 3, "nn"): TREE})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_follow_the_tree_whatever_type_the_values_come_in(dtype: type) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((2, 4), (4, 3)))

    def part(k: int) -> np.ndarray:
        first = (a[:, k, None].astype(np.float64) * b[k]).astype(np.float32)
        return np.asarray(sf.fma(a[:, k + 1, None], b[k + 1], first, "float32"))

    expected = (part(0) + part(2)).astype(np.float32)
    found = ORDERS.products(a.astype(dtype), b.astype(dtype), sf.float32)
    assert np.array_equal(found.astype(np.float32), expected)
    assert np.array_equal(ORDERS.products(np.stack([a, a]), np.stack([b, b]), sf.float32)[1], found)


def test_the_layout_of_the_factors_chooses_the_tree_too() -> None:
    a = np.array([[1, 2**-24, 2**-24, 2**-24]] * 2, np.float32)
    b = np.ones((4, 3), np.float32)
    chain = (((0, 1), 2), 3)
    both = MeasuredOrders({(2, 4, 3, "nn"): TREE, (2, 4, 3, "nt"): chain})
    by_columns = np.asfortranarray(b)
    assert both.products(a, b, sf.float32)[0, 0] == 1 + 2.0**-23
    assert both.products(a, by_columns, sf.float32)[0, 0] == 1
    with pytest.raises(ValueError, match="a product 2x4x3 tn is not known; known are 2x4x3 nn, 2x4x3 nt"):
        both.products(np.asfortranarray(a), b, sf.float32)
    row = MeasuredOrders({(1, 4, 3, "tn"): chain})  # one row lies both ways
    assert row.products(a[:1], b, sf.float32)[0, 0] == 1


def test_what_was_not_asked_for_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="the order of a product 1x4x3 nn is not known; known are 2x4x3 nn"):
        ORDERS.products(np.ones((1, 4)), np.ones((4, 3)), sf.float32)
    with pytest.raises(ValueError, match="these orders are of products of float32, got float16"):
        ORDERS.products(np.ones((2, 4)), np.ones((4, 3)), sf.float16)
    with pytest.raises(ValueError, match="`inputs` must be float32 or tfloat32, got 'float16'"):
        MeasuredOrders({}, "float16")
    with pytest.raises(TypeError, match="MeasuredOrders adds up products"):
        ORDERS(np.ones(4))


def test_products_of_nothing_need_no_order() -> None:
    assert ORDERS.products(np.ones((0, 2, 5)), np.ones((0, 5, 3)), sf.float32).shape == (0, 2, 3)
    assert ORDERS.products(np.ones((5, 0)), np.ones((0, 2)), sf.float32).tolist() == [[0, 0]] * 5
