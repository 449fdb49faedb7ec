/* What glibc has only since 2.27 (memfd_create, copy_file_range), 2.30 (sem_clockwait) and 2.34 (close_range, closefrom
   when a program is spawned). An interpreter that runs with glibc 2.26 cannot link to them; it has them all the same,
   by system call, or from the libc that it finds when it starts.

   errno is ENOSYS where the kernel, or that libc, has no such function. */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <semaphore.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "newer_libc.h"

enum { SECOND = 1000000000 };

static int (*libc_sem_clockwait)(sem_t *, clockid_t, const struct timespec *);
static int (*libc_addclosefrom)(posix_spawn_file_actions_t *, int);

/* Before there are threads: dlsym() takes a lock, which a forked process may find taken. */
__attribute__((constructor)) static void
look_up(void)
{
    libc_sem_clockwait = dlsym(RTLD_DEFAULT, "sem_clockwait");
    libc_addclosefrom = dlsym(RTLD_DEFAULT, "posix_spawn_file_actions_addclosefrom_np");
}

int
memfd_create(const char *name, unsigned int flags)
{
    return (int)syscall(SYS_memfd_create, name, flags);
}

ssize_t
copy_file_range(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t count, unsigned int flags)
{
    return syscall(SYS_copy_file_range, from, from_offset, to, to_offset, count, flags);
}

int
close_range(unsigned int first, unsigned int last, int flags)
{
    return (int)syscall(SYS_close_range, first, last, flags);
}

/* Without it, the time that is left is waited for by the wall clock: setting that makes the wait longer or shorter. */
int
sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *end)
{
    struct timespec now, wall;

    if (libc_sem_clockwait) {
        return libc_sem_clockwait(semaphore, clock, end);
    }
    if (clock_gettime(clock, &now) || clock_gettime(CLOCK_REALTIME, &wall)) {
        return -1;
    }
    wall.tv_sec += end->tv_sec - now.tv_sec;
    wall.tv_nsec += end->tv_nsec - now.tv_nsec;
    if (wall.tv_nsec < 0) {
        wall.tv_sec--;
        wall.tv_nsec += SECOND;
    }
    else if (wall.tv_nsec >= SECOND) {
        wall.tv_sec++;
        wall.tv_nsec -= SECOND;
    }
    return sem_timedwait(semaphore, &wall);
}

/* Returns an error, as its kind does. */
int
posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from)
{
    return libc_addclosefrom ? libc_addclosefrom(actions, from) : ENOSYS;
}
