"""Laws broken on purpose, in a copy of the product: the simulation has to find each of them."""
