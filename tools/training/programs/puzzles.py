"""Small algorithms as people write them: searching, parsing, simulating, packing, playing."""

import heapq
import random
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any

from .text import prose

SUDOKU = "8..........36......7..9.2...5...7.......457.....1...3...1....68..85...1..9....4.."


def sudoku(board: str, steps: int) -> int:
    """Sets of candidates and backtracking, up to a number of steps."""
    cells = [int(ch) if ch.isdigit() else 0 for ch in board]
    peers = [
        {
            other
            for other in range(81)
            if other != cell
            and (
                other // 9 == cell // 9
                or other % 9 == cell % 9
                or (other // 27, other % 9 // 3) == (cell // 27, cell % 9 // 3)
            )
        }
        for cell in range(81)
    ]

    def fill() -> bool:
        nonlocal steps
        steps -= 1
        best, options = -1, None
        for cell in range(81):
            if not cells[cell]:
                free = set(range(1, 10)) - {cells[peer] for peer in peers[cell]}
                if options is None or len(free) < len(options):
                    best, options = cell, free
        if options is None or steps < 0:
            return True
        for value in sorted(options):
            cells[best] = value
            if fill():
                return True
        cells[best] = 0
        return False

    fill()
    return sum(cells)


def shortest_path(size: int) -> int:
    """A* over a grid with walls."""
    dice = random.Random(12)
    walls = {(dice.randrange(size), dice.randrange(size)) for _ in range(size * size // 4)} - {
        (0, 0),
        (size - 1, size - 1),
    }
    goal = (size - 1, size - 1)
    costs, heap = {(0, 0): 0}, [(0, 0, (0, 0))]
    while heap:
        _, cost, place = heapq.heappop(heap)
        if place == goal:
            return cost
        x, y = place
        for dx, dy in ((1, 0), (0, 1), (-1, 0), (0, -1)):
            step = (x + dx, y + dy)
            if 0 <= step[0] < size and 0 <= step[1] < size and step not in walls and cost + 1 < costs.get(step, 10**9):
                costs[step] = cost + 1
                heapq.heappush(heap, (cost + 1 + abs(goal[0] - step[0]) + abs(goal[1] - step[1]), cost + 1, step))
    return -1


def life(generations: int) -> int:
    alive = {(x, y) for x in range(40) for y in range(40) if (x * 7 + y * 13) % 5 == 0}
    for _ in range(generations):
        near = Counter((x + dx, y + dy) for x, y in alive for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy)
        alive = {cell for cell, count in near.items() if count == 3 or (count == 2 and cell in alive)}
    return len(alive)


def huffman(text: str) -> int:
    heap: list[Any] = [(count, index, ch) for index, (ch, count) in enumerate(sorted(Counter(text).items()))]
    heapq.heapify(heap)
    index = len(heap)
    while len(heap) > 1:
        left, right = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (left[0] + right[0], index, (left[2], right[2])))
        index += 1
    codes: dict[str, str] = {}

    def walk(node: Any, code: str) -> None:
        if isinstance(node, str):
            codes[node] = code
        else:
            walk(node[0], code + "0")
            walk(node[1], code + "1")

    walk(heap[0][2], "")
    bits = "".join(codes[ch] for ch in text)
    back, node, tree = [], heap[0][2], heap[0][2]
    for bit in bits:
        node = node[bit == "1"]
        if isinstance(node, str):
            back.append(node)
            node = tree
    assert "".join(back) == text
    return int(bits[:64], 2)


def lempel_ziv(data: bytes) -> int:
    """A window that is searched through a table of the last places of three bytes."""
    table: dict[bytes, int] = {}
    out = bytearray()
    position = 0
    while position < len(data):
        key = data[position : position + 3]
        before = table.get(key, -1)
        table[key] = position
        length = 0
        if before >= 0 and position - before < 4096:
            while length < 34 and position + length < len(data) and data[before + length] == data[position + length]:
                length += 1
        if length > 2:
            pair = ((position - before) << 5 | (length - 3)) & 0x1FFFF
            out += bytes((0xFF, pair >> 16, pair >> 8 & 255, pair & 255))
            position += length
        else:
            out.append(data[position] & 0x7F)
            position += 1
    return len(out)


class Parser:
    """Recursive descent over tokens; gives closures."""

    TOKENS = re.compile(r"\s*(\d+|[a-z]\w*|[-+*/%()<>=,]|$)")

    def __init__(self, text: str) -> None:
        self.tokens = [token for token in self.TOKENS.findall(text) if token]
        self.place = 0

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.place += 1
        return token

    def sum(self) -> Callable[[dict[str, int]], int]:
        left = self.product()
        while self.peek() in ("+", "-"):
            left = self.binary(self.take(), left, self.product())
        return left

    def product(self) -> Callable[[dict[str, int]], int]:
        left = self.atom()
        while self.peek() in ("*", "/", "%"):
            left = self.binary(self.take(), left, self.atom())
        return left

    def atom(self) -> Callable[[dict[str, int]], int]:
        token = self.take()
        if token == "(":
            inner = self.sum()
            assert self.take() == ")"
            return inner
        if token.isdigit():
            value = int(token)
            return lambda _: value
        return lambda names: names[token]

    @staticmethod
    def binary(
        sign: str, left: Callable[[dict[str, int]], int], right: Callable[[dict[str, int]], int]
    ) -> Callable[[dict[str, int]], int]:
        if sign == "+":
            return lambda names: left(names) + right(names)
        if sign == "-":
            return lambda names: left(names) - right(names)
        if sign == "*":
            return lambda names: left(names) * right(names)
        if sign == "%":
            return lambda names: left(names) % (right(names) or 1)
        return lambda names: left(names) // (right(names) or 1)


def calculator() -> None:
    for number in range(120):
        formula = Parser(f"(a + {number}) * (b - 3) / (1 + c % 7) + {number} * a - (b + c) * (a - {number})").sum()
        for value in range(25):
            formula({"a": value, "b": value + number, "c": number})


def lisp(source: str) -> Any:
    """An interpreter in the interpreter."""

    def read(tokens: Iterator[str]) -> Any:
        token = next(tokens)
        if token == "(":
            items = []
            while (item := read(tokens)) != ")":
                items.append(item)
            return items
        try:
            return int(token)
        except ValueError:
            return token

    class Scope(dict[str, Any]):
        def __init__(self, names: Any = (), values: Any = (), outer: "Scope | None" = None) -> None:
            super().__init__(zip(names, values, strict=True))
            self.outer = outer

        def find(self, name: str) -> "Scope":
            return self if name in self or self.outer is None else self.outer.find(name)

    def run(x: Any, scope: Scope) -> Any:
        if isinstance(x, str):
            return scope.find(x)[x]
        if not isinstance(x, list):
            return x
        if x[0] == "if":
            return run(x[2] if run(x[1], scope) else x[3], scope)
        if x[0] == "define":
            scope[x[1]] = run(x[2], scope)
            return None
        if x[0] == "lambda":
            return lambda *values: run(x[2], Scope(x[1], values, scope))
        function, *values = (run(part, scope) for part in x)
        return function(*values)

    top = Scope()
    top.update({"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "<": lambda a, b: a < b})
    tokens = iter(source.replace("(", " ( ").replace(")", " ) ").split())
    result = None
    try:
        while True:
            result = run(read(tokens), top)
    except StopIteration:
        return result


def machine(program: list[tuple[str, int]], steps: int) -> int:
    """A stack machine with a table of methods."""
    stack: list[int] = [1]
    counter = 0

    def push(value: int) -> None:
        stack.append(value)

    def add(_: int) -> None:
        stack.append((stack.pop() + stack.pop()) & 0xFFFF)

    def swap(_: int) -> None:
        stack[-1], stack[-2] = stack[-2], stack[-1]

    table = {
        "push": push,
        "add": add,
        "swap": swap,
        "dup": lambda _: stack.append(stack[-1]),
        "drop": lambda _: stack.pop(),
    }
    for _ in range(steps):
        name, value = program[counter]
        if name == "jump":
            counter = value
            continue
        table[name](value)
        counter += 1
    return stack[-1]


def distance(left: str, right: str) -> int:
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def knapsack(capacity: int) -> int:
    best = [0] * (capacity + 1)
    for weight, value in ((n * 7 % 31 + 3, n * 13 % 47 + 1) for n in range(50)):
        for room in range(capacity, weight - 1, -1):
            if (found := best[room - weight] + value) > best[room]:
                best[room] = found
    return best[capacity]


def components(size: int) -> int:
    """Union-find, then breadth first, over a random graph."""
    dice = random.Random(13)
    parent = list(range(size))
    graph: dict[int, list[int]] = {n: [] for n in range(size)}

    def root(n: int) -> int:
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    for _ in range(size):
        a, b = dice.randrange(size), dice.randrange(size)
        graph[a].append(b)
        graph[b].append(a)
        parent[root(a)] = root(b)
    seen: set[int] = set()
    found = 0
    for start in graph:
        if start not in seen:
            found += 1
            waiting = deque([start])
            while waiting:
                here = waiting.popleft()
                if here not in seen:
                    seen.add(here)
                    waiting.extend(graph[here])
    assert found == sum(parent[n] == n for n in range(size))
    return found


def brain(source: str) -> str:
    cells, place, out, jumps, stack = [0] * 300, 0, [], {}, []
    for at, ch in enumerate(source):
        if ch == "[":
            stack.append(at)
        elif ch == "]":
            jumps[at] = stack.pop()
            jumps[jumps[at]] = at
    at = 0
    while at < len(source):
        ch = source[at]
        if ch == ">":
            place += 1
        elif ch == "<":
            place -= 1
        elif ch == "+":
            cells[place] = (cells[place] + 1) & 255
        elif ch == "-":
            cells[place] = (cells[place] - 1) & 255
        elif ch == ".":
            out.append(chr(cells[place]))
        elif (ch == "[" and not cells[place]) or (ch == "]" and cells[place]):
            at = jumps[at]
        at += 1
    return "".join(out)


def checksum(data: bytes) -> int:
    """CRC-32 and SHA-1's rounds, written out: shifts, masks, tables."""
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ 0xEDB88320 if n & 1 else n >> 1
        table.append(n)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    a, b, c, d = 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476
    for n, byte in enumerate(data):
        mixed = (b & c) | (~b & d) if n % 2 else b ^ c ^ d
        rotated = (a << 5 | a >> 27) & 0xFFFFFFFF
        a, b, c, d = (rotated + mixed + byte + 0x5A827999) & 0xFFFFFFFF, a, (b << 30 | b >> 2) & 0xFFFFFFFF, c
    return crc ^ a ^ d


def neurons(rounds: int) -> float:
    """A net of lists that learns exclusive or."""
    dice = random.Random(14)
    hidden = [[dice.uniform(-1, 1) for _ in range(3)] for _ in range(4)]
    last = [dice.uniform(-1, 1) for _ in range(5)]
    error = 0.0
    for number in range(rounds):
        inputs = (number & 1, number >> 1 & 1, 1)
        middle = [max(0.0, sum(w * x for w, x in zip(row, inputs, strict=True))) for row in hidden] + [1.0]
        wrong = (inputs[0] ^ inputs[1]) - sum(w * x for w, x in zip(last, middle, strict=True))
        for index, value in enumerate(middle[:-1]):
            if value > 0:
                hidden[index] = [w + 0.05 * wrong * last[index] * x for w, x in zip(hidden[index], inputs, strict=True)]
        last = [w + 0.05 * wrong * x for w, x in zip(last, middle, strict=True)]
        error = 0.99 * error + 0.01 * wrong * wrong
    return error


class Account:
    fee = 1

    def __init__(self, owner: str) -> None:
        self.owner, self.balance, self.history = owner, 1000, []

    def move(self, amount: int, other: "Account") -> bool:
        if not self.may(amount):
            return False
        self.balance -= amount + self.fee
        other.receive(amount, self)
        self.history.append((amount, other.owner))
        return True

    def may(self, amount: int) -> bool:
        return 0 < amount <= self.balance - self.fee

    def receive(self, amount: int, sender: "Account") -> None:
        self.balance += amount
        self.history.append((-amount, sender.owner))


class Premium(Account):
    fee = 0

    def may(self, amount: int) -> bool:
        return super().may(amount) or self.balance > -500


def bank(rounds: int) -> int:
    dice = random.Random(15)
    accounts = [(Premium if n % 3 == 0 else Account)(f"owner {n}") for n in range(40)]
    for _ in range(rounds):
        dice.choice(accounts).move(dice.randrange(-10, 200), dice.choice(accounts))
    return sum(account.balance for account in accounts)


def work() -> None:
    sudoku(SUDOKU, 350)
    shortest_path(50)
    life(14)
    text = prose(1200)
    huffman(text)
    lempel_ziv(text.encode() * 2)
    calculator()
    lisp("(define fib (lambda (n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))) (fib 14)")
    machine([("push", 3), ("add", 0), ("dup", 0), ("swap", 0), ("drop", 0), ("jump", 0)], 60_000)
    distance(text[:260], text[300:560])
    knapsack(1200)
    components(6000)
    for _ in range(12):
        brain("++++++++[>++++[>++>+++>+++>+<<<<-]>+>+>->>+[<]<-]>>.>---.+++++++..+++.>>.<-.<.+++.------.--------.>>+.")
    checksum(text.encode()[:6000])
    neurons(4000)
    bank(12_000)
