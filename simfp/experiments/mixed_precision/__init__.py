"""What mixed precision loses, and what is done about it: loss scales, updates, the scaler as a machine, autocast."""
