"""Tests of the builder's rooms, one by one: no compiler, no network, a minute at most."""
