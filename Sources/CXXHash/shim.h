#pragma once
#include <stddef.h>
#include <stdint.h>
#include <xxhash.h>

/// A 128-bit XXH3 hash as two plain words.
typedef struct { uint64_t low, high; } homeward_hash128;

/// XXH3, 128 bits, of `length` bytes, keyed by `seed` so that a run's hashes are its own.
static inline homeward_hash128 homeward_xxh3(const void *bytes, size_t length, uint64_t seed) {
    XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, length, seed);
    return (homeward_hash128){ .low = hash.low64, .high = hash.high64 };
}
