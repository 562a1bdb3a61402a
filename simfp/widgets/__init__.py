"""Sliders and dashboards over figures and experiments: anywidget in front, simfp behind."""

from simfp.widgets.autocast_trace import AutocastTrace
from simfp.widgets.bit_explorer import BitExplorer
from simfp.widgets.dashboard import Dashboard
from simfp.widgets.fused_step import FusedStep
from simfp.widgets.number_line import NumberLine
from simfp.widgets.overflow import Overflow
from simfp.widgets.scale_window import ScaleWindow
from simfp.widgets.scaled_run import LossScaleRun
from simfp.widgets.scaler_machine import ScalerMachine
from simfp.widgets.tensor_core_bits import TensorCoreBits
from simfp.widgets.underflow import Underflow
from simfp.widgets.update_race import UpdateRace
from simfp.widgets.update_viewer import UpdateViewer

__all__ = [
    "AutocastTrace",
    "BitExplorer",
    "Dashboard",
    "FusedStep",
    "LossScaleRun",
    "NumberLine",
    "Overflow",
    "ScaleWindow",
    "ScalerMachine",
    "TensorCoreBits",
    "Underflow",
    "UpdateRace",
    "UpdateViewer",
]
