"""Data sets, training loops, sweeps: they return plain data.

The rooms, in the order in which they may import one another (each only those above it):

    numbers          one value, a heap of values, a sum
    training         run, tasks, recipes, models, data, sweeps, statistics over seeds
    mixed_precision  loss scale, lost gradients, updates, the scaler as a machine, autocast
    memory           what a training step keeps
"""
