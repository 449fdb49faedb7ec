"""Fuzzes the parser of the Runtime API's responses for a limited time, with libFuzzer and clang's sanitizers."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

HARNESS = Path(__file__).with_name("answer.c")
SANITIZERS = "-fsanitize=fuzzer,address,undefined"
SEEDS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7;a=b\r\n{"a": 1\r\n1\r\n}\r\n0\r\nTrailer: t\r\n\r\n',
    b"HTTP/1.0 500 No\r\n\r\nto the end",
    b"HTTP/1.1 204 Nothing\r\n\r\n",
)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, metavar="N", help="how long (default: %(default)s)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns exit code 0 if nothing was found; libFuzzer's output names the file with an input that fails."""
    seconds = make_parser().parse_args(arguments).seconds
    if shutil.which("clang") is None:
        print(
            "fuzz: clang is not installed: apt-get install clang libclang-rt-14-dev (or another version's)",
            file=sys.stderr,
        )
        return 1
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        program, corpus = Path(folder, "answer"), Path(folder, "corpus")
        corpus.mkdir()
        for number, seed in enumerate(SEEDS):
            (corpus / str(number)).write_bytes(b"\0" + seed)
        warnings = ("-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers")
        build = ("clang", "-std=c11", "-g", "-O1", *warnings, SANITIZERS, str(HARNESS), "-o", str(program))
        if subprocess.run(build, check=False).returncode:
            print(
                "fuzz: is clang's libFuzzer missing? apt-get install libclang-rt-14-dev (or another version's)",
                file=sys.stderr,
            )
            return 1
        limits = (f"-max_total_time={seconds}", "-max_len=70000", "-rss_limit_mb=1024", "-print_final_stats=1")
        return subprocess.run((str(program), str(corpus), *limits, "-verbosity=0"), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
