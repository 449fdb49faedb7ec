"""Short strings: split, joined, replaced, stripped, counted."""

LINE = "alpha, beta, gamma, delta, epsilon, zeta, eta, theta, iota, kappa, lambda, mu, nu, xi, omicron, pi"


def work() -> None:
    size = 0
    for _ in range(500):
        words = LINE.split(", ")
        size += len("-".join(word.upper() for word in words)) + LINE.count("a")
        size += len(LINE.replace("alpha", "omega").strip()) + words[3].startswith("de")
    assert size == 98_000


if __name__ == "__main__":
    work()
