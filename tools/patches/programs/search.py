"""Strings looked for in a long one that does not have them."""


def work() -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 2_000
    for word in ("quack", "brawn fix", "jumping", "lazy cat", "elephant"):
        assert text.find(word) == text.rfind(word) == -1
        assert text.count(word) == 0


if __name__ == "__main__":
    work()
