/* SPDX-License-Identifier: MIT */
/* What the library says about itself; and the place where its headers are held to abi.md. */
#include "handoff/abi.h"
#include "handoff/status.h"

#include "abi_asserts.h"
#include "abi_embed.h"

#include <string.h>

int32_t ho_abi_description(const char **text, uint64_t *bytes)
{
    const int given = text != NULL && bytes != NULL;
    if (text != NULL)
        *text = given ? hoi_abi_text : NULL;
    if (bytes != NULL)
        *bytes = given ? HOI_ABI_TEXT_BYTES : 0;
    return given ? HO_OK : HO_E_INVAL;
}

int32_t ho_abi_layout(uint32_t index, ho_abi_row *row, uint32_t *count)
{
    static const ho_abi_row none;
    const int exists = index < HOI_ABI_ROWS;
    if (count != NULL)
        *count = HOI_ABI_ROWS;
    if (row != NULL) {
        const uint32_t size = row->size;
        if (size < HO_ABI_ROW_MIN)
            return HO_E_SIZE;
        memcpy(row, exists ? &hoi_abi_rows[index] : &none, size < sizeof *row ? size : sizeof *row);
        row->size = size;
    }
    return exists ? HO_OK : HO_E_RANGE;
}
