"""libffi, for ``ctypes``.

Debian's archive has no ``configure``, and making one takes autotools of the machine. What configure would find out
about Linux on these two processors is known, so it stands here as ``fficonfig.h`` and the library is compiled straight.
"""

from builder.flags import Flag, words
from builder.platform import Platform
from builder.recipes import MAKE_LIBRARY, Recipe, library, make_out
from builder.toolchain import COMPILER_FLAGS

COMMON = ("prep_cif", "types", "raw_api", "java_raw_api", "closures", "tramp")

# libffi's name of the processor, its folder, and what it is made of (`configure.host`).
PROCESSORS = {
    "x86_64": ("X86_64", "x86", ("ffi64.c", "unix64.S", "ffiw64.c", "win64.S")),
    "aarch64": ("AARCH64", "aarch64", ("ffi.c", "sysv.S")),
}

VERSION = "3.8.0"  # what the header tells; a test compares it with pins.toml

CONFIGURATION = """\
#define EH_FRAME_FLAGS "a"
#define FFI_EXEC_STATIC_TRAMP 1 /* closures without writable and executable memory */
#define HAVE_ALLOCA_H 1
#define HAVE_AS_CFI_PSEUDO_OP 1
#define HAVE_AS_X86_64_UNWIND_SECTION_TYPE 1
#define HAVE_AS_X86_PCREL 1
#define HAVE_HIDDEN_VISIBILITY_ATTRIBUTE 1
#define HAVE_INT128 1
#define HAVE_LONG_DOUBLE 1
#define HAVE_MEMCPY 1
#define HAVE_MKOSTEMP 1
#define HAVE_MMAP 1
#define STDC_HEADERS 1
#define HAVE_MREMAP 1
#ifdef LIBFFI_ASM
#define FFI_HIDDEN(name) .hidden name
#else
#define FFI_HIDDEN __attribute__((visibility("hidden")))
#endif
"""

OPTIONS = (
    Flag("-Iinclude -Isrc", "its own headers"),
    Flag("FFI_EXEC_STATIC_TRAMP", "closures without writable and executable memory (in fficonfig.h)"),
)


def recipe(platform: Platform) -> Recipe:
    processor, folder, parts = PROCESSORS[platform.cpu.machine]
    sources = (*(f"src/{module}.c" for module in COMMON), *(f"src/{folder}/{part}" for part in parts))
    major, minor, micro = (int(part) for part in VERSION.split("."))
    answers = {
        "VERSION": VERSION,
        "TARGET": processor,
        "HAVE_LONG_DOUBLE": "1",
        "FFI_VERSION_STRING": VERSION,
        "FFI_VERSION_NUMBER": str(major * 10000 + minor * 100 + micro),
        "FFI_EXEC_TRAMPOLINE_TABLE": "0",
    }
    return Recipe(
        source="libffi",
        options=OPTIONS,
        files={
            "src/include/fficonfig.h": CONFIGURATION,
            **library("ffi", sources, words((*COMPILER_FLAGS, OPTIONS[0]))),
        },
        commands=(
            make_out("lib", "include"),
            ("cp", f"src/{folder}/ffitarget.h", "include"),
            ("cp", "include/ffi.h.in", "include/ffi.h"),
            ("sed", "-i", *(f"-es/@{name}@/{answer}/g" for name, answer in answers.items()), "include/ffi.h"),
            MAKE_LIBRARY,
            ("cp", "include/ffi.h", "include/ffitarget.h", "../out/include"),
        ),
    )
