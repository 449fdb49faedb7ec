"""Libraries commonly used on Lambda, from PyPI, in functions that the loop runs on the layer's interpreter."""
