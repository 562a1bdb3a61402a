"""Properties that hold for whatever Hypothesis thinks of: the tests run a few seconds of it, a command hours.

python -m tests.fuzz                          ten minutes, every property
python -m tests.fuzz --minutes 120 --processes 2
python -m tests.fuzz --only test_typed_numbers test_files
"""
