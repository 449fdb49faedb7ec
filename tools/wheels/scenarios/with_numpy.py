"""Solves equations, transforms a signal, sorts, draws random numbers, and writes and reads arrays."""

from io import BytesIO

import numpy as np

random = np.random.default_rng(7)
matrix = random.standard_normal((200, 200))
solution = np.linalg.solve(matrix, np.ones(200))
assert np.allclose(matrix @ solution, 1)
values, vectors = np.linalg.eigh(matrix @ matrix.T)
assert np.allclose(vectors * values @ vectors.T, matrix @ matrix.T)

signal = np.sin(2 * np.pi * 50 * np.arange(1000) / 1000)
assert np.argmax(np.abs(np.fft.rfft(signal))) == 50

numbers = random.integers(0, 10**6, 10**5)
assert np.array_equal(np.sort(numbers), np.array(sorted(numbers.tolist())))
assert np.einsum("ij,ji->", matrix, matrix.T) > 0

file = BytesIO()
np.savez_compressed(file, matrix=matrix, when=np.array(["2024-02-29"], dtype="datetime64[D]"))
file.seek(0)
with np.load(file) as kept:
    assert np.array_equal(kept["matrix"], matrix)
    assert kept["when"][0] + np.timedelta64(1, "D") == np.datetime64("2024-03-01")
