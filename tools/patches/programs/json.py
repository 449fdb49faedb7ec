"""A document that is written as JSON and read again."""

import json


def work() -> None:
    records = [
        {"id": number, "name": f"name {number}", "price": number / 8, "tags": ["a", "b"], "parent": None}
        for number in range(300)
    ]
    text = json.dumps(records)
    for _ in range(5):
        assert len(json.loads(text)) == 300


if __name__ == "__main__":
    work()
