"""``hashlib``'s BLAKE2: every parameter, and data given in pieces around the sizes of a block."""

import hashlib
from random import Random
from typing import Any

from .observe import Seen, outcome

LENGTHS = (0, 1, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1000, 5000)
PIECES = (1, 3, 64, 100, 128, 999)


def case(random: Random) -> Seen:
    data = random.randbytes(random.choice(LENGTHS))
    options: dict[str, Any] = {
        "digest_size": random.randrange(1, 33),
        "key": random.randbytes(random.randrange(33)),
        "salt": random.randbytes(random.randrange(9)),
        "person": random.randbytes(random.randrange(9)),
    }
    tree: dict[str, Any] = {
        "fanout": random.choice((0, 1, 2)),
        "depth": random.choice((1, 2)),
        "leaf_size": random.randrange(1000),
        "node_offset": random.randrange(1 << 40),
        "node_depth": random.randrange(2),
        "inner_size": random.randrange(33),
        "last_node": random.random() < 0.5,
    }
    for function in (hashlib.blake2b, hashlib.blake2s):
        name = function.__name__
        yield name, outcome(lambda function=function: function(data, **options).hexdigest())
        yield f"{name} in pieces", outcome(_in_pieces, function(**options), data, random)
        yield f"{name} of a tree", outcome(lambda function=function: function(data, **options, **tree).hexdigest())


def _in_pieces(hasher: Any, data: bytes, random: Random) -> tuple[str, str]:
    """The digest half way, of a copy, and at the end."""
    half, at = hasher.copy(), 0
    while at < len(data):
        if at < len(data) // 2:
            half = hasher.copy()
        size = random.choice(PIECES)
        hasher.update(data[at : at + size])
        at += size
    return half.hexdigest(), hasher.hexdigest()
