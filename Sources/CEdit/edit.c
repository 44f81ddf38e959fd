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
#include <sys/ioctl.h>
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

void homeward_edit_remember(homeward_edit *edit, const char *entry) {
    HistEvent event;
    history(edit->history, &event, H_ENTER, entry);
}

int homeward_edit_load(homeward_edit *edit, const char *path) {
    HistEvent event;
    return history(edit->history, &event, H_LOAD, path) < 0 ? -1 : 0;
}

int homeward_edit_save(homeward_edit *edit, const char *path) {
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary) return -ENAMETOOLONG;
    int descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) return -errno;
    FILE *file = fchmod(descriptor, 0600) == 0 ? fdopen(descriptor, "w") : NULL;
    if (!file) {
        int error = errno;
        close(descriptor);
        return -error;
    }
    HistEvent event;
    bool failed = history(edit->history, &event, H_SAVE_FP, file) < 0;
    errno = EIO;
    if (fclose(file) != 0) failed = true;
    if (failed || rename(temporary, path) != 0) {
        int error = errno;
        unlink(temporary);
        return -error;
    }
    return 0;
}
