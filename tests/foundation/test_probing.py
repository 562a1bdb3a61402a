"""The prober: trees of sums that are known, found by asking; what steps keep; products made along a tree."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp.probing import (
    Step,
    describe,
    factors,
    find_step,
    leaves,
    masks_for,
    name_of,
    product_along,
    read_tree,
    steps_of,
    summation_tree,
    survivors,
)


def rows_of(total: Callable[[np.ndarray], Any]) -> Callable[[np.ndarray], np.ndarray]:
    """A function of rows, from one of a single row in float32."""
    return lambda rows: np.array([total(row.astype(np.float32)) for row in rows], float)


def by_core(core: Any, fmt: str) -> Callable[[np.ndarray], np.ndarray]:
    """Sums of products with 1, as a tensor core makes them."""
    return lambda rows: core.products(rows, np.ones((rows.shape[1], 1)), sf.as_format(fmt))[:, 0]


def tree_of(sums: Callable[[np.ndarray], np.ndarray], terms: int, fmt: str = "float32") -> Any:
    return summation_tree(survivors(sums, terms, masks_for(fmt)), terms)


def chain(*steps: Any) -> Any:
    """((a, b), c ...: one step after the other, each with the running sum."""
    tree = tuple(steps[0])
    for step in steps[1:]:
        tree = (tree, *step)
    return tree


def normal(tree: Any) -> Any:
    """A tree with its children in one order."""
    return tuple(sorted(map(normal, tree), key=lambda each: leaves(each)[0])) if isinstance(tree, tuple) else tree


SEQUENTIAL = rows_of(lambda row: np.cumsum(row)[-1])
BACKWARDS = rows_of(lambda row: np.cumsum(row[::-1])[-1])


@pytest.mark.parametrize("terms", [2, 3, 10, 333])
def test_a_sum_from_the_first_to_the_last_term_is_one_chain(terms: int) -> None:
    assert tree_of(SEQUENTIAL, terms) == chain([0, 1], *([k] for k in range(2, terms)))


def test_a_sum_from_the_last_to_the_first_is_found_without_deep_recursion() -> None:
    tree = tree_of(BACKWARDS, 1200)
    steps, rest = steps_of(tree)
    assert rest == []
    assert [sorted(step) for step in steps] == [[1198, 1199], *([k] for k in range(1197, -1, -1))]


@pytest.mark.parametrize("terms", [1, 7, 8, 9, 16, 31, 129, 300])
def test_numpy_s_sum_is_told_from_its_cumulative_one_and_its_bits_are_those_along_its_tree(terms: int) -> None:
    # whatever order NumPy has for this processor
    found, ones = tree_of(rows_of(np.sum), terms), np.ones((terms, 1))
    assert sorted(leaves(found)) == list(range(terms))
    rows = np.random.default_rng(terms).standard_normal((50, terms)).astype(np.float32)
    along = product_along(found, rows.astype(float), ones, "float32", sf.SequentialSum("float32"))[:, 0]
    assert along.tolist() == [float(np.sum(row)) for row in rows]
    # our pairwise sum has one order everywhere: eight lanes, and before that a chain
    pairwise = tree_of(lambda rows: sf.PairwiseSum("float32").products(rows, ones, sf.float32)[:, 0], terms)
    assert (pairwise != tree_of(SEQUENTIAL, terms)) == (terms >= 8)


@pytest.mark.parametrize("fused", [False, True])
def test_a_library_s_matrix_product_is_some_tree_and_the_product_along_it_has_its_bits(fused: bool) -> None:
    # a library whose order is its own affair, as NumPy's is: the prober is told products of blocks and nothing else
    library = sf.PairwiseSum("float32", fma=fused, leaf=20, lanes=4)
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((16, 60)).astype(np.float32), rng.standard_normal((60, 16)).astype(np.float32)

    def sums(rows: np.ndarray) -> np.ndarray:
        padded = np.zeros((-(-len(rows) // 16) * 16, 60), np.float32)
        padded[: len(rows)] = rows
        blocks = (padded[start : start + 16].astype(float) for start in range(0, len(padded), 16))
        return np.concatenate([library.products(each, np.ones((60, 16)), sf.float32) for each in blocks])[
            : len(rows), 0
        ]

    tree = tree_of(sums, 60)
    assert leaves(tree) == list(range(60))
    a, b = a.astype(float), b.astype(float)
    made = library.products(a, b, sf.float32)
    same = [
        np.array_equal(product_along(tree, a, b, "float32", sf.SequentialSum("float32", fma=fma)), made)
        for fma in (False, True)
    ]
    assert same == [not fused, fused]


@pytest.mark.parametrize("fmt", ["float16", "bfloat16", "tfloat32"])
@pytest.mark.parametrize(
    "order", [sf.Order(), sf.Order(tile=64, k_tail="first"), sf.Order(split_k=40), sf.Order(terms=4)], ids=str
)
def test_the_order_of_a_tensor_core_is_found_and_a_product_along_it_has_the_same_bits(fmt: str, order: Any) -> None:
    core = sf.HOPPER.core(fmt).with_order(order)
    tree = tree_of(by_core(core, fmt), 100, fmt)
    parts = [[list(range(*step)) for step in part.tolist()] for part in order.parts(100, core.terms)]
    expected: Any = chain(*parts[0])
    for part in parts[1:]:
        expected = (expected, chain(*part))
    assert normal(tree) == normal(expected)
    rng = np.random.default_rng(1)
    a, b = (np.asarray(sf.round_to(rng.standard_normal(shape), fmt)) for shape in ((20, 100), (100, 9)))
    made = product_along(tree, a, b, fmt, sf.HOPPER)
    assert np.array_equal(made, core.products(a, b, sf.as_format(fmt)))


def test_split_sums_can_be_added_in_a_narrower_format() -> None:
    core = sf.HOPPER.core("fp16").with_order(split_k=40, reduction="float16")
    tree = tree_of(by_core(sf.HOPPER.core("fp16").with_order(split_k=40), "fp16"), 100, "fp16")
    rng = np.random.default_rng(2)
    a, b = (np.asarray(sf.round_to(rng.standard_normal(shape), "fp16")) for shape in ((5, 100), (100, 6)))
    assert np.array_equal(
        product_along(tree, a, b, "fp16", sf.HOPPER, reduction="fp16"), core.products(a, b, sf.float16)
    )


@pytest.mark.parametrize(
    ("generation", "fmt", "expected", "names"),
    [
        (sf.HOPPER, "float16", Step(16, 25, "toward_zero", "toward_zero"), ["Hopper", "Blackwell"]),
        (sf.HOPPER, "bfloat16", Step(16, 25, "toward_zero", "toward_zero"), ["Hopper", "Blackwell"]),
        (sf.HOPPER, "tfloat32", Step(8, 25, "toward_zero", "toward_zero"), ["Hopper", "Blackwell"]),
        (sf.AMPERE, "bfloat16", Step(8, 24, "toward_zero", "toward_zero"), ["Ampere", "Ada"]),
        (sf.TURING, "float16", Step(8, 24, "toward_zero", "toward_zero"), ["Turing", "Ampere", "Ada"]),
        (sf.VOLTA, "float16", Step(4, 23, "toward_zero", "toward_zero"), ["Volta"]),
    ],
)
def test_what_a_step_keeps_is_found_and_names_the_generation(
    generation: Any, fmt: str, expected: Step, names: list[str]
) -> None:
    sums = by_core(generation.core(fmt), fmt)
    step = find_step(sums, tree_of(sums, 100, fmt), 100, fmt)
    assert step == expected
    assert name_of(step, fmt) == names


@pytest.mark.parametrize(
    ("generation", "fmt", "expected", "names"),
    [
        (sf.HOPPER, "float8_e4m3fn", Step(32, 13, "toward_zero", "toward_zero"), ["Hopper"]),
        (sf.HOPPER, "float8_e5m2", Step(32, 13, "toward_zero", "toward_zero"), ["Hopper"]),
        (sf.ADA, "float8_e4m3fn", Step(16, 13, "toward_zero", "toward_zero"), ["Ada"]),
        (sf.BLACKWELL, "float8_e4m3fn", Step(32, 25, "toward_zero", "toward_zero"), ["Blackwell"]),
    ],
)
@pytest.mark.parametrize("part", [None, 128])
def test_8_bit_inputs_are_probed_by_products_of_two_values(
    generation: Any, fmt: str, expected: Step, names: list[str], part: int | None
) -> None:
    core = generation.core(fmt).with_order(split_k=part, reduction="float32" if part else None)

    def sums(rows: np.ndarray) -> np.ndarray:
        left, right = factors(rows)
        assert np.array_equal(sf.round_to(left, fmt), left)
        assert np.array_equal(sf.round_to(right, fmt), right)
        return np.array([core.products(a[None], b[:, None], sf.as_format(fmt))[0, 0] for a, b in zip(left, right)])

    masks = masks_for(fmt)
    assert masks.factors == 2
    tree = summation_tree(survivors(sums, 256, masks), 256)
    steps = [range(start, start + core.terms) for start in range(0, 256, core.terms)]
    half = len(steps) // 2
    assert normal(tree) == normal((chain(*steps[:half]), chain(*steps[half:])) if part else chain(*steps))
    step = find_step(sums, tree, 256, fmt, both=True)
    assert step == expected
    assert name_of(step, fmt) == names


def test_factors_multiply_to_the_value_exactly_and_share_its_exponent() -> None:
    x = np.array([1.75 * 2.0**-15, -(2.0**16), 2.0**-18, 1.5, 0.0])
    left, right = factors(x)
    assert np.array_equal(left * right, x)
    assert left.tolist() == [1.75 * 2.0**-7, -(2.0**8), 2.0**-9, 1.5, 0.0]


def test_a_core_that_rounds_to_nearest_and_a_sum_of_single_terms_are_told_apart() -> None:
    sums = by_core(sf.TensorCore(8, 26, rounding="nearest_even"), "bfloat16")
    assert find_step(sums, tree_of(sums, 40, "bfloat16"), 40, "bfloat16") == Step(8, 26, "toward_zero", "nearest")
    assert find_step(SEQUENTIAL, tree_of(SEQUENTIAL, 40), 40, "float32") == Step(1, None, "exact", "nearest")
    assert name_of(Step(1, None, "exact", "nearest"), "float16") == []


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        (chain(range(16), range(16, 32), range(32, 40)), "the sum = 2 x 16 (0 .. 31) + 1 x 8 (32 .. 39)"),
        (chain([0, 1], [2], [3]), "the sum = 4 x 1 (0 .. 3)"),
        (((0, 1), (2, 3)), "the sum = s1 + s2\ns2 = 2 x 1 (2 .. 3)\ns1 = 2 x 1 (0 .. 1)"),
        (chain([0, 8], [16], [24]), "the sum = 4 x 1 (0 .. 24, every 8th)"),
        (chain([0, 2], [4], [6]), "the sum = 4 x 1 (0 .. 6, every 2nd)"),
        (chain([0, 12], [24], [36]), "the sum = 4 x 1 (0 .. 36, every 12th)"),
        ((((0, 1), (2, 3)), 4), "the sum = s1 + s2, then 4\ns2 = 2 x 1 (2 .. 3)\ns1 = 2 x 1 (0 .. 1)"),
    ],
)
def test_trees_are_told_in_a_few_lines_and_read_back(tree: Any, told: str) -> None:
    assert describe(tree) == told
    assert read_tree(told) == normal(tree)


def test_steps_of_terms_that_are_no_neighbours_are_told_one_by_one() -> None:
    tree = chain([0, 8, 16], [1, 9, 17], range(2, 5), range(20, 23))
    assert describe(tree) == "the sum = 1 x 3 (0, 8, 16) + 1 x 3 (1, 9, 17) + 1 x 3 (2 .. 4) + 1 x 3 (20 .. 22)"
    assert read_tree(describe(tree)) == normal(tree)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "describes no sum"),
        ("the sum = s1 + s2", "'s1 + s2' describes no steps|'s1' describes no steps"),
        ("the sum = s1, then 4", "describes no sum, s1 is none"),
        ("the sum = 2 x (0 .. 3)", "describes no steps"),
        ("the sum = 2 x 1 (0 .. 1)\ns1 = 2 x 1 (2 .. 3)", "s1, the sum are added to nothing"),
    ],
)
def test_a_text_that_tells_of_no_tree_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_tree(text)


def test_parts_and_sums_of_parts_may_be_rounded_each_in_its_own_format() -> None:
    tree = tree_of(by_core(sf.HOPPER.core("fp16").with_order(split_k=40), "fp16"), 100, "fp16")
    rng = np.random.default_rng(4)
    a, b = (np.asarray(sf.round_to(rng.standard_normal(shape), "fp16")) for shape in ((9, 100), (100, 8)))
    cuts = [slice(0, 40), slice(40, 80), slice(80, 100)]
    p, q, r = (sf.HOPPER.products(a[:, cut], b[cut], sf.float16) for cut in cuts)

    def half(x: np.ndarray) -> np.ndarray:
        return np.asarray(sf.round_to(x, "fp16"))

    def single(x: np.ndarray) -> np.ndarray:
        return np.asarray(sf.round_to(x, "fp32"))

    expected = {
        ("fp16", "fp16"): half(half(half(p) + half(q)) + half(r)),
        ("fp16", "fp32"): single(single(half(p) + half(q)) + half(r)),
        ("fp32", "fp16"): half(half(half(p) + q) + r),
        ("fp32", "fp32"): single(single(p + q) + r),
    }
    made = {
        key: product_along(tree, a, b, "fp16", sf.HOPPER, partial_dtype=key[0], reduction=key[1]) for key in expected
    }
    assert all(np.array_equal(made[key], expected[key]) for key in expected)
    orders = {key: sf.Order(split_k=40, partial_dtype=key[0], reduction=key[1]) for key in expected}
    assert all(
        np.array_equal(sf.HOPPER.with_order(orders[key]).products(a, b, sf.float16), expected[key]) for key in expected
    )
    assert len({each.tobytes() for each in made.values()}) == 4


def test_a_term_beside_a_sum_of_sums_may_be_a_part_of_its_own() -> None:
    x = 1 + 2.0**-12
    a, b = np.array([[1.0, 1.0, 1.0, -3.0, x]]), np.array([[1.0], [1.0], [1.0], [1.0], [x]])
    unit = sf.SequentialSum("float32", fma=True)
    tree = (((0, 1), (2, 3)), 4)
    assert product_along(tree, a, b, "float32", unit)[0, 0] == 1 + 2.0**-11 + 2.0**-24 - (2.0**-24)
    a[0, 3] = -3.0 - 1
    assert product_along(tree, a, b, "float32", unit)[0, 0] == 2.0**-11 + 2.0**-24
    assert product_along(tree, a, b, "float32", unit, apart=True)[0, 0] == 2.0**-11


def test_a_function_that_changes_its_mind_is_refused() -> None:
    rng = np.random.default_rng(3)

    def shuffled(rows: np.ndarray) -> np.ndarray:
        return np.array([np.cumsum(rng.permutation(row.astype(np.float32)))[-1] for row in rows], float)

    with pytest.raises(ValueError, match=r"fit no tree|this is no sum"):
        tree_of(shuffled, 30)


@pytest.mark.parametrize("wrong", [np.mean, np.max, lambda row: np.nan, lambda row: row.sum() + row[0]])
def test_what_is_no_sum_is_refused(wrong: Callable[[np.ndarray], Any]) -> None:
    with pytest.raises(ValueError, match=r"this is no sum|fit no tree"):
        tree_of(rows_of(wrong), 20)


def test_a_format_too_narrow_for_masks_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"products of float4_e2m1fn reach from 0.25 to 16 only: too narrow"):
        masks_for("e2m1")


def test_only_accumulators_that_can_go_along_a_tree_do() -> None:
    with pytest.raises(TypeError, match="only a tensor core or a SequentialSum adds along a tree"):
        product_along((0, 1), np.ones((1, 2)), np.ones((2, 1)), "float32", sf.KahanSum("float32"))
