"""Tests of the builder's modules, one by one: no compiler, no network, a minute at most."""
