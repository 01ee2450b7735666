/* SPDX-License-Identifier: MIT */
/* The system refuses: the n-th call for memory or a descriptor fails, n = 1, 2, ... until none
 * does; once, and from then on. Linked against the static library with these calls wrapped. */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "rig.h"

void *__real_mmap(void *addr, size_t bytes, int prot, int flags, int fd, off_t offset);
int __real_munmap(void *addr, size_t bytes);
int __real_mprotect(void *addr, size_t bytes, int prot);
int __real_madvise(void *addr, size_t bytes, int advice);
int __real_hoi_os_eventfd(void);
int __real_hoi_os_eventfd_renew(int fd);
int __real_hoi_os_dup(int fd);
void __real_hoi_os_close(int fd);
void *__wrap_mmap(void *addr, size_t bytes, int prot, int flags, int fd, off_t offset);
int __wrap_munmap(void *addr, size_t bytes);
int __wrap_mprotect(void *addr, size_t bytes, int prot);
int __wrap_madvise(void *addr, size_t bytes, int advice);
int __wrap_hoi_os_eventfd(void);
int __wrap_hoi_os_eventfd_renew(int fd);
int __wrap_hoi_os_dup(int fd);
void __wrap_hoi_os_close(int fd);

static struct {
    uint64_t calls;   /* that could have failed */
    uint64_t fail_at; /* 0: none */
    int for_ever;
    int64_t mapped_bytes; /* by what runs between begin and end */
    int64_t open_fds;
} os;

static int refused(void)
{
    os.calls++;
    return os.fail_at != 0 && (os.for_ever ? os.calls >= os.fail_at : os.calls == os.fail_at);
}

void *__wrap_mmap(void *addr, size_t bytes, int prot, int flags, int fd, off_t offset)
{
    errno = ENOMEM;
    if (refused())
        return MAP_FAILED;
    void *ptr = __real_mmap(addr, bytes, prot, flags, fd, offset);
    os.mapped_bytes += ptr != MAP_FAILED ? (int64_t)bytes : 0;
    return ptr;
}

int __wrap_munmap(void *addr, size_t bytes)
{
    os.mapped_bytes -= (int64_t)bytes;
    return __real_munmap(addr, bytes);
}

int __wrap_mprotect(void *addr, size_t bytes, int prot)
{
    errno = ENOMEM;
    return refused() ? -1 : __real_mprotect(addr, bytes, prot);
}

int __wrap_madvise(void *addr, size_t bytes, int advice)
{
    errno = EINVAL;
    return refused() ? -1 : __real_madvise(addr, bytes, advice);
}

int __wrap_hoi_os_eventfd(void)
{
    int fd = refused() ? -1 : __real_hoi_os_eventfd();
    os.open_fds += fd >= 0;
    return fd;
}

int __wrap_hoi_os_eventfd_renew(int fd)
{
    return refused() ? -1 : __real_hoi_os_eventfd_renew(fd);
}

int __wrap_hoi_os_dup(int fd)
{
    return refused() ? -1 : __real_hoi_os_dup(fd);
}

void __wrap_hoi_os_close(int fd)
{
    os.open_fds -= fd >= 0;
    __real_hoi_os_close(fd);
}

#define PARTITIONS 70u /* more than a producer has room for in itself */

static struct {
    rig r;
    int32_t shard_fd;
    ho_arena *second_arena; /* for what is sent to the second service */
    ho_shard *second_shard;
    ho_service *second;
    ho_producer *to_second;
    ho_consumer *of_second;
    ho_producer *more_producers[2]; /* they find others there, and make lanes */
    ho_consumer *more_consumers[2];
    rig_owner owner;
    int32_t fd;
} w;

/* Tries a call; when the system is short it says so, and once it is not, the same call works. Gives 0
 * if it never did. */
#define TRY(call)                                                                                  \
    (try_status(call) || (!os.for_ever && try_status(call)) ||                                     \
     (harness_check(os.for_ever, "the call works again: " #call, __FILE__, __LINE__), 0))

static int try_status(int32_t status)
{
    if (status != HO_E_NOMEM && status != HO_E_SYSTEM)
        CHECK_STATUS(status, HO_OK);
    return status == HO_OK;
}

static int open_world(void)
{
    const ho_domain_opts *domain = DOMAIN_OPTS(.max_bytes = 8u << 20, .segment_bytes = 16384);
    const ho_service_opts *service = SERVICE_OPTS(.lane_slots = 64);
    const ho_service_opts *shared = SERVICE_OPTS(.lane_slots = 64, .partitions = PARTITIONS);
    const ho_arena_opts *arena = ARENA_OPTS(.budget_bytes = 1u << 20);
    const ho_owner_opts *owner =
        OWNER_OPTS(.mode = HO_RELEASE_EVENT, .release = rig_count_release, .ctx = &w.owner);
    return TRY(ho_domain_create(domain, &w.r.domain)) &&
           TRY(ho_arena_open(w.r.domain, arena, &w.r.arena)) &&
           TRY(ho_shard_open(w.r.arena, &w.r.shard)) && TRY(ho_shard_fd(w.r.shard, &w.shard_fd)) &&
           TRY(ho_arena_open(w.r.domain, arena, &w.second_arena)) &&
           TRY(ho_shard_open(w.second_arena, &w.second_shard)) &&
           TRY(ho_service_open(w.r.domain, shared, &w.r.service)) &&
           TRY(ho_service_open(w.r.domain, service, &w.second)) &&
           TRY(ho_producer_open(w.r.service, w.r.shard, &w.r.producer)) &&
           TRY(ho_consumer_open(w.r.service, NULL, &w.r.consumer)) &&
           TRY(ho_consumer_open(w.second, NULL, &w.of_second)) &&
           TRY(ho_producer_open(w.second, w.second_shard, &w.to_second)) &&
           TRY(ho_producer_open(w.r.service, w.r.shard, &w.more_producers[0])) &&
           TRY(ho_producer_open(w.r.service, w.r.shard, &w.more_producers[1])) &&
           TRY(ho_consumer_open(w.r.service, NULL, &w.more_consumers[0])) &&
           TRY(ho_consumer_open(w.r.service, NULL, &w.more_consumers[1])) &&
           TRY(ho_consumer_fd(w.r.consumer, &w.fd)) &&
           TRY(ho_owner_register(w.r.domain, owner, &w.owner.owner));
}

/* One message in, sliced, on to the second service, copied there, and back. */
static void pass_one(ho_buf *buf)
{
    ho_buf slice;
    uint32_t taken;
    if (TRY(ho_slice(w.r.domain, buf, 0, buf->len, &slice)) &&
        TRY(ho_forward(w.to_second, &slice, 1, 0, NULL)) &&
        TRY(ho_take(w.of_second, &slice, 1, &taken)) && TRY(ho_compact(w.second_shard, &slice)))
        rig_check_pattern(&slice);
    CHECK_STATUS(ho_return(w.r.domain, &slice, 1, NULL), HO_OK); /* whatever is left of it */
    rig_return(w.r.domain, buf);
}

static void use_world(void)
{
    uint8_t bytes[40];
    uint32_t taken;
    for (uint64_t i = 0; i < 40; i++) {
        bytes[i] = (uint8_t)(i * 31 + 1); /* the rig's pattern */
        ho_buf loan, buf = rig_foreign(w.owner.owner, &bytes[i], 1, i);
        if (TRY(ho_reserve(w.r.shard, 3000, NULL, &loan))) {
            loan.len = 0;
            if (!TRY(ho_commit(w.r.producer, &loan, 1, 0, NULL)))
                CHECK_STATUS(ho_abort(w.r.shard, &loan, 1, NULL), HO_OK);
        }
        buf.key = i;
        if (TRY(ho_give(w.r.producer, &buf, 1, 0, NULL)))
            CHECK_EMPTY(&buf);
        ho_consumer *all[] = {w.r.consumer, w.more_consumers[0], w.more_consumers[1]};
        for (size_t c = 0; c < 3; c++)
            while (ho_take(all[c], &buf, 1, &taken) == HO_OK)
                pass_one(&buf);
    }
    CHECK_STATUS(ho_arena_trim(w.second_arena, 0, NULL),
                 HO_OK); /* what the system says to it is its own */
}

static void close_world(void)
{
    if (w.r.domain == NULL)
        return;
    if (w.owner.owner != 0)
        while (ho_owner_drain(w.r.domain, w.owner.owner, 100, NULL) == HO_OK)
            ;
    if (w.to_second != NULL)
        CHECK_STATUS(ho_producer_close(w.to_second), HO_OK);
    if (w.second_shard != NULL)
        CHECK_STATUS(ho_shard_close(w.second_shard), HO_OK);
    if (w.shard_fd >= 0)
        CHECK(close(w.shard_fd) == 0);
    if (w.of_second != NULL)
        CHECK_STATUS(ho_consumer_close(w.of_second), HO_OK);
    for (size_t i = 0; i < 2; i++) {
        if (w.more_producers[i] != NULL)
            CHECK_STATUS(ho_producer_close(w.more_producers[i]), HO_OK);
        if (w.more_consumers[i] != NULL)
            CHECK_STATUS(ho_consumer_close(w.more_consumers[i]), HO_OK);
    }
    rig_close(&w.r);
}

static uint64_t run_world(uint64_t fail_at, int for_ever)
{
    memset(&w, 0, sizeof w);
    w.shard_fd = w.fd = -1;
    memset(&os, 0, sizeof os);
    os.fail_at = fail_at;
    os.for_ever = for_ever;
    if (open_world())
        use_world();
    close_world();
    if (w.fd >= 0)
        CHECK(close(w.fd) == 0);
    CHECK(os.mapped_bytes == 0);
    CHECK(os.open_fds == 0);
    return os.calls;
}

static void every_refusal_is_survived(int for_ever)
{
    uint64_t points = run_world(0, 0), n = 1;
    CHECK(points > 20);
    while (run_world(n, for_ever) >= n)
        n++;
    CHECK(n > points / 2);
    print_message("%llu points at which the system was short\n", (unsigned long long)n - 1);
}

static void one_refusal_is_survived_wherever_it_comes(void **state)
{
    (void)state;
    every_refusal_is_survived(0);
}

static void a_system_that_stays_short_is_survived(void **state)
{
    (void)state;
    every_refusal_is_survived(1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(one_refusal_is_survived_wherever_it_comes),
    cmocka_unit_test(a_system_that_stays_short_is_survived),
};

HO_TEST_MAIN(tests)
