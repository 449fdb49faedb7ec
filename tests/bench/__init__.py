"""That the measurements measure. What they find is no test: a slow machine is no fault."""
