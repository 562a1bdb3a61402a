"""Sliders and dashboards over figures and experiments: anywidget in front, simfp behind."""

from simfp.widgets.bit_explorer import BitExplorer
from simfp.widgets.number_line import NumberLine
from simfp.widgets.overflow import Overflow
from simfp.widgets.underflow import Underflow

__all__ = ["BitExplorer", "NumberLine", "Overflow", "Underflow"]
