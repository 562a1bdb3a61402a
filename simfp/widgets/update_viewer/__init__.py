"""One weight and its update in bits, in three formats: how much of the update is left?"""
