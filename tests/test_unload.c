/* SPDX-License-Identifier: MIT */
/* A release callback in a shared object that is unloaded as soon as its owner is retired, while
 * others return buffers. */
#include <dlfcn.h>

#include "rig.h"

#define RETURNERS 3u
#define EACH 40u

static rig r;
static uint8_t memory[1];
static ho_buf bufs[RETURNERS][EACH];
static harness_barrier start;

static void return_all(void *arg)
{
    ho_buf *mine = arg;
    harness_barrier_wait(&start);
    for (uint32_t i = 0; i < EACH; i++)
        CHECK_STATUS(ho_return(r.domain, &mine[i], 1, NULL), HO_OK);
}

static void give_all(uint32_t owner)
{
    for (uint32_t i = 0; i < RETURNERS * EACH; i++) {
        ho_buf *buf = &bufs[i / EACH][i % EACH];
        uint32_t taken;
        *buf = rig_foreign(owner, memory, sizeof memory, i);
        CHECK_STATUS(ho_give(r.producer, buf, 1, 0, NULL), HO_OK);
        CHECK_STATUS(ho_take(r.consumer, buf, 1, &taken), HO_OK);
    }
}

static void once(void)
{
    uint32_t owner;
    uint64_t released = 0;
    harness_thread threads[RETURNERS];
    void *plugin = dlopen(PLUGIN, RTLD_NOW | RTLD_LOCAL);
    CHECK(plugin != NULL);
    ho_release_fn release = NULL;
    *(void **)&release = dlsym(plugin, "plugin_release");
    CHECK(release != NULL);
    CHECK_STATUS(
        ho_owner_register(r.domain, OWNER_OPTS(.release = release, .ctx = &released), &owner),
        HO_OK);
    give_all(owner);
    harness_barrier_init(&start, RETURNERS + 1);
    for (uint32_t i = 0; i < RETURNERS; i++)
        harness_start(&threads[i], return_all, bufs[i]);
    harness_barrier_wait(&start);
    CHECK_STATUS(ho_owner_retire(r.domain, owner, -1), HO_OK);
    CHECK(dlclose(plugin) == 0);
    CHECK(released == RETURNERS * EACH);
    CHECK(dlopen(PLUGIN, RTLD_NOW | RTLD_NOLOAD) == NULL); /* it is really gone */
    for (uint32_t i = 0; i < RETURNERS; i++)
        harness_join(&threads[i]);
    harness_barrier_destroy(&start);
}

static void code_may_be_unloaded_once_its_owner_is_retired(void **state)
{
    (void)state;
    uint64_t end = harness_now_ns() + (uint64_t)(rig_soak_seconds(1) * 1e9);
    rig_open(&r, NULL);
    do
        once();
    while (harness_now_ns() < end);
    rig_close(&r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(code_may_be_unloaded_once_its_owner_is_retired),
};

HO_TEST_MAIN(tests)
