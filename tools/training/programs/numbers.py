"""Numbers: floats in loops, big integers, decimal, fractions, statistics."""

import cmath
import decimal
import fractions
import itertools
import math
import operator
import random
import statistics
from decimal import Decimal


def heat(width: int, steps: int) -> float:
    """A plate that cools: nested lists of floats."""
    plate = [[100.0 if 4 < x < 9 and 4 < y < 9 else 20.0 for x in range(width)] for y in range(width)]
    for _ in range(steps):
        new = [row[:] for row in plate]
        for y in range(1, width - 1):
            above, row, below = plate[y - 1], plate[y], plate[y + 1]
            for x in range(1, width - 1):
                new[y][x] = row[x] + 0.2 * (above[x] + below[x] + row[x - 1] + row[x + 1] - 4.0 * row[x])
        plate = new
    return sum(map(sum, plate))


def fourier(values: list[complex]) -> list[complex]:
    count = len(values)
    if count == 1:
        return values
    even, odd = fourier(values[::2]), fourier(values[1::2])
    turned = [cmath.exp(-2j * math.pi * k / count) * odd[k] for k in range(count // 2)]
    return [e + t for e, t in zip(even, turned, strict=True)] + [e - t for e, t in zip(even, turned, strict=True)]


def lorenz(steps: int) -> tuple[float, float, float]:
    """Runge-Kutta with functions of floats and tuples."""

    def slope(x: float, y: float, z: float) -> tuple[float, float, float]:
        return 10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z

    x, y, z, h = 1.0, 1.0, 1.0, 0.005
    for _ in range(steps):
        a1, b1, c1 = slope(x, y, z)
        a2, b2, c2 = slope(x + h / 2 * a1, y + h / 2 * b1, z + h / 2 * c1)
        a3, b3, c3 = slope(x + h / 2 * a2, y + h / 2 * b2, z + h / 2 * c2)
        a4, b4, c4 = slope(x + h * a3, y + h * b3, z + h * c3)
        x += h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
        y += h / 6 * (b1 + 2 * b2 + 2 * b3 + b4)
        z += h / 6 * (c1 + 2 * c2 + 2 * c3 + c4)
    return x, y, z


class Vector:
    """Operators on small objects."""

    __slots__ = ("x", "y", "z")

    def __init__(self, x: float, y: float, z: float) -> None:
        self.x, self.y, self.z = x, y, z

    def __add__(self, other: "Vector") -> "Vector":
        return Vector(self.x + other.x, self.y + other.y, self.z + other.z)

    def __mul__(self, factor: float) -> "Vector":
        return Vector(self.x * factor, self.y * factor, self.z * factor)

    def dot(self, other: "Vector") -> float:
        return self.x * other.x + self.y * other.y + self.z * other.z

    @property
    def length(self) -> float:
        return math.sqrt(self.dot(self))


def orbit(steps: int) -> float:
    """A planet around a sun, with vectors."""
    place, speed = Vector(1.0, 0.0, 0.1), Vector(0.0, 1.0, 0.05)
    for _ in range(steps):
        distance = place.length
        speed = speed + place * (-0.002 / (distance**3))
        place = place + speed * 0.002
    return place.length


def mandelbrot(size: int) -> int:
    inside = 0
    for row in range(size):
        for column in range(size):
            z, c = 0j, complex(column / size * 3 - 2, row / size * 2 - 1)
            for _ in range(40):
                z = z * z + c
                if abs(z) > 2:
                    break
            else:
                inside += 1
    return inside


def solve(size: int) -> list[float]:
    """Linear equations, by elimination."""
    dice = random.Random(4)
    rows = [[dice.uniform(-1, 1) for _ in range(size + 1)] for _ in range(size)]
    for i in range(size):
        pivot = max(range(i, size), key=lambda k: abs(rows[k][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for k in range(i + 1, size):
            factor = rows[k][i] / rows[i][i]
            rows[k] = [a - factor * b for a, b in zip(rows[k], rows[i], strict=True)]
    answer = [0.0] * size
    for i in reversed(range(size)):
        answer[i] = (rows[i][size] - math.sumprod(rows[i][i + 1 : size], answer[i + 1 :])) / rows[i][i]
    return answer


def primes(limit: int) -> int:
    sieve = bytearray(b"\1") * limit
    sieve[:2] = b"\0\0"
    for n in range(2, math.isqrt(limit) + 1):
        if sieve[n]:
            sieve[n * n :: n] = bytes(len(range(n * n, limit, n)))
    return sum(sieve)


def machin(digits: int) -> int:
    """π by Machin's formula: big integers through small ones."""
    unity = 10 ** (digits + 10)

    def arccot(x: int) -> int:
        total = term = unity // x
        for n in itertools.count(3, 2):
            term //= -(x * x)
            if not term:
                return total
            total += term // n
        raise AssertionError

    return 4 * (4 * arccot(5) - arccot(239)) // 10**10


def golden(terms: int) -> int:
    """A continued fraction with growing numerators: products and quotients of numbers of all sizes."""
    p, q, r, s = 1, 0, 0, 1
    total = 0
    for n in range(1, terms):
        p, q = p * (n % 5 + 1) + q * n, p
        r, s = r * (n % 5 + 1) + s * n, r
        total += p // (r or 1) % 10
        if n % 8 == 0:
            common = math.gcd(math.gcd(p, q), math.gcd(r, s))
            p, q, r, s = p // common, q // common, r // common, s // common
    return total


def big_integers() -> None:
    dice = random.Random(5)
    machin(700)
    golden(600)
    a, b = 0, 1
    for _ in range(4000):
        a, b = b, a + b
    str(a)
    assert int(str(a)) == a
    math.factorial(1200)
    modulus = (1 << 521) - 1
    secret = dice.getrandbits(512)
    assert pow(pow(3, secret, modulus), 5, modulus) == pow(3, secret * 5, modulus)
    pow(secret, -1, modulus)
    for bits in (40, 90, 300, 1000, 3000):
        numbers = [dice.getrandbits(bits) | 1 for _ in range(60)]
        for left, right in itertools.pairwise(numbers):
            quotient, rest = divmod(left * right + 5, right)
            quotient ^ rest | left & right
            (left - right) * 3 // 7 % 1000 + (left >> 7) + (right << 13)
            math.gcd(left, right)
        product = math.prod(numbers)
        math.isqrt(product)
        int.from_bytes(product.to_bytes(bits * 8 + 8, "big"), "big")
        sum(numbers) ** 3
        sorted(numbers)
    value = 1
    for _ in range(20_000):
        value = (value * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        value ^= value >> 31
    for number in range(2, 200):
        pow(7, number - 1, number)
        number.bit_length()
        number.bit_count()


def money() -> None:
    context = decimal.getcontext()
    context.prec = 28
    rate, balance = Decimal("0.0375") / 12, Decimal(250_000)
    for _ in range(600):
        interest = (balance * rate).quantize(Decimal("0.01"), rounding=decimal.ROUND_HALF_EVEN)
        balance += interest - Decimal("1432.25")
        f"{balance:,.2f} {interest}"
    with decimal.localcontext() as precise:
        precise.prec = 120
        Decimal(2).sqrt()
        Decimal("1.25").exp().ln()
        Decimal(3) ** Decimal("0.5")
        sum(Decimal(n) / 7 for n in range(500))
    total = sum((Decimal(f"{n}.{n % 100:02}") for n in range(2500)), Decimal())
    assert total == Decimal(str(total))
    [Decimal(n).compare(Decimal("1000.5")) for n in range(1000)]
    harmonic = sum(fractions.Fraction(1, n) for n in range(1, 160))
    float(harmonic)
    fractions.Fraction(3.14159).limit_denominator(1000)


def chances() -> None:
    dice = random.Random(6)
    sample = [dice.gauss(10, 3) for _ in range(5000)]
    statistics.fmean(sample)
    statistics.stdev(sample[:600])
    statistics.quantiles(sample, n=20)
    statistics.linear_regression(sample[:500], sample[500:1000])
    hits = sum(1 for _ in range(15_000) if dice.random() ** 2 + dice.random() ** 2 < 1)
    assert 10_000 < hits < 13_000
    deck = list(range(52))
    for _ in range(60):
        dice.shuffle(deck)
        dice.sample(deck, 5)
        dice.choices(deck, k=10)
        dice.randint(1, 6)
    math.fsum(sample)
    sum(map(operator.mul, sample, sample))
    [round(math.sin(x) + math.log1p(abs(x)) + math.atan2(x, 2) + math.hypot(x, 1) + x % 3 + x // 2, 3) for x in sample]
    min(sample), max(sample, key=abs)
    list(itertools.accumulate(sample[:2000], max))


def work() -> None:
    heat(36, 25)
    fourier([complex(n % 7, n % 3) for n in range(1024)])
    lorenz(2500)
    orbit(6000)
    mandelbrot(48)
    solve(48)
    primes(60_000)
    big_integers()
    money()
    chances()
