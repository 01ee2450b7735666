/* SPDX-License-Identifier: MIT */
/*
 * The hot path makes no system call: after a warm-up two threads enter strict seccomp, where any call but
 * read, write and exit kills, and hand a million messages over and back.
 */
#include "rig.h"

#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGES 1000000u
#define BATCH 16u

#define PARTITIONS 8u

static struct {
    rig r;
    uint32_t partitions;
    _Atomic(uint32_t) ready, sent, taken; /* in memory that the parent sees */
} * w;

static void enter_strict(void)
{
    w->ready++;
    while (w->ready < 2)
        ;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
        _exit(2);
}

static void send_all(void)
{
    for (uint32_t i = 0; i < MESSAGES; i++) {
        ho_buf loan;
        while (ho_reserve(w->r.shard, 1400, NULL, &loan) != HO_OK)
            ;
        loan.len = i % 1400;
        loan.key = i;
        while (ho_commit(w->r.producer, &loan, 1, 0, NULL) != HO_OK)
            ;
        w->sent++;
    }
}

static void *take_all(void *arg)
{
    ho_buf bufs[BATCH], slice;
    uint32_t n;
    (void)arg;
    enter_strict();
    while (w->taken < MESSAGES) {
        if (ho_take(w->r.consumer, bufs, BATCH, &n) != HO_OK)
            continue;
        if (ho_slice(w->r.domain, &bufs[0], 0, bufs[0].len, &slice) == HO_OK)
            (void)ho_return(w->r.domain, &slice, 1, NULL);
        (void)ho_return(w->r.domain, bufs, n, NULL);
        w->taken += n;
    }
    syscall(SYS_exit, 0);
    return NULL;
}

/* Everything that grows has grown: lanes, every segment of the budget, and the slices' first one. */
static void warm_up(void)
{
    ho_buf held[RIG_BUDGET / RIG_SEGMENT + 1], slice;
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->partitions; i++) { /* a lane to each */
        ho_buf loan = rig_loan(w->r.shard, i, 10);
        loan.flags = HO_BUF_PARTITION;
        loan.partition = (uint16_t)i;
        CHECK_STATUS(ho_commit(w->r.producer, &loan, 1, 0, NULL), HO_OK);
        CHECK(rig_drain(&w->r) == 1);
    }
    while (ho_reserve(w->r.shard, RIG_SEGMENT, NULL, &held[n]) == HO_OK)
        n++;
    CHECK_STATUS(ho_abort(w->r.shard, held, n, NULL), HO_OK);
    for (uint32_t i = 0; i < 20000; i++) { /* more slices than two of their segments hold */
        rig_send(w->r.shard, w->r.producer, 1, 10);
        ho_buf buf = rig_take(w->r.consumer);
        CHECK_STATUS(ho_slice(w->r.domain, &buf, 0, 10, &slice), HO_OK);
        rig_return(w->r.domain, &slice);
        rig_return(w->r.domain, &buf);
    }
}

static void child(void)
{
    pthread_t taker;
    rig_open(&w->r, SERVICE_OPTS(.partitions = w->partitions));
    warm_up();
    if (pthread_create(&taker, NULL, take_all, NULL))
        _exit(3);
    enter_strict();
    send_all();
    syscall(SYS_exit, 0);
}

/* If one of the two threads is killed, the other waits for ever: that is the end when nothing has moved for this
 * long. Not a limit for the whole run, which takes as long as a busy machine makes it. */
#define STALLED_S 60u

static int wait_while_it_moves(pid_t pid)
{
    uint64_t moved = 0;
    for (uint32_t still_ms = 0; still_ms < STALLED_S * 1000; still_ms += 10) {
        int status;
        if (waitpid(pid, &status, WNOHANG) == pid)
            return status;
        usleep(10000);
        uint64_t now = (uint64_t)w->ready + w->sent + w->taken;
        if (now != moved)
            still_ms = 0;
        moved = now;
    }
    kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    fail_msg("stalled: %u sent, %u taken: a thread made a system call and was killed", w->sent,
             w->taken);
    return -1;
}

static void run(uint32_t partitions)
{
    if (HARNESS_SANITIZED)
        skip(); /* sanitizers make calls of their own */
    w = mmap(NULL, sizeof *w, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(w != MAP_FAILED);
    w->partitions = partitions;
    pid_t pid = fork();
    if (pid == 0)
        child();
    int status = wait_while_it_moves(pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(w->sent == MESSAGES);
    CHECK(w->taken == MESSAGES);
    munmap(w, sizeof *w);
}

static void a_million_messages_need_no_system_call(void **state)
{
    (void)state;
    run(1);
}

static void a_million_messages_to_a_shared_consumer_need_none_either(void **state)
{
    (void)state;
    run(PARTITIONS);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_million_messages_need_no_system_call),
    cmocka_unit_test(a_million_messages_to_a_shared_consumer_need_none_either),
};

HO_TEST_MAIN(tests)
