"""Tests that need a container engine: `nox -s test_containers`."""
