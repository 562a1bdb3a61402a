"""A census of every rounding of a network's training: what was lost, by layer, operation, phase and format.

counting   Census, which listens and counts
naming     what layers and parameters are called
table      the counts as rows, as text and as HTML
origins    where the first infinity and the first NaN came from
"""

from simfp.census.counting import COUNTS, FATES, Census, Histogram
from simfp.census.origins import Origin, Range
from simfp.census.table import Table

__all__ = ["COUNTS", "FATES", "Census", "Histogram", "Origin", "Range", "Table"]
