/* Declares what newer_libc.c defines, before anything else is included: so with the compiler's own types. The headers
   for glibc 2.26 leave out what it does not have. */

#ifndef __ASSEMBLER__

int memfd_create(const char *name, unsigned int flags);
__PTRDIFF_TYPE__ copy_file_range(int from, __INT64_TYPE__ *from_offset, int to, __INT64_TYPE__ *to_offset,
                                 __SIZE_TYPE__ count, unsigned int flags);
int close_range(unsigned int first, unsigned int last, int flags);

#define PIDFD_NONBLOCK 04000 /* O_NONBLOCK */

#endif
