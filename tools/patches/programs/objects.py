"""A tree of many objects, created, walked and dropped, twice."""


class Node:
    __slots__ = ("left", "right")

    def __init__(self, depth: int) -> None:
        self.left = Node(depth - 1) if depth else None
        self.right = Node(depth - 1) if depth else None


def size(node: Node | None) -> int:
    return 0 if node is None else 1 + size(node.left) + size(node.right)


def work() -> None:
    for _ in range(2):
        assert size(Node(12)) == 8_191


if __name__ == "__main__":
    work()
