#define _GNU_SOURCE
#include "CEdit.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

/* Entries that are kept; more would make each start and each statement slower. */
enum { history_limit = 2000 };

struct homeward_edit {
    EditLine *line;
    History *history;
    const char *prompt;
    int wake; /* eventfd: an interrupt waits to be seen */
    bool interrupted;
    struct winsize size;
    mbstate_t decoding;
    homeward_edit_completer completer;
    void *context;
};

bool homeward_edit_is_terminal(void) { return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO); }

int homeward_edit_wait_readable(int fd, int milliseconds) {
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    int ready = poll(&watched, 1, milliseconds);
    if (ready < 0) return errno == EINTR ? 0 : -errno;
    return ready > 0 ? 1 : 0;
}

static homeward_edit *owner(EditLine *line) {
    void *data = NULL;
    el_get(line, EL_CLIENTDATA, &data);
    return data;
}

static char *prompt(EditLine *line) { return (char *)owner(line)->prompt; }

/* libedit resizes by itself only where it also takes SIGINT, which is not its business here. */
static void follow_size(homeward_edit *edit) {
    struct winsize now;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) != 0) return;
    if (now.ws_col == edit->size.ws_col && now.ws_row == edit->size.ws_row) return;
    edit->size = now;
    el_resize(edit->line);
}

/* A shell that took the terminal back for a while (Ctrl-Z, fg) gives it back as programs expect it, one line at a time. */
static void keep_prepared(homeward_edit *edit) {
    struct termios now;
    if (tcgetattr(STDIN_FILENO, &now) != 0 || !(now.c_lflag & ICANON)) return;
    el_set(edit->line, EL_PREP_TERM, 0); /* it believes the terminal to be as it left it */
    el_set(edit->line, EL_PREP_TERM, 1);
    el_set(edit->line, EL_REFRESH);
}

/* Waits for a byte or for an interrupt. 1 with the byte, 0 at the end, -1 when interrupted. */
static int next_byte(homeward_edit *edit, char *byte) {
    for (;;) {
        struct pollfd watched[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = edit->wake, .events = POLLIN}};
        int ready = poll(watched, 2, 200);
        if (ready < 0 && errno != EINTR) return 0;
        follow_size(edit);
        keep_prepared(edit);
        if (ready <= 0) continue;
        uint64_t count;
        if (watched[1].revents && read(edit->wake, &count, sizeof count) == (ssize_t)sizeof count) {
            edit->interrupted = true;
            return -1;
        }
        if (!watched[0].revents) continue;
        ssize_t got = read(STDIN_FILENO, byte, 1);
        if (got < 0 && errno == EINTR) continue;
        return got == 1 ? 1 : 0;
    }
}

/* One character, which may be several bytes; the same answers as the byte has. */
static int next_character(EditLine *line, wchar_t *character) {
    homeward_edit *edit = owner(line);
    for (;;) {
        char byte;
        int got = next_byte(edit, &byte);
        if (got <= 0) {
            *character = L'\0';
            return got;
        }
        size_t length = mbrtowc(character, &byte, 1, &edit->decoding);
        if (length == (size_t)-2) continue;
        if (length == (size_t)-1) { /* no UTF-8: left out, as nothing could show it */
            memset(&edit->decoding, 0, sizeof edit->decoding);
            continue;
        }
        return 1;
    }
}

static unsigned char complete(EditLine *line, int character) {
    (void)character;
    homeward_edit *edit = owner(line);
    const LineInfo *info = el_line(line);
    homeward_edit_completion found =
        edit->completer(edit->context, info->buffer, (size_t)(info->cursor - info->buffer));
    unsigned char next = CC_REFRESH_BEEP;
    if (found.listing) {
        FILE *out = stdout;
        fputc('\n', out);
        fputs(found.listing, out);
        fflush(out);
        next = CC_REDISPLAY;
    }
    if (found.insertion) {
        if (*found.insertion && el_insertstr(line, found.insertion) == 0 && next != CC_REDISPLAY) next = CC_REFRESH;
    }
    free(found.insertion);
    free(found.listing);
    return next;
}

homeward_edit *homeward_edit_create(const char *program, homeward_edit_completer completer, void *context) {
    /* Characters of more than one byte are edited as one only in a locale that knows them. */
    if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1) setlocale(LC_CTYPE, "C.UTF-8");
    homeward_edit *edit = calloc(1, sizeof *edit);
    if (!edit) return NULL;
    edit->completer = completer;
    edit->context = context;
    edit->prompt = "";
    edit->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    edit->history = history_init();
    edit->line = el_init(program, stdin, stdout, stderr);
    if (edit->wake < 0 || !edit->history || !edit->line) {
        homeward_edit_destroy(edit);
        return NULL;
    }
    HistEvent event;
    history(edit->history, &event, H_SETSIZE, (int)history_limit);
    history(edit->history, &event, H_SETUNIQUE, 1);
    el_set(edit->line, EL_CLIENTDATA, edit);
    el_set(edit->line, EL_PROMPT, prompt);
    el_set(edit->line, EL_EDITOR, "emacs");
    el_set(edit->line, EL_SIGNAL, 0);
    el_set(edit->line, EL_HIST, history, edit->history);
    el_set(edit->line, EL_GETCFN, next_character);
    el_set(edit->line, EL_ADDFN, "homeward-complete", "Completes a name", complete);
    el_set(edit->line, EL_BIND, "^I", "homeward-complete", NULL);
    el_set(edit->line, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(edit->line, NULL);
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &edit->size);
    return edit;
}

void homeward_edit_destroy(homeward_edit *edit) {
    if (!edit) return;
    if (edit->line) el_end(edit->line);
    if (edit->history) history_end(edit->history);
    if (edit->wake >= 0) close(edit->wake);
    free(edit);
}

homeward_edit_result homeward_edit_read(homeward_edit *edit, const char *prompt, const char **line, size_t *length) {
    edit->prompt = prompt;
    edit->interrupted = false;
    memset(&edit->decoding, 0, sizeof edit->decoding);
    int count = 0;
    /* Before the prompt is shown: what is typed at once after it would be echoed twice. */
    el_set(edit->line, EL_PREP_TERM, 1);
    const char *read = el_gets(edit->line, &count);
    if (edit->interrupted) {
        el_reset(edit->line);
        fputs("^C\n", stdout);
        fflush(stdout);
        return HOMEWARD_EDIT_INTERRUPTED;
    }
    if (!read || count <= 0) {
        fputc('\n', stdout);
        fflush(stdout);
        return HOMEWARD_EDIT_END;
    }
    *line = read;
    *length = strlen(read);
    if (*length > 0 && read[*length - 1] == '\n') *length -= 1;
    return HOMEWARD_EDIT_LINE;
}

void homeward_edit_interrupt(homeward_edit *edit) {
    uint64_t one = 1;
    ssize_t written = write(edit->wake, &one, sizeof one);
    (void)written; /* full: an interrupt waits already */
}

/* MARK: The file of the history. Editors of several processes append to it, one at a time. */

/* Opens the file for its only user of the moment; -errno. */
static int open_locked(const char *path) {
    for (;;) {
        int descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (descriptor < 0) return -errno;
        struct stat mine, now;
        int error = 0;
        if (flock(descriptor, LOCK_EX) != 0 || fchmod(descriptor, 0600) != 0 || fstat(descriptor, &mine) != 0) error = errno;
        /* Cut by another process while this one waited: what stands there now is another file. */
        if (!error && stat(path, &now) == 0 && now.st_ino == mine.st_ino && now.st_dev == mine.st_dev) return descriptor;
        close(descriptor);
        if (error) return -error;
    }
}

/* The entries as libedit writes them to a file, malloc'ed; NULL when there is no memory. */
static char *encoded(History *entries, size_t *length) {
    int descriptor = memfd_create("history", MFD_CLOEXEC); /* libedit sets its mode, so that it must be a file */
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    if (!file) {
        if (descriptor >= 0) close(descriptor);
        return NULL;
    }
    HistEvent event;
    char *text = NULL;
    struct stat status;
    if (history(entries, &event, H_SAVE_FP, file) >= 0 && fflush(file) == 0 && fstat(descriptor, &status) == 0) {
        *length = (size_t)status.st_size;
        text = malloc(*length + 1);
        if (text && pread(descriptor, text, *length, 0) != (ssize_t)*length) {
            free(text);
            text = NULL;
        }
    }
    fclose(file);
    return text;
}

static int write_all(int descriptor, const char *text, size_t length) {
    while (length > 0) {
        ssize_t written = write(descriptor, text, length);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return written < 0 ? -errno : -EIO;
        text += written;
        length -= (size_t)written;
    }
    return 0;
}

static int append(const char *path, const char *text, size_t length) {
    int descriptor = open_locked(path);
    if (descriptor < 0) return descriptor;
    /* The first line says what kind of file it is; what begins otherwise is no history and could never be read as one. */
    const char *end = memchr(text, '\n', length);
    size_t head = end ? (size_t)(end + 1 - text) : 0;
    char found[64];
    bool is_history = head > 0 && head <= sizeof found && pread(descriptor, found, head, 0) == (ssize_t)head &&
                      memcmp(found, text, head) == 0;
    int code = 0;
    if (is_history) {
        text += head;
        length -= head;
    } else if (ftruncate(descriptor, 0) != 0) {
        code = -errno;
    }
    if (code == 0) code = write_all(descriptor, text, length);
    close(descriptor);
    return code;
}

int homeward_edit_remember(homeward_edit *edit, const char *path, const char *entry) {
    HistEvent event;
    if (history(edit->history, &event, H_ENTER, entry) != 1) return 0; /* the one before again */
    History *alone = history_init();
    if (!alone) return -ENOMEM;
    history(alone, &event, H_SETSIZE, 1);
    history(alone, &event, H_ENTER, entry);
    size_t length = 0;
    char *text = encoded(alone, &length);
    history_end(alone);
    if (!text) return -ENOMEM;
    int code = append(path, text, length);
    free(text);
    return code;
}

/* Replaces the file by the entries that are kept, whole or not at all. Not to succeed does no harm: it is only long. */
static void cut(homeward_edit *edit, const char *path) {
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary) return;
    int locked = open_locked(path);
    if (locked < 0) return;
    HistEvent event;
    history(edit->history, &event, H_CLEAR);
    history(edit->history, &event, H_LOAD, path); /* what was added before the lock was had */
    size_t length = 0;
    char *text = encoded(edit->history, &length);
    int descriptor = text ? open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    if (descriptor >= 0) {
        bool written = fchmod(descriptor, 0600) == 0 && write_all(descriptor, text, length) == 0;
        close(descriptor);
        if (!written || rename(temporary, path) != 0) unlink(temporary);
    }
    free(text);
    close(locked);
}

void homeward_edit_load(homeward_edit *edit, const char *path) {
    HistEvent event;
    if (history(edit->history, &event, H_LOAD, path) > 2 * history_limit) cut(edit, path);
}
