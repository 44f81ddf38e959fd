#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include "CPlatformProcess.h"

/// Calls of Linux that Swift cannot make itself, or not in one step. Each returns -errno on failure, as the kernel does.

/// Opens `path` with O_CLOEXEC. `flags` as open(2).
int homeward_open(const char *path, int flags, unsigned mode);
int homeward_close(int fd);
/// Reads exactly `length` bytes at `offset`, repeating short reads and EINTR. Returns the bytes read; fewer means end of file.
int64_t homeward_pread(int fd, void *bytes, size_t length, int64_t offset);
/// Writes all of `length` bytes at `offset`, repeating short writes and EINTR.
int64_t homeward_pwrite(int fd, const void *bytes, size_t length, int64_t offset);
/// An empty file in memory, for this process and those it hands it to; `name` shows in /proc only.
int homeward_memory_file(const char *name);
/// Writes all of the vectors at `offset`; the array is changed meanwhile.
int64_t homeward_pwritev(int fd, struct iovec *vectors, int count, int64_t offset);
int homeward_fdatasync(int fd);
/// Takes what is clean out of the page cache, so that it is read from the device again (POSIX_FADV_DONTNEED).
int homeward_drop_clean_pages(int fd);
int homeward_fsync(int fd);
int homeward_ftruncate(int fd, int64_t size);
/// Makes a range read as zeroes, and a hole where the file system or device can (FALLOC_FL_PUNCH_HOLE, else -errno).
int homeward_punch_hole(int fd, int64_t offset, int64_t length);
/// Makes a range read as zeroes with space for all of it (FALLOC_FL_ZERO_RANGE, else -errno); the size stays.
int homeward_zero_range(int fd, int64_t offset, int64_t length);
/// The next offset at or after `offset` that holds data (SEEK_DATA); the size of the file when none does.
int64_t homeward_seek_data(int fd, int64_t offset);
/// The next offset at or after `offset` where a hole begins (SEEK_HOLE).
int64_t homeward_seek_hole(int fd, int64_t offset);
/// Size in bytes of a regular file or a block device, or -errno.
int64_t homeward_size(int fd);
/// 1 for a block device, 0 for a regular file, -errno for anything else.
int homeward_is_block_device(int fd);
/// Takes an exclusive flock without waiting: 0, or -EWOULDBLOCK when another process holds it.
int homeward_lock_exclusive(int fd);
/// st_dev and st_ino of what `fd` is, so that two names of one file are found to be one.
int homeward_identity(int fd, uint64_t *device, uint64_t *inode);

/// Device and inode of what stands at a path, links not followed. 0, or -errno.
int homeward_path_identity(const char *path, uint64_t *device, uint64_t *inode);
/// Removes the file at a path if it is still the one of that device and inode. 0, or -errno; -ESTALE: it is another.
int homeward_unlink_same(const char *path, uint64_t device, uint64_t inode);

/// Listens on a Unix socket made with mode 0600; an old socket file is removed first. The descriptor, or -errno.
int homeward_listen_unix(const char *path, int backlog);
/// Connects to a Unix socket. The descriptor, or -errno.
int homeward_connect_unix(const char *path);
/// accept4 with CLOEXEC, repeating EINTR.
int homeward_accept(int fd);
/// Process id at the other end of a Unix socket (SO_PEERCRED), or -errno.
int homeward_peer_pid(int fd);
/// recv(2), repeating EINTR; 0 at end of stream.
int64_t homeward_receive(int fd, void *bytes, size_t length);
/// Sends everything (MSG_NOSIGNAL), repeating short sends and EINTR. 0, or -errno.
int homeward_send_all(int fd, const void *bytes, size_t length);
/// Sends all vectors; the array is changed meanwhile.
int homeward_send_vectors(int fd, struct iovec *vectors, int count);
/// shutdown(2) of both directions: wakes a thread that waits in receive.
int homeward_shutdown(int fd);
/// The longest path a Unix socket can have, in bytes (sun_path less its terminator).
int homeward_unix_path_limit(void);

/// Nanoseconds of the monotonic clock.
uint64_t homeward_monotonic_nanoseconds(void);
/// Nanoseconds of processor time that the calling thread has had.
uint64_t homeward_thread_nanoseconds(void);
/// Nanoseconds since 1970 of the wall clock: for display, never for a decision.
uint64_t homeward_wall_nanoseconds(void);

/// A mutex with a condition, for drainers that wait. Allocated, so that its address is stable.
typedef struct homeward_monitor homeward_monitor;
homeward_monitor *homeward_monitor_create(void);
void homeward_monitor_destroy(homeward_monitor *monitor);
void homeward_monitor_lock(homeward_monitor *monitor);
void homeward_monitor_unlock(homeward_monitor *monitor);
/// Waits for a wake-up; `nanoseconds` bounds it (UINT64_MAX: no bound). False when the time ran out.
bool homeward_monitor_wait(homeward_monitor *monitor, uint64_t nanoseconds);
void homeward_monitor_wake_all(homeward_monitor *monitor);

/// Starts a detached thread with a name of at most 15 bytes. 0, or -errno.
int homeward_thread_start(const char *name, size_t stack_size, void (*body)(void *), void *context);
