"""The bit explorer without a browser: what it takes, refuses and computes."""

import numpy as np
import pytest

import simfp as sf
from simfp.bits import exact_decimal
from simfp.widgets import BitExplorer

TYPED = ["1e-400", "0x1.8p-14", "2^-24", "inf", "-0", "nan", "0.1", "65520", "1e39"]


@pytest.mark.parametrize("typed", TYPED)
def test_every_row_holds_what_encode_makes_of_the_typed_value(typed: str) -> None:
    widget = BitExplorer(typed)
    for fmt in widget.formats:
        assert widget.codes[fmt.name] == sf.explain(typed, fmt).code


@pytest.mark.parametrize("typed", ["1,5", "", "9" * 1_000_000])
def test_a_wrong_value_is_refused_with_a_word_and_the_last_good_one_kept(typed: str) -> None:
    widget = BitExplorer("0.5")
    widget.value = typed
    assert widget.value == "0.5"
    assert widget.message.endswith("; kept '0.5'")
    with pytest.raises(ValueError, match="number"):
        BitExplorer(typed)


def test_every_code_of_float8_and_a_sweep_of_float16_is_the_value_of_all_rows() -> None:
    widget = BitExplorer()
    for name, codes in [("float8_e4m3fn", range(256)), ("float16", range(0, 65536, 997))]:
        for code in codes:
            widget.set_code(name, code)
            value = float(sf.decode(code, name))
            assert widget.codes[name] == code
            if np.isfinite(value):
                assert widget.codes["float32"] == int(sf.encode(value, "float32"))
                row = next(row for row in widget._rows if row.fmt.name == name)
                assert row.decimal == exact_decimal(value)
