"""Sliders and dashboards over figures and experiments: anywidget in front, simfp behind."""

from simfp.widgets.autocast_trace.widget import AutocastTrace
from simfp.widgets.bit_explorer.widget import BitExplorer
from simfp.widgets.bits_beside.widget import BitsBeside
from simfp.widgets.dashboard.widget import Dashboard
from simfp.widgets.fused_step.widget import FusedStep
from simfp.widgets.memory_calculator.widget import MemoryCalculator
from simfp.widgets.number_line.widget import NumberLine
from simfp.widgets.overflow.widget import Overflow
from simfp.widgets.scale_window.widget import ScaleWindow
from simfp.widgets.scaled_run.widget import LossScaleRun
from simfp.widgets.scaler_machine.widget import ScalerMachine
from simfp.widgets.tensor_core_bits.widget import TensorCoreBits
from simfp.widgets.underflow.widget import Underflow
from simfp.widgets.update_race.widget import UpdateRace
from simfp.widgets.update_viewer.widget import UpdateViewer

__all__ = [
    "AutocastTrace",
    "BitExplorer",
    "BitsBeside",
    "Dashboard",
    "FusedStep",
    "LossScaleRun",
    "MemoryCalculator",
    "NumberLine",
    "Overflow",
    "ScaleWindow",
    "ScalerMachine",
    "TensorCoreBits",
    "Underflow",
    "UpdateRace",
    "UpdateViewer",
]
