"""Tests that the measurements work. Their results are not tested: a slow machine is not a failure."""
