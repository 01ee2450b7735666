/* SPDX-License-Identifier: MIT */
/* L3: callbacks: once per token, on the promised thread, nothing after retiring; descriptors. */
#include "scene.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define SLOTS 4096u
#define SOME 100u
#define HALF (SCENE_TOKENS / 2)

static const char *const modes[] = {"HO_RELEASE_INLINE", "HO_RELEASE_DRAIN", "HO_RELEASE_EVENT"};

static struct scene *usual(uint32_t mode)
{
    return scene_make(modes[mode], "HO_POLICY_FAIL", SLOTS);
}

static void *element(void *bufs, uint32_t index)
{
    return (char *)bufs + (size_t)index * size_of("ho_buf");
}

static void expect_reason(const struct scene *scene, uint32_t first, uint32_t count,
                          const char *reason)
{
    for (uint32_t i = first; i < first + count; i++) {
        EXPECT(scene->tokens[i].reason == (uint32_t)constant(reason),
               "token %u: reason %u, expected %s", i, scene->tokens[i].reason, reason);
    }
}

/* ---- threads */

struct part {
    struct scene *scene;
    void *bufs;
    uint32_t count;
    const void *thread;
};

static void *return_one_by_one(void *of)
{
    struct part *part = of;
    part->thread = scene_thread();
    for (uint32_t i = part->count; i-- > 0;) {
        scene_return(part->scene, element(part->bufs, i), 1);
    }
    return NULL;
}

static pthread_t start(struct part *part)
{
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, return_one_by_one, part) == 0, "could not start a thread");
    return thread;
}

static void expect_thread(const struct scene *scene, uint32_t first, uint32_t count,
                          const void *thread)
{
    for (uint32_t i = first; i < first + count; i++) {
        EXPECT(scene->tokens[i].thread == thread, "token %u was released on another thread", i);
    }
}

static void once_on_its_thread(uint32_t mode)
{
    struct scene *scene = usual(mode);
    scene_give(scene, 0, SOME);
    struct part part = {.scene = scene, .bufs = scene_take(scene, SOME), .count = SOME};
    pthread_join(start(&part), NULL);
    scene_expect(scene, scene_is_inline(scene) ? SOME : 0);
    EXPECT(scene_drain(scene) == (scene_is_inline(scene) ? 0 : SOME), "not all were queued");
    scene_expect(scene, SOME);
    expect_reason(scene, 0, SOME, "HO_REASON_CONSUMED");
    expect_thread(scene, 0, SOME, scene_is_inline(scene) ? part.thread : scene_thread());
}

static void from_two_threads(uint32_t mode)
{
    struct scene *scene = usual(mode);
    scene_give(scene, 0, SCENE_TOKENS);
    void *bufs = scene_take(scene, SCENE_TOKENS);
    struct part parts[] = {{scene, bufs, HALF, NULL}, {scene, element(bufs, HALF), HALF, NULL}};
    pthread_t threads[] = {start(&parts[0]), start(&parts[1])};
    for (uint32_t i = 0; i < SOME; i++) {
        (void)scene_drain(scene);
    }
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    (void)scene_drain(scene);
    scene_expect(scene, SCENE_TOKENS);
    for (uint32_t i = 0; i < 2; i++) {
        expect_thread(scene, i * HALF, HALF,
                      scene_is_inline(scene) ? parts[i].thread : scene_thread());
    }
}

/* ---- when */

static void after_the_last_part(uint32_t mode)
{
    struct scene *scene = usual(mode);
    scene_give(scene, 0, 1);
    void *whole = scene_take(scene, 1);
    void *slices = room(2 * (size_t)size_of("ho_buf"));
    (void)MUST("HO_OK", "ho_slice", P(scene->domain), P(whole), 8, 8, P(slices));
    (void)MUST("HO_OK", "ho_slice", P(scene->domain), P(slices), 2, 4, P(element(slices, 1)));
    scene_return(scene, whole, 1);
    scene_return(scene, slices, 1);
    (void)scene_drain(scene);
    scene_expect(scene, 0);
    scene_return(scene, element(slices, 1), 1);
    (void)scene_drain(scene);
    scene_expect(scene, 1);
}

static void compacted(uint32_t mode)
{
    struct scene *scene = usual(mode);
    scene_give(scene, 0, 1);
    void *taken = scene_take(scene, 1);
    (void)MUST("HO_OK", "ho_compact", P(scene->shard), P(taken));
    (void)scene_drain(scene);
    scene_expect(scene, 1);
    scene_return(scene, taken, 1);
    (void)scene_drain(scene);
    scene_expect(scene, 1);
}

static void never_for_what_was_refused(uint32_t mode)
{
    struct scene *scene = usual(mode);
    void *bufs = scene_bufs(scene, 0, 2);
    field_set(element(bufs, 1), "ho_buf", "flags", (uint64_t)constant("HO_BUF_FLAGS_MUST"));
    (void)MUST("HO_E_FLAGS", "ho_give", P(scene->producer), P(element(bufs, 1)), 1, 0, P(NULL));
    field_set(bufs, "ho_buf", "flags", (uint64_t)constant("HO_BUF_PARTITION"));
    field_set(bufs, "ho_buf", "partition", 1); /* the only one is 0 */
    (void)MUST("HO_E_ROUTE", "ho_give", P(scene->producer), P(bufs), 1, 0, P(NULL));
    (void)scene_drain(scene);
    scene_expect(scene, 0);
}

static void dropped(uint32_t mode)
{
    struct scene *scene = scene_make(modes[mode], "HO_POLICY_DROP_NEWEST", 2);
    uint32_t *accepted = room(sizeof *accepted);
    (void)MUST("HO_DROPPED", "ho_give", P(scene->producer), P(scene_bufs(scene, 0, 5)), 5, 0,
               P(accepted));
    EXPECT(*accepted == 5, "%u of 5 were accepted", *accepted);
    (void)scene_drain(scene);
    scene_expect(scene, 3);
    expect_reason(scene, 2, 3, "HO_REASON_CANCELLED");
}

static void undelivered(uint32_t mode)
{
    struct scene *scene = usual(mode);
    scene_give(scene, 0, 5);
    (void)MUST("HO_TIMEOUT", "ho_service_close", P(scene->service), 0, P(NULL));
    (void)MUST("HO_OK", "ho_consumer_close", P(scene->consumer));
    (void)MUST("HO_OK", "ho_producer_close", P(scene->producer));
    (void)scene_drain(scene);
    scene_expect(scene, 0); /* the next consumer could still take them */
    (void)MUST("HO_OK", "ho_service_close", P(scene->service), 0, P(NULL));
    (void)scene_drain(scene);
    scene_expect(scene, 5);
    expect_reason(scene, 0, 5, "HO_REASON_CANCELLED");
    (void)MUST("HO_OK", "ho_shard_close", P(scene->shard));
    (void)MUST("HO_OK", "ho_arena_close", P(scene->arena), 0, P(NULL));
    scene_expect(scene, 5);
}

/* ---- retiring */

static void close_all(struct scene *scene)
{
    (void)MUST("HO_OK", "ho_consumer_close", P(scene->consumer));
    (void)MUST("HO_OK", "ho_producer_close", P(scene->producer));
    (void)MUST("HO_OK", "ho_shard_close", P(scene->shard));
    (void)MUST("HO_OK", "ho_domain_close", P(scene->domain), 0, P(NULL));
    (void)MUST("HO_OK", "ho_domain_destroy", P(scene->domain), P(NULL));
}

static void retire(struct scene *scene)
{
    (void)MUST("HO_OK", "ho_owner_retire", P(scene->domain), scene->owner, 0);
    atomic_store(&scene->retired, 1);
    (void)MUST("HO_E_OWNER", "ho_owner_retire", P(scene->domain), scene->owner, 0);
}

static void retired_last(uint32_t mode)
{
    struct scene *scene = usual(mode);
    scene_give(scene, 0, 2);
    void *bufs = scene_take(scene, 2);
    (void)MUST("HO_TIMEOUT", "ho_owner_retire", P(scene->domain), scene->owner, 0);
    (void)MUST("HO_E_OWNER", "ho_give", P(scene->producer), P(scene_bufs(scene, 2, 1)), 1, 0,
               P(NULL));
    scene_return(scene, bufs, 1);
    (void)scene_drain(scene);
    scene_expect(scene, 1);
    (void)MUST("HO_TIMEOUT", "ho_owner_retire", P(scene->domain), scene->owner, 0);
    scene_return(scene, element(bufs, 1), 1);
    if (!scene_is_inline(scene)) {
        (void)MUST("HO_TIMEOUT", "ho_owner_retire", P(scene->domain), scene->owner, 0);
    }
    (void)scene_drain(scene);
    scene_expect(scene, 2);
    retire(scene);
    close_all(scene);
    scene_expect(scene, 2);
}

static void retired_at_once(uint32_t mode)
{
    struct scene *scene = usual(mode);
    retire(scene);
    close_all(scene);
    scene_expect(scene, 0);
}

/* ---- calls from inside */

static void call_from_inside(struct scene *scene)
{
    void *bufs = room(2 * (size_t)size_of("ho_buf"));
    (void)MUST("HO_E_REENTRANT", "ho_producer_close", P(scene->producer));
    (void)MUST("HO_E_REENTRANT", "ho_shard_close", P(scene->shard));
    (void)MUST("HO_E_REENTRANT", "ho_arena_close", P(scene->arena), 0, P(NULL));
    (void)MUST("HO_E_REENTRANT", "ho_consumer_close", P(scene->consumer));
    (void)MUST("HO_E_REENTRANT", "ho_service_close", P(scene->service), 0, P(NULL));
    (void)MUST("HO_E_REENTRANT", "ho_domain_close", P(scene->domain), 0, P(NULL));
    (void)MUST("HO_E_REENTRANT", "ho_domain_destroy", P(scene->domain), P(NULL));
    (void)MUST("HO_E_REENTRANT", "ho_owner_retire", P(scene->domain), scene->owner, 0);
    if (!scene_is_inline(scene)) {
        (void)MUST("HO_E_REENTRANT", "ho_owner_drain", P(scene->domain), scene->owner, 1, P(NULL));
    }
    (void)MUST("HO_OK", "ho_return", P(scene->domain), P(bufs), 2, P(NULL));
    (void)MUST("HO_OK", "ho_strerror", 0, P(NULL), P(NULL));
}

static void closing_from_inside(uint32_t mode)
{
    struct scene *scene = usual(mode);
    scene->inside = call_from_inside;
    scene_give(scene, 0, 1);
    scene_return(scene, scene_take(scene, 1), 1);
    (void)scene_drain(scene);
    (void)MUST("HO_OK", "ho_owner_retire", P(scene->domain), scene->owner, 0);
    scene_expect(scene, 1);
    close_all(scene);
}

static void *to_return_inside;

static void return_from_inside(struct scene *scene)
{
    void *next = to_return_inside;
    if (atomic_load(&scene->tokens[3].times) == 0) {
        void *slice = room(size_of("ho_buf"));
        (void)MUST("HO_OK", "ho_slice", P(scene->domain), P(next), 0, 1, P(slice));
        to_return_inside = element(next, 1);
        scene_return(scene, slice, 1);
        scene_return(scene, next, 1);
    }
}

/* Each release returns the next buffer, which is then released: at once, or by the same drain. */
static void returning_from_inside(uint32_t mode)
{
    struct scene *scene = usual(mode);
    scene->inside = return_from_inside;
    scene_give(scene, 0, 4);
    void *bufs = scene_take(scene, 4);
    to_return_inside = element(bufs, 1);
    scene_return(scene, bufs, 1);
    (void)scene_drain(scene);
    scene_expect(scene, 4);
}

/* ---- the descriptor */

static bool is_readable(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    return poll(&ready, 1, 0) == 1;
}

static void descriptor(uint32_t mode)
{
    struct scene *scene = usual(mode);
    int32_t *fd = room(sizeof *fd);
    (void)MUST("HO_OK", "ho_owner_fd", P(scene->domain), scene->owner, P(fd));
    EXPECT(!is_readable(*fd), "readable although nothing is queued");
    scene_give(scene, 0, 2);
    void *bufs = scene_take(scene, 2);
    EXPECT(!is_readable(*fd), "readable although nothing is queued");
    scene_return(scene, bufs, 2);
    EXPECT(is_readable(*fd), "not readable although two are queued");
    (void)MUST("HO_OK", "ho_owner_drain", P(scene->domain), scene->owner, 1, P(NULL));
    EXPECT(is_readable(*fd), "not readable although one is queued");
    (void)scene_drain(scene);
    EXPECT(!is_readable(*fd), "readable although all is drained");
    scene_expect(scene, 2);
    int32_t *other = room(sizeof *other);
    (void)MUST("HO_OK", "ho_owner_fd", P(scene->domain), scene->owner, P(other));
    EXPECT(*other != *fd, "two calls gave the same descriptor: it can't be each caller's own");
    EXPECT(close(*fd) == 0 && close(*other) == 0, "a descriptor could not be closed");
    scene_give(scene, 2, 1);
    scene_return(scene, scene_take(scene, 1), 1);
    EXPECT(scene_drain(scene) == 1, "nothing was queued after the descriptor was closed");
}

/* Memory of two segments, one loan of a whole segment each: full. When the first comes back, the
 * shard's descriptor becomes readable; a closing arena reports nothing. */
static void shard_descriptor(uint32_t which)
{
    const uint64_t segment = UINT64_C(1) << 18; /* a domain's default */
    void **made = room(3 * sizeof *made);
    void *opts = struct_make(struct_named("ho_arena_opts"));
    void *loans = room(3 * (size_t)size_of("ho_buf"));
    int32_t *fd = room(sizeof *fd);
    (void)which;
    domain_make(&made[0]);
    field_set(opts, "ho_arena_opts", "budget_bytes", 2 * segment);
    (void)MUST("HO_OK", "ho_arena_open", P(made[0]), P(opts), P(&made[1]));
    (void)MUST("HO_OK", "ho_shard_open", P(made[1]), P(&made[2]));
    (void)MUST("HO_OK", "ho_shard_fd", P(made[2]), P(fd));
    for (uint32_t i = 0; i < 2; i++) {
        (void)MUST("HO_OK", "ho_reserve", P(made[2]), segment, P(NULL), P(element(loans, i)));
    }
    EXPECT(!is_readable(*fd), "readable although nobody was told HO_FULL");
    (void)MUST("HO_FULL", "ho_reserve", P(made[2]), segment, P(NULL), P(element(loans, 2)));
    EXPECT(!is_readable(*fd), "readable although nothing is back");
    (void)MUST("HO_OK", "ho_abort", P(made[2]), P(loans), 1, P(NULL));
    EXPECT(is_readable(*fd), "not readable although a segment is back");
    (void)MUST("HO_OK", "ho_reserve", P(made[2]), segment, P(NULL), P(loans));
    (void)MUST("HO_TIMEOUT", "ho_arena_close", P(made[1]), 0, P(NULL));
    (void)MUST("HO_E_CLOSED", "ho_reserve", P(made[2]), 1, P(NULL), P(element(loans, 2)));
    (void)MUST("HO_OK", "ho_abort", P(made[2]), P(loans), 2, P(NULL));
    (void)MUST("HO_OK", "ho_shard_close", P(made[2]));
    (void)MUST("HO_OK", "ho_arena_close", P(made[1]), 0, P(NULL));
    (void)MUST("HO_OK", "ho_domain_close", P(made[0]), 0, P(NULL));
}

void callbacks_cases(void)
{
    static const struct {
        case_run run;
        const char *name;
    } of_each_mode[] = {
        {once_on_its_thread, "once per token, as given, on the promised thread"},
        {from_two_threads, "once per token, returned by two threads"},
        {after_the_last_part, "released after its last slice"},
        {compacted, "released when it is compacted"},
        {never_for_what_was_refused, "nothing is released that was refused"},
        {dropped, "released as cancelled when the policy drops it"},
        {undelivered, "released as cancelled when nobody takes it"},
        {retired_last, "retired after the last release"},
        {retired_at_once, "retired at once with nothing out"},
        {closing_from_inside, "closing from inside is refused"},
        {returning_from_inside, "returning from inside works"},
    };
    for (uint32_t mode = 0; mode < sizeof modes / sizeof *modes; mode++) {
        for (size_t i = 0; i < sizeof of_each_mode / sizeof *of_each_mode; i++) {
            case_add("callbacks", of_each_mode[i].run, mode, "%s: %s", modes[mode],
                     of_each_mode[i].name);
        }
    }
    case_add("callbacks", descriptor, 2, "%s: the descriptor tells what is queued", modes[2]);
    case_add("callbacks", shard_descriptor, 0, "a shard's descriptor tells that memory is back");
}
