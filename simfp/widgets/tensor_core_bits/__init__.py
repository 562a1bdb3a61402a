"""A recorded product beside a tensor core of one's own making: an element that differs glows, an equal one is dark."""
