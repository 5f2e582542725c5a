/* The seam between a process and its disk, put there by LD_PRELOAD.
 *
 * Counts what changes files below one folder. At the n-th such call the process is killed, a write
 * having written half of what it was given; or, from n bytes on, the disk is full. Nothing is
 * synced: a process that is killed takes nothing along that it has written.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static char root[4096];
static long die_at;    /* 0: never */
static atomic_long calls;
static atomic_long room; /* bytes that still fit, where `limited` */
static int limited;

/* Watch a folder, given by its real path. `bytes` below 0 is a disk without an end. */
void seam_arm(const char *folder, long nth, long bytes)
{
    snprintf(root, sizeof root, "%s", folder);
    die_at = nth;
    limited = bytes >= 0;
    atomic_store(&room, bytes);
    atomic_store(&calls, 0);
}

long seam_calls(void) { return atomic_load(&calls); }

/* Return the bytes that still fit on a disk with an end. */
long seam_room(void) { return atomic_load(&room); }

static int below(const char *path)
{
    static const char pinned[] = "/proc/self/fd/"; /* what a descriptor leads to, by its name */
    char whole[8192];
    size_t length = strlen(root);
    if (length && !strncmp(path, pinned, sizeof pinned - 1)) {
        const char *rest = strchr(path + sizeof pinned - 1, '/');
        char link[64];
        snprintf(link, sizeof link, "%.*s", (int)(rest ? rest - path : (long)strlen(path)), path);
        ssize_t found = readlink(link, whole, 4095);
        if (found < 0)
            return 0;
        snprintf(whole + found, sizeof whole - (size_t)found, "%s", rest ? rest : "");
        path = whole;
    }
    return length && !strncmp(path, root, length) && (path[length] == '/' || !path[length]);
}

static int inside(int fd)
{
    char link[64], path[4096];
    if (!root[0] || fd < 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return below(path);
}

static int inside_at(int folder, const char *path)
{
    return path[0] == '/' ? below(path) : inside(folder);
}

/* Count a call; true where it is the last one. */
static int is_last(void) { return atomic_fetch_add(&calls, 1) + 1 == die_at; }

static void pass(int watched)
{
    if (watched && is_last())
        kill(getpid(), SIGKILL);
}

/* Return how many of `wanted` bytes still fit; -1 with errno where none do. */
static ssize_t fitting(size_t wanted)
{
    if (!limited || !wanted)
        return (ssize_t)wanted;
    long had = atomic_fetch_sub(&room, (long)wanted);
    if (had >= (long)wanted)
        return (ssize_t)wanted;
    atomic_store(&room, 0);
    if (had > 0)
        return had;
    errno = ENOSPC;
    return -1;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name)

#define WRITES(fd, count, call)              \
    if (inside(fd)) {                        \
        ssize_t fits = fitting(count);       \
        if (fits < 0)                        \
            return -1;                       \
        count = (size_t)fits;                \
        if (is_last()) {                     \
            count /= 2;                      \
            if (count)                       \
                (void)!call;                 \
            kill(getpid(), SIGKILL);         \
        }                                    \
    }                                        \
    return call

ssize_t write(int fd, const void *data, size_t count)
{
    REAL(write);
    WRITES(fd, count, real(fd, data, count));
}

ssize_t pwrite(int fd, const void *data, size_t count, off_t at)
{
    REAL(pwrite);
    WRITES(fd, count, real(fd, data, count, at));
}

ssize_t pwrite64(int fd, const void *data, size_t count, off64_t at)
{
    REAL(pwrite64);
    WRITES(fd, count, real(fd, data, count, at));
}

ssize_t sendfile(int out, int in, off_t *at, size_t count)
{
    REAL(sendfile);
    WRITES(out, count, real(out, in, at, count));
}

ssize_t sendfile64(int out, int in, off64_t *at, size_t count)
{
    REAL(sendfile64);
    WRITES(out, count, real(out, in, at, count));
}

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t count, unsigned flags)
{
    REAL(copy_file_range);
    WRITES(out, count, real(in, from, out, to, count, flags));
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(writev);
    if (!inside(fd))
        return real(fd, parts, count);
    for (int i = 0; i < count; i++) /* as little as may be written at once */
        if (parts[i].iov_len)
            return write(fd, parts[i].iov_base, parts[i].iov_len);
    return 0;
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *file)
{
    REAL(fwrite);
    if (root[0] && inside(fileno(file))) {
        ssize_t fits = fitting(size * count);
        if (fits < (ssize_t)(size * count)) {
            errno = ENOSPC;
            return 0;
        }
        pass(1);
    }
    return real(data, size, count, file);
}

int fsync(int fd)
{
    REAL(fsync);
    int watched = inside(fd);
    pass(watched);
    return watched ? 0 : real(fd);
}

int fdatasync(int fd)
{
    REAL(fdatasync);
    int watched = inside(fd);
    pass(watched);
    return watched ? 0 : real(fd);
}

int ftruncate(int fd, off_t length)
{
    REAL(ftruncate);
    pass(inside(fd));
    return real(fd, length);
}

int ftruncate64(int fd, off64_t length)
{
    REAL(ftruncate64);
    pass(inside(fd));
    return real(fd, length);
}

int rename(const char *old, const char *new)
{
    REAL(rename);
    pass(below(new));
    return real(old, new);
}

int renameat(int from, const char *old, int to, const char *new)
{
    REAL(renameat);
    pass(inside_at(to, new));
    return real(from, old, to, new);
}

int link(const char *old, const char *new)
{
    REAL(link);
    pass(below(new));
    return real(old, new);
}

int linkat(int from, const char *old, int to, const char *new, int flags)
{
    REAL(linkat);
    pass(inside_at(to, new));
    return real(from, old, to, new, flags);
}

int unlink(const char *path)
{
    REAL(unlink);
    pass(below(path));
    return real(path);
}

int unlinkat(int folder, const char *path, int flags)
{
    REAL(unlinkat);
    pass(inside_at(folder, path));
    return real(folder, path, flags);
}

int rmdir(const char *path)
{
    REAL(rmdir);
    pass(below(path));
    return real(path);
}

int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir);
    pass(below(path));
    return real(path, mode);
}

int mkdirat(int folder, const char *path, mode_t mode)
{
    REAL(mkdirat);
    pass(inside_at(folder, path));
    return real(folder, path, mode);
}
