/* SPDX-License-Identifier: MIT */
/* Versions, statuses, and access to option and result structs whose size differs from ours. */
#include "domain_private.h"

#include "handoff/handoff.h"

#include "abi_embed.h"

#include <string.h>

int32_t ho_strerror(int32_t status, const char **name, const char **text)
{
    static const struct {
        int32_t status;
        const char *name, *text;
    } known[] = {
#define ROW(name, value, text) {value, #name, text},
        HO_STATUS_MAP(ROW)
#undef ROW
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].status == status) {
            if (name)
                *name = known[i].name;
            if (text)
                *text = known[i].text;
            return HO_OK;
        }
    if (name)
        *name = "HO_UNKNOWN";
    if (text)
        *text = "a status that this library does not have: it comes from another version";
    return HO_E_INVAL;
}

/* No options struct will ever be larger than this. */
#define HOI_OPTS_MOST 4096u

int32_t hoi_opts_read(void *known, size_t known_bytes, size_t min_bytes, const void *theirs)
{
    uint32_t size;
    memcpy(&size, theirs, sizeof size); /* read once: another thread may change it */
    if (size < min_bytes)
        return HO_E_SIZE;
    if (size > HOI_OPTS_MOST) /* uninitialised, more likely than a newer version */
        return HO_E_TOO_NEW;
    for (size_t i = known_bytes; i < size; i++)
        if (((const uint8_t *)theirs)[i])
            return HO_E_TOO_NEW;
    memset(known, 0, known_bytes);
    memcpy(known, theirs, size < known_bytes ? size : known_bytes);
    return HO_OK;
}

int32_t hoi_result_check(const void *theirs, size_t min_bytes)
{
    uint32_t size;
    if (!theirs)
        return HO_OK;
    memcpy(&size, theirs, sizeof size);
    return size < min_bytes ? HO_E_SIZE : HO_OK;
}

void hoi_result_write(void *theirs, const void *ours, size_t our_bytes)
{
    uint32_t size;
    memcpy(&size, theirs, sizeof size);
    memcpy(theirs, ours, size < our_bytes ? size : our_bytes);
    memcpy(theirs, &size, sizeof size); /* keep the caller's size */
}

static ho_abi_info this_abi(void)
{
    return (ho_abi_info){
        .size = sizeof(ho_abi_info),
        .major = HO_ABI_MAJOR,
        .minor = HO_ABI_MINOR,
        .patch = HO_ABI_PATCH,
        .layout_hash = HOI_ABI_LAYOUT_HASH,
        .line_bytes = HOI_LINE,
        .pointer_bits = sizeof(void *) * 8,
        .little_endian = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
    };
}

int32_t ho_abi_negotiate(const ho_abi_info *mine, ho_abi_info *theirs)
{
    ho_abi_info ours = this_abi();
    uint32_t size;
    if (!mine)
        return HO_E_INVAL;
    memcpy(&size, &mine->size, sizeof size);
    if (size < HO_ABI_INFO_MIN || hoi_result_check(theirs, HO_ABI_INFO_MIN))
        return HO_E_SIZE;
    if (theirs)
        hoi_result_write(theirs, &ours, sizeof ours);
    if (mine->major != ours.major || (ours.major == 0 && mine->minor != ours.minor) ||
        mine->pointer_bits != ours.pointer_bits || mine->little_endian != ours.little_endian)
        return HO_E_VERSION;
    return HO_OK;
}

int32_t ho_init(uint32_t type, void *ptr, size_t size)
{
    static const uint32_t min_bytes[] = {
        [HO_TYPE_ABI_INFO] = HO_ABI_INFO_MIN,
        [HO_TYPE_DOMAIN_OPTS] = HO_DOMAIN_OPTS_MIN,
        [HO_TYPE_ARENA_OPTS] = HO_ARENA_OPTS_MIN,
        [HO_TYPE_SERVICE_OPTS] = HO_SERVICE_OPTS_MIN,
        [HO_TYPE_CONSUMER_OPTS] = HO_CONSUMER_OPTS_MIN,
        [HO_TYPE_RESERVE_OPTS] = HO_RESERVE_OPTS_MIN,
        [HO_TYPE_OWNER_OPTS] = HO_OWNER_OPTS_MIN,
        [HO_TYPE_ARENA_STATS] = HO_ARENA_STATS_MIN,
        [HO_TYPE_SERVICE_STATS] = HO_SERVICE_STATS_MIN,
        [HO_TYPE_OUTSTANDING] = HO_OUTSTANDING_MIN,
        [HO_TYPE_ABI_ROW] = HO_ABI_ROW_MIN,
        [HO_TYPE_POOL_OPTS] = HO_POOL_OPTS_MIN,
        [HO_TYPE_POOL_STATS] = HO_POOL_STATS_MIN,
        [HO_TYPE_POOL_LEAKS] = HO_POOL_LEAKS_MIN,
    };
    if (!ptr || type >= sizeof min_bytes / sizeof *min_bytes || !min_bytes[type])
        return HO_E_INVAL;
    if (size < min_bytes[type] || size > UINT32_MAX)
        return HO_E_SIZE;
    uint32_t size32 = (uint32_t)size;
    memset(ptr, 0, size);
    if (type == HO_TYPE_ABI_INFO) {
        ho_abi_info ours = this_abi();
        memcpy(ptr, &ours, sizeof ours);
    }
    memcpy(ptr, &size32, sizeof size32);
    return HO_OK;
}
