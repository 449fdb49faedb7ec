"""The whole layer at /opt under AWS's emulator, as a user invokes a function before it is deployed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from builder.platform import this_machine
from tools.support.product import PLATFORM, ROOT

pytestmark = pytest.mark.skipif(PLATFORM.cpu != this_machine(), reason="AWS's emulator is a program for this machine")


Done = subprocess.CompletedProcess[str]


class Invoked:
    """Invokes a function that is given as text."""

    def __init__(self, layer_zip: Path, folder: Path) -> None:
        self.layer_zip, self.folder = layer_zip, folder

    def __call__(
        self, code: str, event: object, handler: str = "index.handler", *options: str
    ) -> "subprocess.CompletedProcess[str]":
        (self.folder / "task").mkdir(exist_ok=True)
        (self.folder / "task" / "index.php").write_text(code, encoding="utf-8")
        (self.folder / "event.json").write_text(json.dumps(event), encoding="utf-8")
        words = (f"--zip={self.layer_zip}", f"--source={self.folder / 'task'}", f"--handler={handler}")
        command = (
            sys.executable,
            "-m",
            "builder",
            "invoke",
            "--in=host",
            *words,
            f"--event={self.folder / 'event.json'}",
        )
        return subprocess.run((*command, *options), cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def invoke(layer_zip: Path, tmp_path: Path) -> Invoked:
    return Invoked(layer_zip, tmp_path)


def test_a_function_answers_with_what_it_returns_and_its_output_is_in_the_log(invoke: Invoked) -> None:
    code = '<?php function handler($event, $context) { echo "seen\\n"; return ["name" => $event["name"], 1.0]; }'
    done = invoke(code, {"name": "Ada"})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"name": "Ada", "0": 1.0}
    assert "seen" in done.stderr


def test_at_opt_all_that_configures_it_is_found(invoke: Invoked) -> None:
    code = """<?php return function () {
        $bits = openssl_pkey_get_details(openssl_pkey_new())['bits'];
        $said = [php_ini_loaded_file(), trim(php_ini_scanned_files()), ini_get('precision'), $bits];
        return [...$said, __FILE__, getcwd(), PHP_BINARY];
    };"""
    ini = invoke.folder / "task" / "php" / "conf.d"
    ini.mkdir(parents=True)
    (ini / "own.ini").write_text("precision = 7\n", encoding="utf-8")
    done = invoke(code, {}, "index.php")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        "/opt/bin/php.ini",
        "/var/task/php/conf.d/own.ini",
        "7",
        2048,
        "/var/task/index.php",
        "/var/task",
        "/opt/bin/php",
    ]


@pytest.mark.parametrize(
    ("code", "handler", "said"),
    [
        ("<?php function handler() { throw new DomainException('why'); }", "index.handler", "DomainException"),
        ("<?php function handler() { exit(3); }", "index.handler", "Runtime.ExitError"),
        ("<?php $a = ;", "index.handler", "Runtime.UserCodeSyntaxError"),
        ("<?php", "index.missing", "Runtime.HandlerNotFound"),
        ("<?php", "missing.handler", "Runtime.ImportModuleError"),
    ],
)
def test_what_lambda_would_call_failed_has_an_exit_code_and_a_word(
    invoke: Invoked, code: str, handler: str, said: str
) -> None:
    done = invoke(code, {}, handler)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
