"""Sliders and dashboards over figures and experiments: anywidget in front, simfp behind.

A folder a widget, each with its front end; all are made of `parts`, and none of another:

    parts              the base class, settings, lanes, running, buttons, the front end's shared modules and sheets
    autocast_trace     which operation runs in which format under autocast, and why
    bit_explorer       one value in several formats, bit by bit
    bits_beside        a device's answers beside simfp's, one element at a time
    dashboard          training runs, what they lose, and where
    fused_step         one step of a tensor core, opened
    memory_calculator  what a training step of GPT-2 keeps in memory
    number_line        a number on the line of a format, and where roundings send it
    overflow           numbers that are doubled until they overflow
    scale_window       what a loss scale does to every layer's gradients
    scaled_run         a run whose loss scale is dragged while it trains
    scaler_machine     GradScaler's calls as buttons
    tensor_core_bits   recorded products beside a tensor core of one's own
    underflow          numbers that are halved until they are lost
    update_race        one network under seven recipes, live
    update_viewer      one weight and its update, in bits
"""

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
