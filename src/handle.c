/* SPDX-License-Identifier: MIT */
#include "handle.h"

#include "os.h"

#define GENERATION_MASK (((uint64_t)1 << (56 - HOI_HANDLE_GENERATION)) - 1)

_Alignas(4096) struct hoi_entry hoi_table[HOI_TYPES][HOI_TABLE_SLOTS];

/* Wiped together with the table. An all-zero mutex is unlocked, so a child forked while another
 * thread held it can still open its own handles. */
static _Alignas(4096) struct {
    A_TYPE(uint32_t) alive;
    A_TYPE(uint64_t) generation;
    pthread_mutex_t mutex;
    uint32_t turn[HOI_TYPES], open[HOI_TYPES];
    uint8_t pad[4096 - 16 - sizeof(pthread_mutex_t) - 8 * HOI_TYPES];
} wiped;

static A_TYPE(uint32_t) was_alive; /* not wiped: this process or an ancestor had handles */

static int wake_up(void)
{
    if (hoi_get(wiped.alive))
        return 0;
    if (hoi_os_wipe_on_fork(hoi_table, sizeof hoi_table) ||
        hoi_os_wipe_on_fork(&wiped, sizeof wiped))
        return -1;
    /* The parent's generations are unknown here: start where its handles can't be. */
    hoi_set(wiped.generation, (uint64_t)hoi_os_now_ns() & GENERATION_MASK);
    hoi_set(wiped.alive, 1);
    hoi_set(was_alive, 1);
    return 0;
}

/* Round-robin, so that a free index is soon found. Index 0 stays free: see hoi_handle_get. */
static struct hoi_entry *free_entry(enum hoi_type type, uint64_t *index)
{
    uint32_t last = type == HOI_POOL ? HOI_POOLS_MAX : HOI_TABLE_SLOTS - 1;
    if (wiped.open[type] == (type == HOI_DOMAIN ? HOI_DOMAINS_MAX : last))
        return NULL;
    do
        wiped.turn[type] = wiped.turn[type] % last + 1;
    while (hoi_get(hoi_table[type][wiped.turn[type]].self));
    wiped.open[type]++;
    *index = wiped.turn[type];
    return &hoi_table[type][*index];
}

uint64_t hoi_handle_new(enum hoi_type type, void *object, int *refused)
{
    uint64_t handle = 0, index = 0;
    pthread_mutex_lock(&wiped.mutex);
    *refused = wake_up();
    struct hoi_entry *e = *refused ? NULL : free_entry(type, &index);
    if (e) {
        uint64_t generation = hoi_get(wiped.generation) + 1;
        hoi_set(wiped.generation, generation);
        handle = (uint64_t)(type + 1) << 56 |
                 (generation & GENERATION_MASK) << HOI_HANDLE_GENERATION | index * sizeof *e;
        hoi_set(e->object, object);
        hoi_set(e->self, handle);
    }
    pthread_mutex_unlock(&wiped.mutex);
    return handle;
}

void hoi_handle_drop(uint64_t handle)
{
    pthread_mutex_lock(&wiped.mutex);
    struct hoi_entry *e = hoi_handle_entry((enum hoi_type)((handle >> 56) - 1), handle);
    hoi_set(e->self, 0);
    hoi_set(e->object, NULL);
    wiped.open[(handle >> 56) - 1]--;
    pthread_mutex_unlock(&wiped.mutex);
}

void hoi_handle_close(uint64_t handle)
{
    pthread_mutex_lock(&wiped.mutex);
    struct hoi_entry *e = hoi_handle_entry((enum hoi_type)((handle >> 56) - 1), handle);
    if (hoi_get(e->self) == handle)
        hoi_set(e->self, handle ^ HOI_HANDLE_CLOSING);
    pthread_mutex_unlock(&wiped.mutex);
}

void *hoi_handle_get_closing(enum hoi_type type, uint64_t h)
{
    struct hoi_entry *e = hoi_handle_entry(type, h);
    return hoi_get(e->self) == (h ^ HOI_HANDLE_CLOSING) ? hoi_get(e->object) : NULL;
}

int32_t hoi_handle_status(void)
{
    return hoi_get(was_alive) && !hoi_get(wiped.alive) ? HO_E_FORKED : HO_E_HANDLE;
}
