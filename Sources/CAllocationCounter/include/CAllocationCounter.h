#pragma once
#include <stdint.h>

/// Counts the allocations of a process: `malloc` and its kin of this target stand before those of the C library, for Swift
/// and every library too. Linked into the benchmarks only.

/// Starts counting, of all threads, from zero.
void homeward_allocations_start(void);
/// Stops, and gives how many blocks were asked for: malloc, calloc, realloc and the aligned ones.
uint64_t homeward_allocations_stop(void);
/// Allocates and frees so many blocks: proof that they are counted.
void homeward_allocations_plant(int count);
