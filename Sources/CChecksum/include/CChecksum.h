#pragma once
#include <stddef.h>
#include <stdint.h>

/// Extends a CRC32C (Castagnoli, RFC 3720 appendix B.4) over `length` more bytes.
///
/// Start with 0. Uses the processor's instruction where there is one, a table elsewhere; both give the same value.
uint32_t homeward_crc32c(uint32_t crc, const void *bytes, size_t length);

/// The table form, whatever the processor: the reference that a test compares with.
uint32_t homeward_crc32c_portable(uint32_t crc, const void *bytes, size_t length);
