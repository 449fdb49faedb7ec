"""Tests that run only in a container: `nox -s test_in_container`."""
