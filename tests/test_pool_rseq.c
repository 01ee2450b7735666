/* SPDX-License-Identifier: MIT */
/*
 * The restartable sequences of pools, interrupted at every instruction. A child process has two threads on one
 * processor. The tracer stops the first at an instruction of a sequence, lets the second use the pool, and steps the first
 * on: the kernel must take it back to the sequence's beginning, and nobody may get what another has.
 */
#define _GNU_SOURCE
#include "rig.h"

#include "src/os.h"
#include "src/percpu.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if HOI_PERCPU_RSEQ
#define OBJECTS 200u /* more than a cache holds */

/* The section in which percpu.h describes the sequences, as the linker names its ends. */
struct sequence {
    uint32_t version, flags;
    uint64_t start, length, abort;
};
extern const struct sequence __start___rseq_cs[], __stop___rseq_cs[];

static ho_pool *pool;
static int to_second[2], to_tracer[2];

/* In the child: no test is told, it ends. */
static void must(int holds)
{
    if (!holds)
        abort();
}

static void set(const ho_obj *obj, uint64_t from, uint64_t to)
{
    must(*(uint64_t *)obj->ptr == from);
    *(uint64_t *)obj->ptr = to;
}

/* Every way into a sequence: one at a time and many, with caches that run full and empty. */
static void use(uint64_t by)
{
    ho_obj objs[OBJECTS];
    uint32_t n;
    for (uint32_t i = 0; i < OBJECTS; i++) {
        must(ho_pool_acquire(pool, &objs[i]) == HO_OK);
        set(&objs[i], 0, by);
    }
    for (uint32_t i = 0; i < OBJECTS; i++) {
        set(&objs[i], by, 0);
        must(ho_pool_release(pool, &objs[i]) == HO_OK);
    }
    must(ho_pool_acquire_many(pool, objs, OBJECTS, &n) == HO_OK);
    for (uint32_t i = 0; i < OBJECTS; i++)
        set(&objs[i], 0, by);
    for (uint32_t i = 0; i < OBJECTS; i++)
        set(&objs[i], by, 0);
    must(ho_pool_release_many(pool, objs, OBJECTS, &n) == HO_OK);
}

static void *second(void *arg)
{
    char byte;
    (void)arg;
    while (read(to_second[0], &byte, 1) == 1) {
        use(2);
        must(write(to_tracer[1], &byte, 1) == 1);
    }
    return NULL;
}

static void child(uint64_t rounds)
{
    ho_domain *domain = rig_domain();
    ho_arena *arena = rig_arena(domain, NULL);
    pthread_t thread;
    cpu_set_t all, one;
    size_t cpu = 0;
    must(sched_getaffinity(0, sizeof all, &all) == 0);
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    must(sched_setaffinity(0, sizeof one, &one) == 0); /* the second one's, too */
    pool = rig_pool(arena, POOL_OPTS(.slot_bytes = 8));
    use(1);
    must(pthread_create(&thread, NULL, second, NULL) == 0);
    must(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
    for (uint64_t i = 0; i < rounds; i++) {
        must(raise(SIGSTOP) == 0);
        use(1);
    }
    _exit(0);
}

static long debug_register(pid_t pid, size_t number, uint64_t value)
{
    size_t at = offsetof(struct user, u_debugreg) + number * sizeof(uint64_t);
    return ptrace(PTRACE_POKEUSER, pid, at, value);
}

static int stopped_by(pid_t pid)
{
    int status;
    CHECK(waitpid(pid, &status, __WALL) == pid);
    CHECK(WIFSTOPPED(status));
    return WSTOPSIG(status);
}

static uint64_t place(pid_t pid)
{
    struct user_regs_struct regs;
    CHECK(ptrace(PTRACE_GETREGS, pid, NULL, &regs) == 0);
    return regs.rip;
}

/* Runs one round with a breakpoint. Returns whether the instruction was reached. */
static int interrupt_at(pid_t pid, const struct sequence *s, uint64_t address)
{
    char byte = 0;
    CHECK(debug_register(pid, 0, address) == 0);
    CHECK(debug_register(pid, 7, 1) == 0);
    CHECK(ptrace(PTRACE_CONT, pid, NULL, 0) == 0);
    int signal = stopped_by(pid);
    CHECK(debug_register(pid, 7, 0) == 0);
    if (signal == SIGSTOP)
        return 0;
    CHECK(signal == SIGTRAP && place(pid) == address);
    CHECK(write(to_second[1], &byte, 1) == 1 && read(to_tracer[0], &byte, 1) == 1);
    CHECK(ptrace(PTRACE_SINGLESTEP, pid, NULL, 0) == 0);
    CHECK(stopped_by(pid) == SIGTRAP);
    uint64_t now = place(pid); /* the abort handler, or behind its one jump: the beginning */
    int anew = now == s->abort || (now < s->start && now >= s->start - 24);
    if (!anew)
        fprintf(stderr, "from %+lld of the sequence to %+lld, its abort is at %+lld\n",
                (long long)(address - s->start), (long long)(now - s->start),
                (long long)(s->abort - s->start));
    CHECK(anew);
    CHECK(ptrace(PTRACE_CONT, pid, NULL, 0) == 0);
    CHECK(stopped_by(pid) == SIGSTOP);
    return 1;
}

static void a_sequence_interrupted_at_any_instruction_begins_anew(void **state)
{
    (void)state;
    uint64_t rounds = 1, reached = 0;
    int64_t area;
    if (!hoi_os_cpus()) {
        fprintf(stderr, "rseq: left out: /sys does not say how many processors there may be\n");
        skip(); /* pools then do without */
    }
    if (!hoi_percpu_usable(&area))
        skip();
    for (const struct sequence *s = __start___rseq_cs; s != __stop___rseq_cs; s++)
        rounds += s->length;
    CHECK(pipe(to_second) == 0 && pipe(to_tracer) == 0);
    pid_t pid = fork();
    if (pid == 0)
        child(rounds);
    CHECK(stopped_by(pid) == SIGSTOP);
    CHECK(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL) == 0);
    if (debug_register(pid, 0, __start___rseq_cs->start)) {
        CHECK(kill(pid, SIGKILL) == 0);
        skip(); /* a machine without breakpoints */
    }
    for (const struct sequence *s = __start___rseq_cs; s != __stop___rseq_cs; s++) {
        uint32_t here = 0;
        for (uint64_t at = 0; at < s->length; at++)
            here += (uint32_t)interrupt_at(pid, s, s->start + at);
        reached += here;
        CHECK(here == 0 ||
              here >= 6); /* one that is used: as far as it is clear that there is nothing */
    }
    CHECK(reached >= 4 * 10); /* of four kinds at least */
    int status;
    CHECK(ptrace(PTRACE_CONT, pid, NULL, 0) == 0);
    CHECK(waitpid(pid, &status, __WALL) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (int i = 0; i < 2; i++) {
        close(to_second[i]);
        close(to_tracer[i]);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_sequence_interrupted_at_any_instruction_begins_anew),
};
#else
static void there_are_no_sequences_here(void **state)
{
    (void)state;
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(there_are_no_sequences_here)};
#endif

HO_TEST_MAIN(tests)
