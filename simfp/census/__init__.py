"""Who lost what: a census of every rounding in a network's training, by layer, operation, phase and format.

counting   Census, which listens and counts
naming     what layers and parameters are called
table      the counts as rows, as text and as HTML
births     where the first infinity and the first NaN came from
"""

from simfp.census.births import Birth, Range
from simfp.census.counting import COUNTS, FATES, Census, Histogram
from simfp.census.table import Table

__all__ = ["COUNTS", "FATES", "Birth", "Census", "Histogram", "Range", "Table"]
