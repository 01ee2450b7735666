/* SPDX-License-Identifier: MIT */
#include "sessions.h"

#include <stdlib.h>

#define PLACES_FIRST 16u

_Static_assert(sizeof(struct game_table) == 128, "on lines of its own");

static uint64_t heap_acquire(void *bytes)
{
    return (uint64_t)(uintptr_t)malloc((size_t)(uintptr_t)bytes);
}

static void *heap_find(void *bytes, uint64_t object)
{
    (void)bytes;
    return (void *)(uintptr_t)object;
}

static void heap_release(void *bytes, uint64_t object)
{
    free(heap_find(bytes, object));
}

struct game_memory game_heap(size_t bytes)
{
    return (struct game_memory){.context = (void *)(uintptr_t)bytes,
                                .acquire = heap_acquire,
                                .find = heap_find,
                                .release = heap_release};
}

/* Where the search for it starts. A different hash than the one that divides sessions among
 * tables. */
static uint32_t home_of(const struct game_table *table, uint32_t session)
{
    return (session * 0x9e3779b1u >> 7) & (table->places - 1);
}

static struct game_entry *place_of(const struct game_table *table, uint32_t session)
{
    uint32_t at = home_of(table, session);

    while (table->entries[at].object != 0 && table->entries[at].session != session)
        at = (at + 1) & (table->places - 1);
    return &table->entries[at];
}

struct game_entry *game_table_find(struct game_table *table, uint32_t session)
{
    if (table->used == 0)
        return NULL;
    struct game_entry *entry = place_of(table, session);
    return entry->object != 0 ? entry : NULL;
}

static int grow(struct game_table *table)
{
    struct game_table more = *table;

    more.places = table->places != 0 ? 2 * table->places : PLACES_FIRST;
    more.entries = calloc(more.places, sizeof *more.entries);
    if (more.entries == NULL)
        return -1;
    for (uint32_t i = 0; i < table->places; i++)
        if (table->entries[i].object != 0)
            *place_of(&more, table->entries[i].session) = table->entries[i];
    free(table->entries);
    *table = more;
    return 0;
}

struct game_entry *game_table_add(struct game_table *table, uint32_t session)
{
    if (4 * (uint64_t)table->used >= 3 * (uint64_t)table->places && grow(table) != 0)
        return NULL;
    struct game_entry *entry = place_of(table, session);
    *entry = (struct game_entry){.session = session};
    table->used++;
    return entry;
}

void game_table_remove(struct game_table *table, struct game_entry *entry)
{
    uint32_t mask = table->places - 1;
    uint32_t gap = (uint32_t)(entry - table->entries);

    for (uint32_t at = (gap + 1) & mask; table->entries[at].object != 0; at = (at + 1) & mask) {
        uint32_t home = home_of(table, table->entries[at].session);
        if (((at - home) & mask) < ((at - gap) & mask))
            continue; /* it would move before its home */
        table->entries[gap] = table->entries[at];
        gap = at;
    }
    table->entries[gap] = (struct game_entry){0};
    table->used--;
}

void game_table_free(struct game_table *table)
{
    free(table->entries);
    *table = (struct game_table){0};
}
