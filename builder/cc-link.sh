#!/bin/sh
# Links a program as `cc` would, but with LLD itself. zig's own front drops --version-script for programs, and its
# compiler_rt brings a memcpy, exp, log, __memcpy_chk... of its own that win over glibc's. So zig is asked how it would
# link an empty program, and its start-up file and its stubs of glibc go around what is to be linked here; a function
# that only compiler_rt has is an undefined symbol, and an error.
set -eu
empty=$TMPDIR/empty
echo 'int main(void) { return 0; }' > "$empty.c"
cc -c "$empty.c" -o "$empty.o"
how=$(cc --verbose "$empty.o" -o "$empty" 2>&1 | grep '^ld.lld .*--dynamic-linker')
fixed='' libraries='' previous=''
for word in $how; do
    case $previous in --dynamic-linker | -m) fixed="$fixed $previous $word" ;; esac
    case $word in
        */ld-linux*) ;;
        */crt1.o) fixed="$fixed $word" ;;
        */lib*.so.* | */libc_nonshared.a) libraries="$libraries $word" ;;
    esac
    previous=$word
done
for word; do
    shift
    case $word in
        -pthread | -lm | -ldl | -lpthread | -lrt | -lutil) ;; # among zig's stubs
        -Wl,*) set -- "$@" $(echo "${word#-Wl,}" | tr , ' ') ;;
        *) set -- "$@" "$word" ;;
    esac
done
exec "$ZIG" ld.lld --eh-frame-hdr $fixed "$@" --as-needed $libraries
