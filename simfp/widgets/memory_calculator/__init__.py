"""A memory calculator: sliders for batch and context, a bar for each recipe, and what the chosen one is made of."""
