/* SPDX-License-Identifier: MIT */
/* Describes the library's layout at run time. Also compiles the checks of its headers against
 * abi.md. */
#include "domain_private.h"

#include "handoff/abi.h"
#include "handoff/status.h"

#include "abi_asserts.h"
#include "abi_embed.h"

int32_t ho_abi_description(const char **text, uint64_t *bytes)
{
    const int given = text && bytes;
    if (text)
        *text = given ? hoi_abi_text : NULL;
    if (bytes)
        *bytes = given ? HOI_ABI_TEXT_BYTES : 0;
    return given ? HO_OK : HO_E_INVAL;
}

int32_t ho_abi_layout(uint32_t index, ho_abi_row *row, uint32_t *count)
{
    static const ho_abi_row none;
    const ho_abi_row *found = index < HOI_ABI_ROWS ? &hoi_abi_rows[index] : &none;
    if (count)
        *count = HOI_ABI_ROWS;
    if (hoi_result_check(row, HO_ABI_ROW_MIN))
        return HO_E_SIZE;
    if (row)
        hoi_result_write(row, found, sizeof *found);
    return found == &none ? HO_E_RANGE : HO_OK;
}
