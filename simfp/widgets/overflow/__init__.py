"""Numbers hit the ceiling: a slider moves 2^k, and with it one value, a set of gradients, and a softmax."""
