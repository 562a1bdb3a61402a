"""Numbers fall through the floor: a slider moves 2^-k, and with it one value and a whole set of gradients."""
