"""Classes created: plain, derived, with special methods."""


def work() -> None:
    for _ in range(60):

        class Base:
            def method(self) -> int:
                return 1

        class Derived(Base):
            def __init__(self) -> None:
                self.value = 2

            def __repr__(self) -> str:
                return "derived"

        class Mapping(Derived, dict[str, int]):
            def __getitem__(self, key: str) -> int:
                return self.method()

        assert Mapping()["any"] == 1


if __name__ == "__main__":
    work()
