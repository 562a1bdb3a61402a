"""Bits to touch: one value in several formats, a row each; what is flipped in one is seen in all."""
