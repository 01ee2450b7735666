/* SPDX-License-Identifier: MIT */
/* handoff-load: starts the processes, shows the live line, adds up the results. */
#define _GNU_SOURCE /* MAP_ANONYMOUS, nanosleep */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/tool.h"
#include "player.h"
#include "report.h"

#define SECOND_NS UINT64_C(1000000000)
#define HEAD_START_NS 20000000u /* so that every process sees the start before it is due */
#define CANNOT_RUN 2

struct troupe {
    const struct load_options *options;
    struct player_board *boards;         /* shared, one per process */
    pid_t processes[LOAD_PROCESSES_MAX]; /* 0: ended */
    uint32_t running;
    int failed;
};

static volatile sig_atomic_t asked_to_end;

static void end_soon(int signal_number)
{
    asked_to_end = signal_number;
}

/* A signal interrupts the sleep, and everything that was started is stopped cleanly. */
static void catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = end_soon};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaction(numbers[i], &action, NULL);
}

static void nap(void)
{
    struct timespec pause = {.tv_nsec = 5000000};
    nanosleep(&pause, NULL);
}

/* Collects processes that have ended, without waiting. */
static void reap(struct troupe *troupe)
{
    for (uint32_t i = 0; i < troupe->options->processes; i++) {
        int status = 0;
        pid_t process = troupe->processes[i];
        if (process == 0 || waitpid(process, &status, WNOHANG) != process)
            continue;
        troupe->processes[i] = 0;
        troupe->running--;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            troupe->failed = 1;
    }
}

static void stop(struct troupe *troupe)
{
    for (uint32_t i = 0; i < troupe->options->processes; i++)
        if (troupe->processes[i] != 0)
            kill(troupe->processes[i], SIGKILL);
    for (reap(troupe); troupe->running > 0; reap(troupe))
        nap();
}

static int start(struct troupe *troupe)
{
    pid_t parent = getpid();

    for (uint32_t i = 0; i < troupe->options->processes; i++) {
        pid_t child = fork();
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing is left behind if the parent dies */
            if (getppid() != parent)
                _exit(1);
            signal(SIGINT, SIG_DFL);
            signal(SIGTERM, SIG_DFL);
            signal(SIGHUP, SIG_DFL);
            _exit(player_run(troupe->options, i, &troupe->boards[i]));
        }
        if (child < 0) {
            tool_error("cannot start process %u: %s: ask for fewer", i + 1, strerror(errno));
            return -1;
        }
        troupe->processes[i] = child;
        troupe->running++;
    }
    return 0;
}

static uint32_t ready_count(const struct troupe *troupe)
{
    uint32_t ready = 0;

    for (uint32_t i = 0; i < troupe->options->processes; i++)
        ready += atomic_load_explicit(&troupe->boards[i].ready, memory_order_acquire);
    return ready;
}

/* Sets the common start once all sockets are open. Returns -1 if a process failed first. */
static int give_start(struct troupe *troupe, uint64_t *start_ns)
{
    while (ready_count(troupe) < troupe->options->processes) {
        reap(troupe);
        if (troupe->failed || asked_to_end)
            return -1;
        nap();
    }
    *start_ns = tool_now_ns() + HEAD_START_NS;
    for (uint32_t i = 0; i < troupe->options->processes; i++)
        atomic_store_explicit(&troupe->boards[i].start_ns, *start_ns, memory_order_release);
    return 0;
}

static void show(const struct troupe *troupe, uint64_t second, uint64_t last[2])
{
    uint64_t now[2] = {0, 0};

    for (uint32_t i = 0; i < troupe->options->processes; i++) {
        now[0] += atomic_load_explicit(&troupe->boards[i].sent, memory_order_relaxed);
        now[1] += atomic_load_explicit(&troupe->boards[i].matched, memory_order_relaxed);
    }
    tool_progress("%4llu s  sent %7llu/s  answered %7llu/s  open %llu", (unsigned long long)second,
                  (unsigned long long)(now[0] - last[0]), (unsigned long long)(now[1] - last[1]),
                  (unsigned long long)(now[0] - now[1]));
    last[0] = now[0];
    last[1] = now[1];
}

static void watch(struct troupe *troupe, uint64_t start_ns)
{
    uint64_t second = 1;
    uint64_t last[2] = {0, 0};

    for (reap(troupe); troupe->running > 0 && !asked_to_end; reap(troupe)) {
        nap();
        if (troupe->options->progress && tool_now_ns() >= start_ns + second * SECOND_NS)
            show(troupe, second++, last);
    }
    if (troupe->options->progress)
        tool_progress_end();
}

static void warn(const struct load_options *options)
{
    if (!options->target.is_loopback)
        tool_warning(
            "%s is not the loopback, and the load is %llu messages per second: send it only "
            "to a gateway of your own, over a network that you may load",
            options->target.host, (unsigned long long)options->rate);
}

int main(int argc, char **argv)
{
    struct load_options options;
    uint64_t start_ns = 0;

    tool_name("handoff-load");
    int status = load_options_read(argc, argv, &options);
    if (status != 0)
        return status > 0 ? 0 : CANNOT_RUN;
    size_t bytes = (options.processes + 1) * sizeof(struct player_board);
    struct player_board *boards =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (boards == MAP_FAILED) {
        tool_error("no shared memory: %s: ask for fewer processes", strerror(errno));
        return CANNOT_RUN;
    }
    warn(&options);
    catch_signals();
    struct troupe troupe = {.options = &options, .boards = boards};
    if (start(&troupe) == 0 && give_start(&troupe, &start_ns) == 0)
        watch(&troupe, start_ns);
    int whole = start_ns != 0 && !troupe.failed && !asked_to_end;
    stop(&troupe);
    if (!whole) {
        if (start_ns != 0)
            tool_error("stopped early: the figures would be wrong, so none are printed");
        return CANNOT_RUN;
    }
    struct player_board *total = &boards[options.processes];
    for (uint32_t i = 0; i < options.processes; i++)
        report_merge(total, &boards[i]);
    return report(&options, total);
}
