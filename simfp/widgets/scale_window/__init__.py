"""A loss scale to drag: what it does to every layer's gradients, and the window between too small and too large."""
