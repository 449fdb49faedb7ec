"""Tests that run inside a container alone: `nox -s test_in_container`."""
