"""All 2^32 float32 inputs and all 2^32 pairs of 16-bit codes, held against independent answers.

    python -m tests.exhaustive              every suite; --list names them
    python -m tests.exhaustive --only products --formats fp16 --modes nearest_even

Conversions are held against intervals computed in integers (`conversions.py`), arithmetic against a twin that
computes in integers (`arithmetic.py`); in nearest_even both also against NumPy's float16 and ml_dtypes' bfloat16.
Bits are compared: -0 is not +0, but any NaN will do for a NaN. A run that was stopped goes on where it was.
"""
