/* SPDX-License-Identifier: MIT */
/*
 * An owner whose callbacks are libffi closures made from the description. The callbacks check each
 * release: each token once, as it was given, inside a function that the description names for this
 * mode, and none after its owner was retired.
 */
#ifndef CONFORM_SCENE_H
#define CONFORM_SCENE_H

#include "conform.h"

#include <stdatomic.h>

#define SCENE_TOKENS 2048u
#define SCENE_BYTES 64u /* of each given buffer */

struct scene {
    void *domain, *arena, *shard, *service, *producer, *consumer;
    const char *mode; /* HO_RELEASE_* */
    uint32_t owner;
    unsigned char *memory; /* token t: SCENE_BYTES at t * SCENE_BYTES */
    atomic_uint released;
    atomic_uint retired; /* ho_owner_retire returned HO_OK */
    struct {
        atomic_uint times;
        uint32_t reason;
        const void *thread;
    } tokens[SCENE_TOKENS];
    void (*inside)(struct scene *scene); /* called in the callbacks, unless NULL */
};

/* Machine code for a callback, as it is described. */
#define CLOSURES_MAX 4u
typedef void (*closure_fn)(ffi_cif *cif, void *result, void **args, void *user);
uint64_t closure_make(const char *name, closure_fn run, void *user);
/* Checks that the function that this thread is calling is one that the description names for the
 * callback and the mode ("-" if it has none). */
void callback_check_place(const char *name, const char *in_mode);

/* The scene of this process: a case has one. `policy` is the service's; its lanes have `slots`. */
struct scene *scene_make(const char *mode, const char *policy, uint32_t slots);
/* Registers the owner; scene_make has already done so. */
void scene_register(struct scene *scene);
/* scene_bufs: `count` descriptors of tokens from `first` on. scene_give also sends them; all must
 * be accepted. */
void *scene_bufs(struct scene *scene, uint32_t first, uint32_t count);
void scene_give(struct scene *scene, uint32_t first, uint32_t count);
void *scene_take(struct scene *scene, uint32_t count);
void scene_return(struct scene *scene, void *bufs, uint32_t count);
/* Drains queued releases; does nothing if the mode is inline. Returns how many there were. */
uint32_t scene_drain(struct scene *scene);
bool scene_is_inline(const struct scene *scene);
void scene_expect(const struct scene *scene, uint32_t released);
/* A value that differs for every thread. */
const void *scene_thread(void);

#endif
