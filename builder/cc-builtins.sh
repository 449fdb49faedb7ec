#!/bin/sh
# Makes the object file $1 of the functions named after it and what they call, out of zig's compiler_rt: what compilers
# call where a processor has no instruction, and glibc does not have. The rest of compiler_rt, its memcpy and exp, which
# would win over glibc's, stays out.
set -eu
object=$1
shift
empty=$TMPDIR/empty
echo 'int main(void) { return 0; }' > "$empty.c"
cc -c "$empty.c" -o "$empty.o"
library=$(cc --verbose "$empty.o" -o "$empty" 2>&1 | grep '^ld.lld .*--dynamic-linker' | grep -o '[^ ]*/libcompiler_rt\.a')
exec "$ZIG" ld.lld --relocatable --gc-sections --strip-debug $(printf ' --undefined=%s' "$@") -o "$object" "$library"
