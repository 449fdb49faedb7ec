"""Tests that want a container engine: `nox -s test_containers`."""
