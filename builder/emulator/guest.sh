#!/bin/bash
# The guest agent: starts AWS's emulator where a layer is at /opt, sends it the event, and reports what came of it.
# It needs bash and coreutils only, for a layer may bring no program. guest.py prepares and parses all that it can.
#
#   guest.sh BOUNDARY PORTS START_TIMEOUT RESPONSE_TIMEOUT EMULATOR...
#
# Timeouts are in seconds; the request lies beside this file. Standard output is the emulator's, and so the function's.
# Standard error is the emulator's log; once that has ended, BOUNDARY follows, then the emulator's pid, its response in
# base64, and /proc/*/status as it was at the response.
boundary=$1 ports=$2 start_timeout=$3 response_timeout=$4
shift 4
type -P base64 cat sleep timeout > /dev/null || exit 127
# A shell's background commands ignore these signals, and the function would inherit that.
(trap - INT QUIT; exec "$@") &
emulator=$!
trap 'kill $emulator 2> /dev/null; wait $emulator 2> /dev/null' EXIT
for port in $ports; do # the last one takes the event
    until { exec 3<> "/dev/tcp/127.0.0.1/$port"; } 2> /dev/null; do
        kill -0 $emulator 2> /dev/null && [ $SECONDS -lt "$start_timeout" ] || exit 1
        sleep 0.01
    done
done
cat "${0%/*}/request" >&3
response=$(timeout "$response_timeout" cat <&3 | base64 -w 0)
processes=$(cat /proc/[0-9]*/status 2> /dev/null)
kill $emulator 2> /dev/null
wait $emulator 2> /dev/null
trap - EXIT
printf '\n%s\n' "$boundary" >&2
printf '%s\n' "$emulator" "$response" "$processes" >&2
