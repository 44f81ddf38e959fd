#include "host.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What the watchdog and whoever cancels see of a state, from their own threads. */

struct homeward_lua_pulse {
    pthread_mutex_t lock;
    uint64_t beats;
    int line;
    char source[256];
    /* Processor time of the thread that the state runs on. */
    clockid_t clock;
    bool has_clock;
    atomic_bool asked;
};

homeward_lua_pulse *homeward_lua_pulse_create(void) {
    homeward_lua_pulse *pulse = calloc(1, sizeof *pulse);
    if (!pulse || pthread_mutex_init(&pulse->lock, NULL) != 0) abort();
    return pulse;
}

void homeward_lua_pulse_destroy(homeward_lua_pulse *pulse) {
    pthread_mutex_destroy(&pulse->lock);
    free(pulse);
}

void homeward_lua_pulse_here(homeward_lua_pulse *pulse) {
    pthread_mutex_lock(&pulse->lock);
    pulse->has_clock = pthread_getcpuclockid(pthread_self(), &pulse->clock) == 0;
    pthread_mutex_unlock(&pulse->lock);
}

static uint64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    if (clock_gettime(clock, &now) != 0) return 0;
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t homeward_lua_pulse_read(homeward_lua_pulse *pulse, char *place, size_t size, uint64_t *spent) {
    pthread_mutex_lock(&pulse->lock);
    uint64_t beats = pulse->beats;
    *spent = pulse->has_clock ? nanoseconds(pulse->clock) : 0;
    if (size && pulse->line > 0) snprintf(place, size, "%s:%d", pulse->source, pulse->line);
    else if (size) place[0] = 0;
    pthread_mutex_unlock(&pulse->lock);
    return beats;
}

void homeward_lua_pulse_beat(homeward_lua_pulse *pulse) {
    pthread_mutex_lock(&pulse->lock);
    pulse->beats++;
    pthread_mutex_unlock(&pulse->lock);
}

void pulse_place(homeward_lua_pulse *pulse, const char *source, int line) {
    pthread_mutex_lock(&pulse->lock);
    pulse->beats++;
    pulse->line = line;
    size_t length = strlen(source);
    if (length >= sizeof pulse->source) {
        /* The end of a path says more than its beginning. */
        source += length - (sizeof pulse->source - 1);
        length = sizeof pulse->source - 1;
    }
    memcpy(pulse->source, source, length);
    pulse->source[length] = 0;
    pthread_mutex_unlock(&pulse->lock);
}

void homeward_lua_pulse_ask(homeward_lua_pulse *pulse, bool asked) { atomic_store(&pulse->asked, asked); }

bool homeward_lua_pulse_asked(homeward_lua_pulse *pulse) {
    return atomic_load_explicit(&pulse->asked, memory_order_relaxed);
}

void homeward_lua_abandon(const char *line) {
    size_t length = strlen(line);
    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, line, length);
        if (written <= 0) break; /* nobody can be told; the process ends all the same */
        line += written;
        length -= (size_t)written;
    }
    _exit(1); /* handlers of exit could wait for the thread that is stuck */
}

uint64_t homeward_lua_thread_nanoseconds(void) {
    return nanoseconds(CLOCK_THREAD_CPUTIME_ID);
}

void homeward_lua_pause(uint64_t milliseconds) {
    struct timespec left = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0) {}
}

uint64_t homeward_lua_monotonic_nanoseconds(void) {
    return nanoseconds(CLOCK_MONOTONIC);
}
