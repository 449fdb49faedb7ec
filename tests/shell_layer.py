"""A layer that holds a runtime in bash and nothing else: what invokes functions may not count on what a layer brings.

Its handlers: ``echo``, ``fail``, ``sleep``, ``leave`` (ends the runtime), ``behind`` (leaves a process in a session of
its own, and responds with its number), ``grow`` (a child takes 150 MiB) and ``see`` (the environment in base64, and the
status of a process).
"""

import zipfile
from pathlib import Path

BOOTSTRAP = r"""#!/bin/bash
say() { # METHOD PATH [BODY]: a request to the Runtime API; what comes back is in id and body
    local line
    exec 3<> "/dev/tcp/${AWS_LAMBDA_RUNTIME_API/:/\/}"
    printf '%s /2018-06-01/runtime/%s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s' "$1" "$2" "${#3}" "$3" >&3
    while IFS= read -r line <&3 && line=${line%$'\r'} && [ "$line" ]; do
        [[ ${line,,} != lambda-runtime-aws-request-id:* ]] || id=${line#*: }
    done
    body=$(cat <&3)
}
respond() {
    say POST "invocation/$id/response" "$1"
}
while say GET invocation/next; do
    echo "to standard output"
    echo "to standard error" >&2
    case $_HANDLER in
        echo) printf 'a line without an end'; respond "$body" ;;
        fail) say POST "invocation/$id/error" '{"errorType": "Bad", "errorMessage": "It is bad."}' ;;
        sleep) sleep 600 ;;
        leave) exit 7 ;;
        behind) setsid sleep 600 & respond $! ;;
        grow) exec 4< <(dd if=/dev/zero bs=150M count=1 2> /dev/null | tr '\0' x) && read -r -n 1 <&4; respond grown ;;
        see) respond "$(env -0 | base64 -w 0)
$(cat /proc/self/status)" ;;
    esac
done
"""


def make_shell_layer(path: Path) -> Path:
    """The layer as a zip."""
    info = zipfile.ZipInfo("bootstrap")
    info.external_attr = 0o100755 << 16
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr(info, BOOTSTRAP)
    return path
