#define _GNU_SOURCE
#include "CPlatformProcess.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define RETRY(result, call) do { (result) = (call); } while ((result) < 0 && errno == EINTR)

static int code(int result) { return result < 0 ? -errno : result; }

int64_t homeward_read(int fd, void *bytes, size_t length) {
    ssize_t n;
    RETRY(n, read(fd, bytes, length));
    return n < 0 ? -errno : n;
}

int64_t homeward_write(int fd, const void *bytes, size_t length) {
    size_t done = 0;
    while (done < length) {
        ssize_t n;
        RETRY(n, write(fd, (const char *)bytes + done, length - done));
        if (n < 0) return -errno;
        done += (size_t)n;
    }
    return (int64_t)done;
}

int homeward_lock_wait(int fd) {
    int result;
    RETRY(result, flock(fd, LOCK_EX));
    return code(result);
}

/* Between fork and exec only calls that are safe after a fork of a process with threads: no malloc, no stdio. */

static char *decimal(uint64_t value, char *end) {
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return end;
}

/* Field 22 of /proc/self/stat; the name in field 2 may hold anything, so fields are counted from the last ')'. */
static uint64_t own_start_time(void) {
    char text[1024];
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    int64_t n = homeward_read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return 0;
    text[n] = 0;
    char *place = strrchr(text, ')');
    if (!place) return 0;
    for (int field = 2; field < 22; field++) {
        place = strchr(place + 1, ' ');
        if (!place) return 0;
    }
    uint64_t value = 0;
    for (place++; *place >= '0' && *place <= '9'; place++) value = value * 10 + (uint64_t)(*place - '0');
    return value;
}

static int record_self(const char *pid_file) {
    char text[64];
    char *end = text + sizeof text;
    *--end = '\n';
    char *start = decimal(own_start_time(), end);
    *--start = ' ';
    start = decimal((uint64_t)getpid(), start);
    int fd = open(pid_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return -1;
    int64_t written = homeward_write(fd, start, (size_t)(text + sizeof text - start));
    int synchronized = fsync(fd);
    close(fd);
    return written < 0 || synchronized < 0 ? -1 : 0;
}

static void become(char *const *arguments, const char *pid_file, const char *log_file, int report) {
    sigset_t none;
    sigemptyset(&none);
    int input = open("/dev/null", O_RDONLY);
    int output = open(log_file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (setsid() < 0 || input < 0 || output < 0) goto failed;
    if (record_self(pid_file) < 0) goto failed;
    for (int signal = 1; signal < 32; signal++) sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* The report pipe may itself have one of the first numbers: it moves above them first. */
    report = fcntl(report, F_DUPFD_CLOEXEC, 3);
    if (report < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) goto failed;
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0) goto failed;
    execv(arguments[0], arguments);
failed:;
    int error = errno;
    homeward_write(report, &error, sizeof error);
    _exit(127);
}

int homeward_spawn_daemon(char *const *arguments, const char *pid_file, const char *log_file) {
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) < 0) return -errno;
    pid_t child = fork();
    if (child < 0) {
        int error = errno;
        close(pipes[0]);
        close(pipes[1]);
        return -error;
    }
    if (child == 0) become(arguments, pid_file, log_file, pipes[1]);
    close(pipes[1]);
    int error = 0;
    int64_t n = homeward_read(pipes[0], &error, sizeof error);
    close(pipes[0]);
    if (n == 0) return child;
    waitpid(child, NULL, 0);
    return n == (int64_t)sizeof error ? -error : -EIO;
}

int homeward_process_open(int process) { return code(pidfd_open(process, 0)); }

int homeward_process_signal(int descriptor, int signal) {
    return code(pidfd_send_signal(descriptor, signal, NULL, 0));
}

int homeward_process_wait(int descriptor, int milliseconds) {
    struct pollfd entry = { .fd = descriptor, .events = POLLIN };
    int result;
    RETRY(result, poll(&entry, 1, milliseconds));
    return result < 0 ? -errno : result > 0;
}

int homeward_probe_listen(const char *address, uint16_t port) {
    struct sockaddr_in target = { .sin_family = AF_INET, .sin_port = htons(port) };
    if (inet_pton(AF_INET, address, &target.sin_addr) != 1) return -EINVAL;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int failed = bind(fd, (struct sockaddr *)&target, sizeof target) < 0 || listen(fd, 1) < 0;
    int error = failed ? errno : 0;
    close(fd);
    return -error;
}
