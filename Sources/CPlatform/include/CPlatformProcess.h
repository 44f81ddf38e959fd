#pragma once
#include <stddef.h>
#include <stdint.h>

/// Processes that outlive the one that started them, and the ends of them.

/// Starts a program in a session of its own: it survives the end of the caller and its terminal's Ctrl-C.
///
/// The child itself writes "PID START\n" to `pid_file` (START: its start time as in /proc/PID/stat) before it becomes the
/// program, so that no program runs that is not recorded, whenever the caller dies. Standard output and error are appended
/// to `log_file`, standard input is empty, no other descriptor is inherited. `arguments` ends with NULL; its first is the
/// path of the program. The process id, or -errno of whatever failed, the start of the program included.
int homeward_spawn_daemon(char *const *arguments, const char *pid_file, const char *log_file);

/// A descriptor that names the process itself and never a later one of the same id (pidfd_open), or -errno.
int homeward_process_open(int process);
/// Sends a signal through such a descriptor. 0, or -errno.
int homeward_process_signal(int descriptor, int signal);
/// Waits until the process has ended. 1 when it has, 0 when the time ran out, or -errno.
int homeward_process_wait(int descriptor, int milliseconds);

/// flock, exclusive, waiting for whoever holds it. 0, or -errno.
int homeward_lock_wait(int fd);
/// read(2), repeating EINTR; for files without a size (/proc) and pipes.
int64_t homeward_read(int fd, void *bytes, size_t length);
/// write(2) of everything, repeating short writes and EINTR.
int64_t homeward_write(int fd, const void *bytes, size_t length);
/// Whether a TCP port of an IPv4 address could be listened on at this moment: 0, or -errno.
int homeward_probe_listen(const char *address, uint16_t port);
