/* SPDX-License-Identifier: MIT */
/*
 * The restartable sequences of pools, interrupted at every instruction. A child process has two threads on one
 * processor. The tracer stops the first at an instruction of a sequence, lets the second use the pool, and steps the first
 * on: the kernel must take it back to the sequence's beginning, and nobody may get what another has.
 *
 * It stops by int3, for some virtual machines report no breakpoint of the processor. A sequence can't be stepped through, so
 * objdump says where instructions begin.
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
#define INT3 0xccu
#define INSTRUCTIONS 64u /* of a sequence, at most */

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

_Noreturn static void child(void)
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
    for (;;) {
        must(raise(SIGSTOP) == 0);
        use(1);
    }
}

/* The link's addresses of the instructions from `from` to `to`, both addresses of this process. Returns how many. */
static size_t instructions(uint64_t from, uint64_t to, uint64_t *at, size_t most)
{
    extern const char __executable_start[];
    const uint64_t base = (uintptr_t)__executable_start;
    char command[160], line[512], *end;
    size_t n = 0;
    snprintf(
        command, sizeof command,
        "objdump -d --no-show-raw-insn --start-address=%#llx --stop-address=%#llx /proc/%d/exe",
        (unsigned long long)(from - base), (unsigned long long)(to - base), (int)getpid());
    FILE *dump = popen(command, "re");
    CHECK(dump != NULL);
    while (fgets(line, sizeof line, dump)) {
        uint64_t address = strtoull(line, &end, 16);
        if (line[0] == ' ' && *end == ':' && n < most)
            at[n++] = base + address;
    }
    CHECK(pclose(dump) == 0);
    return n;
}

/* Writes a byte into the child's code; returns the one that was there. */
static uint8_t poke(pid_t pid, uint64_t address, uint8_t byte)
{
    errno = 0;
    long word = ptrace(PTRACE_PEEKTEXT, pid, address, NULL);
    CHECK(errno == 0);
    long changed = (long)(((uint64_t)word & ~(uint64_t)0xff) | byte);
    CHECK(ptrace(PTRACE_POKETEXT, pid, address, changed) == 0);
    return (uint8_t)word;
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

static void go_back_to(pid_t pid, uint64_t address)
{
    struct user_regs_struct regs;
    CHECK(ptrace(PTRACE_GETREGS, pid, NULL, &regs) == 0);
    regs.rip = address;
    CHECK(ptrace(PTRACE_SETREGS, pid, NULL, &regs) == 0);
}

/* Runs one round with a breakpoint at the beginning of an instruction. Returns whether it was reached. */
static int interrupt_at(pid_t pid, const struct sequence *s, uint64_t address)
{
    char byte = 0;
    uint8_t was = poke(pid, address, INT3);
    CHECK(ptrace(PTRACE_CONT, pid, NULL, 0) == 0);
    int signal = stopped_by(pid);
    CHECK(poke(pid, address, was) == INT3);
    if (signal == SIGSTOP)
        return 0;
    CHECK(signal == SIGTRAP && place(pid) == address + 1);
    go_back_to(pid, address);
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
    uint64_t reached = 0, at[INSTRUCTIONS];
    int64_t area;
    if (!hoi_os_cpus()) {
        fprintf(stderr, "rseq: left out: /sys does not say how many processors there may be\n");
        skip(); /* pools then do without */
    }
    if (!hoi_percpu_usable(&area))
        skip();
    CHECK(pipe(to_second) == 0 && pipe(to_tracer) == 0);
    pid_t pid = fork();
    if (pid == 0)
        child();
    CHECK(stopped_by(pid) == SIGSTOP);
    CHECK(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL) == 0);
    for (const struct sequence *s = __start___rseq_cs; s != __stop___rseq_cs; s++) {
        size_t all = instructions(s->start, s->start + s->length, at, INSTRUCTIONS);
        uint32_t here = 0;
        CHECK(all > 6 && all < INSTRUCTIONS && at[0] == s->start);
        for (size_t i = 0; i < all; i++)
            here += (uint32_t)interrupt_at(pid, s, at[i]);
        reached += here;
        CHECK(here == 0 ||
              here >= 6); /* one that is used: as far as it is clear that there is nothing */
    }
    CHECK(reached >= 4 * 10); /* of four kinds at least */
    int status;
    CHECK(kill(pid, SIGKILL) == 0); /* it has come to the end of its last round */
    CHECK(waitpid(pid, &status, __WALL) == pid && WIFSIGNALED(status));
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
