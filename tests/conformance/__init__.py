"""Tests that the comparison finds what it should."""
