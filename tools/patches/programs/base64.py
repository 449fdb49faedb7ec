"""Bodies that are encoded as base64, and decoded."""

import binascii


def work() -> None:
    body = bytes(range(256)) * 40
    for _ in range(40):
        assert binascii.a2b_base64(binascii.b2a_base64(body)) == body


if __name__ == "__main__":
    work()
