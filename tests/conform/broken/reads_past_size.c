/* SPDX-License-Identifier: MIT */
/* Looks at the byte behind an option struct. */
#define hoi_opts_read genuine_opts_read
#include "abi.c"
#undef hoi_opts_read

int32_t hoi_opts_read(void *known, size_t known_bytes, size_t min_bytes, const void *theirs);

int32_t hoi_opts_read(void *known, size_t known_bytes, size_t min_bytes, const void *theirs)
{
    int32_t status = genuine_opts_read(known, known_bytes, min_bytes, theirs);
    uint32_t size;
    memcpy(&size, theirs, sizeof size);
    if (status == HO_OK)
        (void)((const volatile uint8_t *)theirs)[size];
    return status;
}
