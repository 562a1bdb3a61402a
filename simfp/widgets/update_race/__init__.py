"""A race live: one network under seven recipes and from three seeds, trained while their losses are drawn."""
