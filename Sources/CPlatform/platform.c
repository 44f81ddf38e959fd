#define _GNU_SOURCE
#include "CPlatform.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define RETRY(result, call) do { (result) = (call); } while ((result) < 0 && errno == EINTR)

static int code(int result) { return result < 0 ? -errno : result; }

int homeward_open(const char *path, int flags, unsigned mode) {
    int fd;
    RETRY(fd, open(path, flags | O_CLOEXEC, mode));
    return code(fd);
}

int homeward_memory_file(const char *name) { return code(memfd_create(name, MFD_CLOEXEC)); }

int homeward_close(int fd) { return code(close(fd)); }

int64_t homeward_pread(int fd, void *bytes, size_t length, int64_t offset) {
    size_t done = 0;
    while (done < length) {
        ssize_t n;
        RETRY(n, pread(fd, (char *)bytes + done, length - done, offset + (int64_t)done));
        if (n < 0) return -errno;
        if (n == 0) break;
        done += (size_t)n;
    }
    return (int64_t)done;
}

int64_t homeward_pwrite(int fd, const void *bytes, size_t length, int64_t offset) {
    size_t done = 0;
    while (done < length) {
        ssize_t n;
        RETRY(n, pwrite(fd, (const char *)bytes + done, length - done, offset + (int64_t)done));
        if (n < 0) return -errno;
        done += (size_t)n;
    }
    return (int64_t)done;
}

/* Drops `n` bytes that were written from the front of the vectors. */
static void advance(struct iovec **vectors, int *count, size_t n) {
    while (*count > 0 && n >= (*vectors)->iov_len) {
        n -= (*vectors)->iov_len;
        (*vectors)++;
        (*count)--;
    }
    if (*count > 0) {
        (*vectors)->iov_base = (char *)(*vectors)->iov_base + n;
        (*vectors)->iov_len -= n;
    }
}

int64_t homeward_pwritev(int fd, struct iovec *vectors, int count, int64_t offset) {
    int64_t done = 0;
    advance(&vectors, &count, 0);
    while (count > 0) {
        ssize_t n;
        RETRY(n, pwritev(fd, vectors, count > 1024 ? 1024 : count, offset + done));
        if (n < 0) return -errno;
        done += n;
        advance(&vectors, &count, (size_t)n);
    }
    return done;
}

int homeward_fdatasync(int fd) { return code(fdatasync(fd)); }
int homeward_drop_clean_pages(int fd) { return -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); }
int homeward_fsync(int fd) { return code(fsync(fd)); }
int homeward_ftruncate(int fd, int64_t size) { return code(ftruncate(fd, size)); }

int homeward_punch_hole(int fd, int64_t offset, int64_t length) {
    int result;
    RETRY(result, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length));
    return code(result);
}

int homeward_zero_range(int fd, int64_t offset, int64_t length) {
    int result;
    RETRY(result, fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, length));
    return code(result);
}

int64_t homeward_seek_data(int fd, int64_t offset) {
    off_t found = lseek(fd, offset, SEEK_DATA);
    if (found >= 0) return found;
    if (errno == ENXIO) return homeward_size(fd);
    return errno == EINVAL ? offset : -errno;
}

int64_t homeward_seek_hole(int fd, int64_t offset) {
    off_t found = lseek(fd, offset, SEEK_HOLE);
    if (found >= 0) return found;
    return errno == ENXIO || errno == EINVAL ? homeward_size(fd) : -errno;
}

int64_t homeward_size(int fd) {
    struct stat info;
    if (fstat(fd, &info) < 0) return -errno;
    if (S_ISREG(info.st_mode)) return info.st_size;
    uint64_t size = 0;
    if (S_ISBLK(info.st_mode)) return ioctl(fd, BLKGETSIZE64, &size) < 0 ? -errno : (int64_t)size;
    return -EINVAL;
}

int homeward_is_block_device(int fd) {
    struct stat info;
    if (fstat(fd, &info) < 0) return -errno;
    if (S_ISREG(info.st_mode)) return 0;
    return S_ISBLK(info.st_mode) ? 1 : -EINVAL;
}

int homeward_lock_exclusive(int fd) {
    int result;
    RETRY(result, flock(fd, LOCK_EX | LOCK_NB));
    return code(result);
}

int homeward_identity(int fd, uint64_t *device, uint64_t *inode) {
    struct stat info;
    if (fstat(fd, &info) < 0) return -errno;
    *device = S_ISBLK(info.st_mode) ? (uint64_t)info.st_rdev : (uint64_t)info.st_dev;
    *inode = S_ISBLK(info.st_mode) ? 0 : (uint64_t)info.st_ino;
    return 0;
}

int homeward_path_identity(const char *path, uint64_t *device, uint64_t *inode) {
    struct stat info;
    if (lstat(path, &info) < 0) return -errno;
    *device = (uint64_t)info.st_dev;
    *inode = (uint64_t)info.st_ino;
    return 0;
}

int homeward_unlink_same(const char *path, uint64_t device, uint64_t inode) {
    uint64_t now_device, now_inode;
    int found = homeward_path_identity(path, &now_device, &now_inode);
    if (found < 0) return found;
    if (now_device != device || now_inode != inode) return -ESTALE;
    return code(unlink(path));
}

int homeward_unix_path_limit(void) { return (int)sizeof(((struct sockaddr_un *)0)->sun_path) - 1; }

static int unix_socket(const char *path, struct sockaddr_un *address) {
    if (strlen(path) > (size_t)homeward_unix_path_limit()) return -ENAMETOOLONG;
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    strcpy(address->sun_path, path);
    return code(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

int homeward_listen_unix(const char *path, int backlog) {
    struct sockaddr_un address;
    int fd = unix_socket(path, &address);
    if (fd < 0) return fd;
    unlink(path);
    /* The folder is 0700 already; the mode of the socket is set before anybody can listen on it. */
    int failed = bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || chmod(path, 0600) < 0 ||
                 listen(fd, backlog) < 0;
    if (!failed) return fd;
    int error = errno;
    close(fd);
    return -error;
}

int homeward_connect_unix(const char *path) {
    struct sockaddr_un address;
    int fd = unix_socket(path, &address);
    if (fd < 0) return fd;
    int result;
    RETRY(result, connect(fd, (struct sockaddr *)&address, sizeof address));
    if (result == 0) return fd;
    int error = errno;
    close(fd);
    return -error;
}

int homeward_accept(int fd) {
    int result;
    RETRY(result, accept4(fd, NULL, NULL, SOCK_CLOEXEC));
    return code(result);
}

int homeward_peer_pid(int fd) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) return -errno;
    return credentials.pid;
}

int64_t homeward_receive(int fd, void *bytes, size_t length) {
    ssize_t n;
    RETRY(n, recv(fd, bytes, length, 0));
    return n < 0 ? -errno : n;
}

int homeward_send_vectors(int fd, struct iovec *vectors, int count) {
    advance(&vectors, &count, 0);
    while (count > 0) {
        struct msghdr message = { .msg_iov = vectors, .msg_iovlen = (size_t)(count > 1024 ? 1024 : count) };
        ssize_t n;
        RETRY(n, sendmsg(fd, &message, MSG_NOSIGNAL));
        if (n < 0) return -errno;
        advance(&vectors, &count, (size_t)n);
    }
    return 0;
}

int homeward_send_all(int fd, const void *bytes, size_t length) {
    struct iovec vector = { .iov_base = (void *)bytes, .iov_len = length };
    return homeward_send_vectors(fd, &vector, 1);
}

int homeward_shutdown(int fd) { return code(shutdown(fd, SHUT_RDWR)); }

static uint64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t homeward_monotonic_nanoseconds(void) { return nanoseconds(CLOCK_MONOTONIC); }
uint64_t homeward_thread_nanoseconds(void) { return nanoseconds(CLOCK_THREAD_CPUTIME_ID); }
uint64_t homeward_wall_nanoseconds(void) { return nanoseconds(CLOCK_REALTIME); }

struct homeward_monitor {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
};

homeward_monitor *homeward_monitor_create(void) {
    homeward_monitor *monitor = malloc(sizeof *monitor);
    if (!monitor) abort();
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&monitor->mutex, NULL);
    pthread_cond_init(&monitor->condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return monitor;
}

void homeward_monitor_destroy(homeward_monitor *monitor) {
    pthread_cond_destroy(&monitor->condition);
    pthread_mutex_destroy(&monitor->mutex);
    free(monitor);
}

void homeward_monitor_lock(homeward_monitor *monitor) { pthread_mutex_lock(&monitor->mutex); }
void homeward_monitor_unlock(homeward_monitor *monitor) { pthread_mutex_unlock(&monitor->mutex); }
void homeward_monitor_wake_all(homeward_monitor *monitor) { pthread_cond_broadcast(&monitor->condition); }

bool homeward_monitor_wait(homeward_monitor *monitor, uint64_t bound) {
    if (bound == UINT64_MAX) return pthread_cond_wait(&monitor->condition, &monitor->mutex) == 0;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t total = (uint64_t)until.tv_nsec + bound % 1000000000u;
    until.tv_sec += (time_t)(bound / 1000000000u + total / 1000000000u);
    until.tv_nsec = (long)(total % 1000000000u);
    return pthread_cond_timedwait(&monitor->condition, &monitor->mutex, &until) == 0;
}

struct thread_start { void (*body)(void *); void *context; char name[16]; };

static void *thread_main(void *argument) {
    struct thread_start start = *(struct thread_start *)argument;
    free(argument);
    pthread_setname_np(pthread_self(), start.name);
    start.body(start.context);
    return NULL;
}

int homeward_thread_start(const char *name, size_t stack_size, void (*body)(void *), void *context) {
    struct thread_start *start = calloc(1, sizeof *start);
    if (!start) return -ENOMEM;
    start->body = body;
    start->context = context;
    strncpy(start->name, name, sizeof start->name - 1);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (stack_size) pthread_attr_setstacksize(&attributes, stack_size);
    pthread_t thread;
    int result = pthread_create(&thread, &attributes, thread_main, start);
    pthread_attr_destroy(&attributes);
    if (result != 0) free(start);
    return -result;
}
