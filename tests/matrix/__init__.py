"""The tests that could differ, under every kind of processor that libraries can be told to take this one for.

    make test-matrix                                every row; --list names them
    make test-matrix MATRIX_FLAGS="--only onednn"   rows whose names begin so
    make test-matrix PYTHONS="python3.12 /opt/python3.13/bin/python3"

One variable is changed at a time. Each row runs pytest (`part.py` says over what, and why), asks the libraries what
they took (`took.py`), and compares the digests of simfp's own answers with those of the first row. A row is stored
when it ends, in .matrix/, and a run that was stopped goes on after it; environments are made there, too. The table is
docs/test_matrix.md.
"""
