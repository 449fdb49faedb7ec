"""Tests of the builder's sandboxes, one by one: no compiler, no network, a minute at most."""
