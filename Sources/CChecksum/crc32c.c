#include "CChecksum.h"
#include <pthread.h>
#include <string.h>

static uint32_t table[8][256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void build_table(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) ? 0x82F63B78u : 0);
        table[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; byte++)
        for (int slice = 1; slice < 8; slice++)
            table[slice][byte] = (table[slice - 1][byte] >> 8) ^ table[0][table[slice - 1][byte] & 0xFF];
}

uint32_t homeward_crc32c_portable(uint32_t crc, const void *bytes, size_t length) {
    pthread_once(&table_once, build_table);
    const uint8_t *p = bytes;
    crc = ~crc;
    while (length >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        word ^= crc;
        crc = table[7][word & 0xFF] ^ table[6][(word >> 8) & 0xFF] ^ table[5][(word >> 16) & 0xFF] ^
              table[4][(word >> 24) & 0xFF] ^ table[3][(word >> 32) & 0xFF] ^ table[2][(word >> 40) & 0xFF] ^
              table[1][(word >> 48) & 0xFF] ^ table[0][word >> 56];
        p += 8;
        length -= 8;
    }
    while (length--) crc = table[0][(crc ^ *p++) & 0xFF] ^ (crc >> 8);
    return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

// The instruction takes three cycles and can be begun in each: three stretches at a time are three times as fast as one. How
// a state changes over a stretch of zeroes is linear in its bits, so four tables carry a state over the stretches behind it.
enum { STRETCH = 512 };
static uint32_t over_stretch[4][256];
static pthread_once_t stretch_once = PTHREAD_ONCE_INIT;

__attribute__((target("sse4.2"))) static void build_stretch(void) {
    for (int slice = 0; slice < 4; slice++)
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint64_t state = byte << (8 * slice);
            for (int word = 0; word < STRETCH / 8; word++) state = _mm_crc32_u64(state, 0);
            over_stretch[slice][byte] = (uint32_t)state;
        }
}

static inline uint64_t carry(uint64_t state) {
    return over_stretch[0][state & 0xFF] ^ over_stretch[1][(state >> 8) & 0xFF] ^
           over_stretch[2][(state >> 16) & 0xFF] ^ over_stretch[3][(state >> 24) & 0xFF];
}

static inline uint64_t word_at(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const void *bytes, size_t length) {
    const uint8_t *p = bytes;
    uint64_t state = ~crc;
    if (length >= 3 * STRETCH) pthread_once(&stretch_once, build_stretch);
    for (; length >= 3 * STRETCH; p += 3 * STRETCH, length -= 3 * STRETCH) {
        uint64_t second = 0, third = 0;
        for (const uint8_t *q = p; q < p + STRETCH; q += 8) {
            state = _mm_crc32_u64(state, word_at(q));
            second = _mm_crc32_u64(second, word_at(q + STRETCH));
            third = _mm_crc32_u64(third, word_at(q + 2 * STRETCH));
        }
        state = carry(carry(state) ^ second) ^ third;
    }
    for (; length >= 8; p += 8, length -= 8) state = _mm_crc32_u64(state, word_at(p));
    uint32_t tail = (uint32_t)state;
    while (length--) tail = _mm_crc32_u8(tail, *p++);
    return ~tail;
}

uint32_t homeward_crc32c(uint32_t crc, const void *bytes, size_t length) {
    return __builtin_cpu_supports("sse4.2") ? crc32c_sse42(crc, bytes, length)
                                            : homeward_crc32c_portable(crc, bytes, length);
}
#else
uint32_t homeward_crc32c(uint32_t crc, const void *bytes, size_t length) {
    return homeward_crc32c_portable(crc, bytes, length);
}
#endif
