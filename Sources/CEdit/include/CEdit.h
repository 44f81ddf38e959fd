#pragma once
#include <stdbool.h>
#include <stddef.h>

/// Whether standard input and output are a terminal that lines can be edited on.
bool homeward_edit_is_terminal(void);
/// Waits at most `milliseconds` until a descriptor can be read: 1 when it can, also at its end, 0 when the time ran out,
/// or -errno.
int homeward_edit_wait_readable(int fd, int milliseconds);

/// A line editor on the terminal of this process (libedit), with its history. Of one thread at a time, but for
/// homeward_edit_interrupt.
typedef struct homeward_edit homeward_edit;

/// What Tab has to offer: text to put in at the cursor, and lines to show when there is more than one way to go on.
/// Both are malloc'ed by the callee and freed by the caller, NULL where there is nothing.
typedef struct {
    char *insertion;
    char *listing;
} homeward_edit_completion;

/// Called on the reading thread with the line up to the cursor (not terminated).
typedef homeward_edit_completion (*homeward_edit_completer)(void *context, const char *line, size_t length);

/// NULL when the terminal cannot be used. `program` names the program in ~/.editrc.
homeward_edit *homeward_edit_create(const char *program, homeward_edit_completer completer, void *context);
void homeward_edit_destroy(homeward_edit *edit);

typedef enum {
    HOMEWARD_EDIT_LINE,
    /// Ctrl-D on an empty line, or the terminal is gone.
    HOMEWARD_EDIT_END,
    /// homeward_edit_interrupt was called; what was typed is dropped.
    HOMEWARD_EDIT_INTERRUPTED
} homeward_edit_result;

/// Reads one line, without its end. `line` is valid until the next call.
homeward_edit_result homeward_edit_read(homeward_edit *edit, const char *prompt, const char **line, size_t *length);
/// Ends the reading that goes on now, or the next one. From any thread.
void homeward_edit_interrupt(homeward_edit *edit);

/// Adds an entry, unless it is the one before again, and appends it to a file of mode 0600: 0, or -errno.
///
/// Several editors may share the file: none loses what another one has added.
int homeward_edit_remember(homeward_edit *edit, const char *path, const char *entry);
/// Reads entries from a file, if there is one that is a history; one that has grown long is cut to its last entries.
void homeward_edit_load(homeward_edit *edit, const char *path);
