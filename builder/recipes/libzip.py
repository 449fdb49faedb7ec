"""libzip: zip archives, with encryption.

Its build system is CMake, which the build does not have. What that would ask is known for every glibc, so it stands
here.
"""

from builder.flags import Flag, words
from builder.platform import Platform
from builder.recipes import MAKE_LIBRARY, Recipe, library, make_out
from builder.toolchain import COMPILER_FLAGS

VERSION = "1.11.4"  # what the header tells; a test compares it with pins.toml

MODULES = (
    *("add", "add_dir", "add_entry", "algorithm_bzip2", "algorithm_deflate", "buffer", "close", "delete", "dir_add"),
    *("dirent", "discard", "entry", "err_str", "error", "error_clear", "error_get", "error_get_sys_type"),
    *("error_strerror", "error_to_str", "extra_field", "extra_field_api", "fclose", "fdopen", "file_add"),
    *("file_error_clear", "file_error_get", "file_get_comment", "file_get_external_attributes", "file_get_offset"),
    *("file_rename", "file_replace", "file_set_comment", "file_set_encryption", "file_set_external_attributes"),
    *("file_set_mtime", "file_strerror", "fopen", "fopen_encrypted", "fopen_index", "fopen_index_encrypted", "fread"),
    *("fseek", "ftell", "get_archive_comment", "get_archive_flag", "get_encryption_implementation"),
    *("get_file_comment", "get_name", "get_num_entries", "get_num_files", "hash", "io_util", "libzip_version"),
    *("memdup", "name_locate", "new", "open", "pkware", "progress", "realloc", "rename", "replace"),
    *("set_archive_comment", "set_archive_flag", "set_default_password", "set_file_comment", "set_file_compression"),
    *("set_name", "stat", "stat_index", "stat_init", "strerror", "string", "unchange", "unchange_all"),
    *("unchange_archive", "unchange_data", "utf-8", "random_unix", "crypto_openssl", "winzip_aes"),
    *(
        f"source_{part}"
        for part in (
            *("accept_empty", "begin_write", "begin_write_cloning", "buffer", "call", "close", "commit_write"),
            *("compress", "crc", "error", "file_common", "file_stdio", "file_stdio_named", "free", "function"),
            *("get_dostime", "get_file_attributes", "is_deleted", "layered", "open", "pass_to_lower_layer"),
            *("pkware_decode", "pkware_encode", "read", "remove", "rollback_write", "seek", "seek_write", "stat"),
            *("supports", "tell", "tell_write", "window", "winzip_aes_decode", "winzip_aes_encode", "write", "zip"),
            "zip_new",
        )
    ),
)

CONFIGURATION = """\
#include "zipconf.h"
#define ENABLE_FDOPEN
#define HAVE_CRYPTO
#define HAVE_DIRENT_H
#define HAVE_FCHMOD
#define HAVE_FICLONERANGE
#define HAVE_FILENO
#define HAVE_FSEEKO
#define HAVE_FTELLO
#define HAVE_FTS_H
#define HAVE_LIBBZ2
#define HAVE_LOCALTIME_R
#define HAVE_MKSTEMP
#define HAVE_OPENSSL
#define HAVE_SNPRINTF
#define HAVE_STDBOOL_H
#define HAVE_STRCASECMP
#define HAVE_STRDUP
#define HAVE_STRINGS_H
#define HAVE_STRTOLL
#define HAVE_STRTOULL
#define HAVE_STRUCT_TM_TM_ZONE
#define HAVE_UNISTD_H
#define HAVE___PROGNAME
#define SIZEOF_OFF_T 8
#define SIZEOF_SIZE_T 8
"""

ERRORS = r"""
# The tables of messages, from the comments beside the numbers in zip.h and zipint.h: "/* N No such file */".
BEGIN {
    print "#include \"zipint.h\""
    print "const struct _zip_err_info _zip_err_str[] = {"
    kind["L"] = "ZIP_ET_LIBZIP"; kind["N"] = "ZIP_ET_NONE"; kind["S"] = "ZIP_ET_SYS"; kind["Z"] = "ZIP_ET_ZLIB"
    kind["E"] = "ZIP_DETAIL_ET_ENTRY"; kind["G"] = "ZIP_DETAIL_ET_GLOBAL"
}
/^#define ZIP_ER_[A-Z0-9_]+ [0-9]+[ \t]+\/\* [A-Z] / {
    if ($2 ~ /^ZIP_ER_DETAIL_/ && !details++) {
        print "};\nconst int _zip_err_str_count = sizeof(_zip_err_str)/sizeof(_zip_err_str[0]);"
        print "const struct _zip_err_info _zip_err_details[] = {"
    }
    text = $0
    sub(/^[^*]*\* [A-Z] /, "", text)
    sub(/[ \t]*\*\/.*$/, "", text)
    print "    { " kind[$5] ", \"" text "\" },"
}
END { print "};\nconst int _zip_err_details_count = sizeof(_zip_err_details)/sizeof(_zip_err_details[0]);" }
"""

OPTIONS = (
    Flag("-DHAVE_CONFIG_H -Ilib", "the answers above, and its own headers"),
    Flag("-I../deps/zlib/include -I../deps/bzip2/include -I../deps/openssl/include", "ours; OpenSSL for AES"),
)

_ANSWERS = {
    "${libzip_VERSION}": VERSION,
    **dict(
        zip((f"${{libzip_VERSION_{part}}}" for part in ("MAJOR", "MINOR", "PATCH")), VERSION.split("."), strict=True)
    ),
    "${LIBZIP_TYPES_INCLUDE}": "#include <stdint.h>",
    **{f"${{ZIP_{sign.upper()}INT{bits}_T}}": f"{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    "#cmakedefine ZIP_STATIC": "#define ZIP_STATIC",
}


def recipe(_: Platform) -> Recipe:
    return Recipe(
        source="libzip",
        needs=("zlib", "bzip2", "openssl"),
        options=OPTIONS,
        files={
            "src/lib/config.h": CONFIGURATION,
            "errors.awk": ERRORS,
            **library("zip", tuple(f"lib/zip_{module}.c" for module in MODULES), words(COMPILER_FLAGS + OPTIONS)),
        },
        commands=(
            make_out("lib", "include"),
            ("cp", "zipconf.h.in", "lib/zipconf.h"),
            ("sed", "-i", *(f"-es/{name}/{answer}/" for name, answer in _ANSWERS.items()), "lib/zipconf.h"),
            ("sh", "-c", "awk -f ../errors.awk lib/zip.h lib/zipint.h > lib/zip_err_str.c"),
            MAKE_LIBRARY,
            ("cp", "lib/zip.h", "lib/zipconf.h", "../out/include"),
        ),
    )
