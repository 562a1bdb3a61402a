"""Data in, Matplotlib Axes out.

What is here, in the order in which it may import one another (each only those above it):

    palette          one look for each format, each fate and each part of the memory
    pages            light and dark pages, and the colours that are legible there
    png              figures as small pictures
    words            numbers in words
    numbers          single values, heaps of values, sums
    training         training runs
    mixed_precision  loss scales, updates, autocast
    memory           memory and speed
    silicon          what real chips answered
"""
