"""What a format is: its derived numbers, its name, and what cannot be one."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import simfp as sf
from simfp import formats
from simfp.formats import ALIASES, NAMED_FORMATS, STORAGE_DTYPES, Format, as_format
from tests import exact
from tests.samples import CUSTOM_FORMATS, FORMATS, custom

per_format = pytest.mark.parametrize("fmt", FORMATS, ids=str)

# fmt: off
# From IEEE 754-2019, the OCP 8-bit and Microscaling specifications, and NVIDIA's description of TensorFloat-32.
#                    bits  bias  max                      smallest normal  smallest subnormal  +infinity   NaN
SPECIFIED = {
    "float32":       (32,  127,  (2 - 2**-23) * 2.0**127,  2.0**-126,       2.0**-149,          0x7F800000, 0x7FC00000),
    "tfloat32":      (19,  127,  (2 - 2**-10) * 2.0**127,  2.0**-126,       2.0**-136,          0x3FC00,    0x3FE00),
    "float16":       (16,   15,  65504.0,                  2.0**-14,        2.0**-24,           0x7C00,     0x7E00),
    "bfloat16":      (16,  127,  (2 - 2**-7) * 2.0**127,   2.0**-126,       2.0**-133,          0x7F80,     0x7FC0),
    "float8_e4m3fn": (8,     7,  448.0,                    2.0**-6,         2.0**-9,            None,       0x7F),
    "float8_e5m2":   (8,    15,  57344.0,                  2.0**-14,        2.0**-16,           0x7C,       0x7E),
    "float6_e2m3fn": (6,     1,  7.5,                      1.0,             0.125,              None,       None),
    "float6_e3m2fn": (6,     3,  28.0,                     0.25,            0.0625,             None,       None),
    "float4_e2m1fn": (4,     1,  6.0,                      1.0,             0.5,                None,       None),
}
# fmt: on


def test_the_specified_numbers_cover_every_named_format() -> None:
    assert list(SPECIFIED) == list(NAMED_FORMATS)


@pytest.mark.parametrize("name", SPECIFIED)
def test_named_formats_have_the_numbers_of_their_specifications(name: str) -> None:
    fmt = NAMED_FORMATS[name]
    derived = fmt.bits, fmt.bias, fmt.max, fmt.smallest_normal, fmt.smallest_subnormal, fmt.infinity_code, fmt.nan_code
    assert derived == SPECIFIED[name]
    assert fmt.name == name
    assert getattr(sf, name) is fmt
    assert name in sf.__all__


@pytest.mark.parametrize("name", STORAGE_DTYPES)
def test_named_formats_agree_with_finfo(name: str) -> None:
    fmt, info = NAMED_FORMATS[name], ml_dtypes.finfo(STORAGE_DTYPES[name])
    assert (fmt.bits, fmt.exponent_bits, fmt.mantissa_bits) == (info.bits, info.nexp, info.nmant)
    assert fmt.max == float(info.max) == -float(info.min)
    assert fmt.smallest_normal == float(info.smallest_normal)
    assert fmt.smallest_subnormal == float(info.smallest_subnormal)
    assert fmt.eps == float(info.eps)
    assert fmt.min_exponent == info.minexp


@per_format
def test_derived_numbers_are_those_that_the_codes_mean(fmt: Format) -> None:
    assert Fraction(fmt.max) == exact.largest(fmt)
    assert fmt.precision == fmt.mantissa_bits + 1
    assert fmt.bits == 1 + fmt.exponent_bits + fmt.mantissa_bits
    one = 2**fmt.mantissa_bits  # the first code with an exponent field
    assert Fraction(fmt.smallest_normal) == exact.meaning(one, fmt) == exact.power(fmt.min_exponent)
    smallest = exact.meaning(1, fmt) if fmt.subnormals else exact.meaning(one, fmt)
    assert Fraction(fmt.smallest_subnormal) == smallest
    assert Fraction(fmt.eps) == exact.spacing(Fraction(1), fmt) or fmt.smallest_normal > 1
    assert exact.binade(exact.largest(fmt)) == fmt.max_exponent
    if fmt.infinity_code is not None:
        assert exact.meaning(fmt.infinity_code, fmt) == exact.INFINITY
    if fmt.nan_code is not None:
        assert exact.meaning(fmt.nan_code, fmt) == exact.NAN
    assert (fmt.infinity_code is not None, fmt.nan_code is not None) == (fmt.infinities, fmt.nans)


@per_format
def test_the_carrier_holds_every_value_exactly(fmt: Format) -> None:
    ends = [fmt.max, fmt.smallest_normal, fmt.smallest_subnormal]
    assert [float(fmt.carrier.type(x)) for x in ends] == ends
    assert fmt.carrier == (np.float32 if fmt.smallest_normal >= 2.0**-126 and fmt.max < 2.0**128 else np.float64)
    assert fmt.code_dtype.itemsize * 8 >= fmt.bits
    assert fmt.code_dtype.kind == "u"


def test_storage_types_are_known_for_equal_formats_under_any_name() -> None:
    assert sf.float16.storage_dtype == np.float16
    assert custom("mine", 5, 10).storage_dtype == np.float16
    assert sf.float4_e2m1fn.storage_dtype == ml_dtypes.float4_e2m1fn
    assert sf.tfloat32.storage_dtype is None
    assert custom("toy", 3, 2).storage_dtype is None


# -- equality, text, immutability


def test_formats_are_equal_when_their_values_are() -> None:
    same = custom("other name", 5, 10)
    assert same == sf.float16
    assert hash(same) == hash(sf.float16)
    assert custom("x", 5, 10, exponent_bias=15) == same
    for options in ({"exponent_bias": 14}, {"subnormals": False}, {"infinities": False}, {"nans": False}):
        assert custom("float16", 5, 10, **options) != same
    assert len({*FORMATS}) == len(FORMATS)


@per_format
def test_repr_can_be_evaluated_and_str_is_the_name(fmt: Format) -> None:
    again = eval(repr(fmt), {"simfp": sf, "Format": Format})
    assert again == fmt
    assert again.name == fmt.name == str(fmt)


def test_repr_of_a_named_format_is_short() -> None:
    assert repr(sf.float16) == "simfp.float16"
    assert repr(custom("toy", 3, 2, nans=False)) == "Format('toy', exponent_bits=3, mantissa_bits=2, nans=False)"


def test_formats_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        sf.float16.exponent_bits = 6  # type: ignore[misc]


@per_format
def test_formats_can_be_pickled_and_copied(fmt: Format) -> None:
    for again in (pickle.loads(pickle.dumps(fmt)), copy.deepcopy(fmt)):
        assert (again, again.name, again.max) == (fmt, fmt.name, fmt.max)


# -- as_format


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_a_format_names_itself(fmt: Format) -> None:
    assert as_format(fmt) is fmt


@pytest.mark.parametrize("name", NAMED_FORMATS)
def test_names_are_read_in_any_case_and_with_torchs_prefix(name: str) -> None:
    for spelling in (name, name.upper(), name.replace("_", "-"), f"torch.{name}"):
        assert as_format(spelling) is NAMED_FORMATS[name]


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_aliases_are_read(alias: str, name: str) -> None:
    assert as_format(alias) is NAMED_FORMATS[name]
    assert alias not in NAMED_FORMATS


@pytest.mark.parametrize(("name", "dtype"), STORAGE_DTYPES.items())
def test_dtypes_their_types_and_their_byte_orders_are_read(name: str, dtype: np.dtype[Any]) -> None:
    assert as_format(dtype) is NAMED_FORMATS[name]
    assert as_format(dtype.type) is NAMED_FORMATS[name]


@pytest.mark.torch
def test_torchs_dtypes_are_read() -> None:
    import torch

    expected = {
        torch.float16: "float16",
        torch.half: "float16",
        torch.bfloat16: "bfloat16",
        torch.float32: "float32",
        torch.float8_e4m3fn: "float8_e4m3fn",
        torch.float8_e5m2: "float8_e5m2",
    }
    assert {dtype: as_format(dtype).name for dtype in expected} == expected
    with pytest.raises(ValueError, match=r"unknown format 'torch.int32'"):
        as_format(torch.int32)


@pytest.mark.parametrize("spec", ["fp17", "", "float64", "torch.float64", "float16 "])
def test_an_unknown_name_is_an_error_that_lists_the_known_ones(spec: str) -> None:
    known = ", ".join([*NAMED_FORMATS, *ALIASES])
    with pytest.raises(ValueError, match=f"unknown format '{spec}'; expected one of {known}"):
        as_format(spec)


@pytest.mark.parametrize("spec", [np.float64, np.int8, np.dtype("c8"), ml_dtypes.float8_e4m3b11fnuz, Exception])
def test_a_dtype_without_a_format_is_an_error_that_names_it(spec: Any) -> None:
    with pytest.raises(ValueError, match=r"no format of simfp has the dtype .*; expected one of float32, "):
        as_format(spec)


@pytest.mark.parametrize("spec", [16, None, 1.5, ["float16"], b"fp16", np.float16(1)])
def test_what_cannot_name_a_format_is_a_type_error(spec: Any) -> None:
    with pytest.raises(TypeError, match=r"cannot read .* as a format; expected a Format, a dtype or one of float32, "):
        as_format(spec)


# -- what cannot be a format


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mantissa_bits": 24}, r"`mantissa_bits` must be 0 to 23 \(a precision of 1 to 24, .*\), got 24"),
        ({"mantissa_bits": -1}, "`mantissa_bits` must be 0 to 23 .*, got -1"),
        ({"exponent_bits": 0}, "`exponent_bits` must be 1 to 10, got 0"),
        ({"exponent_bits": 11}, "`exponent_bits` must be 1 to 10, got 11"),
        ({"mantissa_bits": 0}, "with `mantissa_bits=0` one code is left for infinity and NaN; drop one of them"),
        ({"exponent_bits": 1}, "`exponent_bits=1` leaves 'toy' no normal number"),
        ({"exponent_bias": 2000}, r"'toy' would reach from 2\^-2001 to 2\^-1994; .* 2\^-1000 and 2\^1000"),
        ({"exponent_bias": -995}, r"'toy' would reach from 2\^994 to 2\^1001; formats must stay within"),
    ],
)
def test_numbers_that_no_format_can_have_are_named(fields: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Format("toy", **{"exponent_bits": 3, "mantissa_bits": 2, **fields})


@pytest.mark.parametrize("label", ["exponent_bits", "mantissa_bits", "exponent_bias"])
@pytest.mark.parametrize("value", [2.0, "2", True, [2]])
def test_widths_and_bias_must_be_integers(label: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"`{label}` must be an integer, got "):
        Format("toy", **{"exponent_bits": 3, "mantissa_bits": 2, label: value})


@pytest.mark.parametrize("label", ["infinities", "nans", "subnormals"])
@pytest.mark.parametrize("value", [1, 0, None, "yes"])
def test_switches_must_be_true_or_false(label: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"`{label}` must be True or False, got {value!r}"):
        Format("toy", **{"exponent_bits": 3, "mantissa_bits": 2, label: value})


@pytest.mark.parametrize("name", ["", None, 3])
def test_a_name_must_be_a_text(name: Any) -> None:
    with pytest.raises(TypeError, match=f"`name` must be a non-empty string, got {name!r}"):
        Format(name, exponent_bits=3, mantissa_bits=2)


def test_widths_may_be_numpy_integers() -> None:
    assert Format("toy", exponent_bits=np.int64(3), mantissa_bits=np.uint8(2)) == custom("toy", 3, 2)


def test_the_widest_formats_can_be() -> None:
    assert custom("wide", 10, 23).max < 2.0**512
    assert custom("far", 3, 2, exponent_bias=-993).max_exponent == 999
    assert formats.MAX_PRECISION == 24
    assert len(CUSTOM_FORMATS) == len({fmt.name for fmt in CUSTOM_FORMATS})
