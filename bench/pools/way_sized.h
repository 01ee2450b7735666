/* SPDX-License-Identifier: MIT */
/* Objects out of memory of any size: of ho_alloc, from one arena; or, if WAY_MALLOC, of the process's malloc, which is glibc's or what
 * LD_PRELOAD puts in its place. */
#define WAY_TYPES 0
#define WAY_SIZES 1

typedef struct {
    void *ptr;
} way_obj;

#if WAY_MALLOC
#include <stdlib.h>

#define WAY_NAME "bench-pools-malloc"

static inline void way_alloc(way_obj *object, uint32_t bytes)
{
    if ((object->ptr = malloc(bytes)) == NULL)
        abort();
}

static inline void way_free(way_obj *object)
{
    free(object->ptr);
    object->ptr = NULL;
}
#else
#include "ok.h"

#define WAY_NAME "bench-pools-alloc"

extern ho_arena *way_arena;

static inline void way_alloc(way_obj *object, uint32_t bytes)
{
    ok(ho_alloc(way_arena, bytes, 0, &object->ptr));
}

static inline void way_free(way_obj *object)
{
    ok(ho_free(way_arena, object->ptr));
    object->ptr = NULL;
}
#endif

static inline void way_get(way_obj *object, uint32_t type)
{
    way_alloc(object, sizes[type]);
}

static inline void way_put(way_obj *object, uint32_t type)
{
    (void)type;
    way_free(object);
}
