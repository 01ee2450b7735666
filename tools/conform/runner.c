/* SPDX-License-Identifier: MIT */
/* Runs each case in a child process, with a timeout; reports as TAP and JSON. */
#include "conform.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CASE_SECONDS 60
#define TEXT_BYTES 512
#define STEP_BYTES 128

enum { EXIT_PASSED, EXIT_FAILED = 41, EXIT_SKIPPED = 42 };
enum result { PASSED, FAILED, SKIPPED };

struct test_case {
    const char *group;
    case_run run;
    uint32_t which;
    char name[120];
    enum result result;
    char why[TEXT_BYTES];
};

static struct test_case *cases;
static uint32_t case_count;

/* The child's pipe for its failure message, and its current step, in memory that outlives it. */
static int report_fd = -1;
static char *step;

void case_add(const char *group, case_run run, uint32_t which, const char *format, ...)
{
    struct test_case *more = realloc(cases, (case_count + 1) * sizeof *cases);
    if (more == NULL) {
        tool_error("no memory for the cases: free some");
        exit(2);
    }
    cases = more;
    cases[case_count] = (struct test_case){.group = group, .run = run, .which = which};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cases[case_count].name, sizeof cases->name, format, arguments);
    va_end(arguments);
    case_count++;
}

bool group_exists(const char *name)
{
    for (uint32_t i = 0; i < case_count; i++) {
        if (strcmp(cases[i].group, name) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- in the child */

void case_step(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(step, STEP_BYTES, format, arguments);
    va_end(arguments);
}

static noreturn void end(int status, const char *format, va_list arguments)
{
    char text[TEXT_BYTES];
    int used = step == NULL || step[0] == '\0' ? 0 : snprintf(text, sizeof text, "%s: ", step);
    vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
    if (report_fd < 0) { /* before the first case */
        tool_error("%s: this library can't be tested further", text);
        exit(2);
    }
    ssize_t written = write(report_fd, text, strlen(text)); /* in one piece: below PIPE_BUF */
    _exit(written < 0 ? EXIT_FAILED : status);
}

noreturn void case_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end(EXIT_FAILED, format, arguments);
}

noreturn void case_skip(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end(EXIT_SKIPPED, format, arguments);
}

static noreturn void child(const struct test_case *item, int fd)
{
    report_fd = fd;
    item->run(item->which);
    rooms_check();
    _exit(EXIT_PASSED);
}

/* ---- in the parent */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads until the child has ended; false if its time is up. */
static bool listen_to(struct test_case *item, int fd)
{
    const int64_t deadline = now_ms() + CASE_SECONDS * 1000;
    size_t used = 0;
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        const int64_t left = deadline - now_ms();
        const int polled = poll(&ready, 1, left > 0 ? (int)left : 0);
        if (polled == 0) {
            return false;
        }
        char rest[TEXT_BYTES];
        const ssize_t got = polled < 0 ? -1 : read(fd, rest, sizeof rest);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return true;
        }
        for (ssize_t i = 0; i < got && used + 1 < sizeof item->why; i++) {
            item->why[used++] = rest[i];
        }
        item->why[used] = '\0';
    }
}

/* For a case that could not report its own failure. */
CONFORM_PRINTF(2, 3)
static void explain(struct test_case *item, const char *format, ...)
{
    const int used =
        snprintf(item->why, sizeof item->why, "%s%s", step, step[0] == '\0' ? "" : ": ");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(item->why + used, sizeof item->why - (size_t)used, format, arguments);
    va_end(arguments);
}

static void case_end(struct test_case *item, int status)
{
    item->result = FAILED;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_PASSED) {
        item->result = PASSED;
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED) {
        item->result = SKIPPED;
    } else if (WIFSIGNALED(status)) {
        explain(item, "died of signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) != EXIT_FAILED) {
        explain(item, "ended with status %d", WEXITSTATUS(status));
    }
}

static void case_do(struct test_case *item)
{
    int pipe_ends[2], status;
    fflush(stdout);
    step[0] = '\0';
    const pid_t pid = pipe2(pipe_ends, O_CLOEXEC) == 0 ? fork() : -1;
    if (pid < 0) {
        tool_error("no process for a case (%s): raise the limits, or run fewer at once",
                   strerror(errno));
        exit(2);
    }
    if (pid == 0) {
        close(pipe_ends[0]);
        child(item, pipe_ends[1]);
    }
    close(pipe_ends[1]);
    const bool in_time = listen_to(item, pipe_ends[0]);
    close(pipe_ends[0]);
    if (!in_time) {
        kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    case_end(item, status);
    if (!in_time) {
        explain(item, "did not end within %d s", CASE_SECONDS);
    }
}

static void print_case(uint32_t number, const struct test_case *item)
{
    printf("%sok %u - %s: %s", item->result == FAILED ? "not " : "", number, item->group,
           item->name);
    if (item->result == SKIPPED) {
        printf(" # SKIP %s", item->why);
    }
    printf("\n");
    if (item->result == FAILED) {
        printf("# %s\n", item->why);
    }
}

/* ---- the report */

static void json_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            fprintf(out, "\\%c", c);
        } else if (c < 0x20) {
            fprintf(out, "\\u%04x", c);
        } else {
            fputc(c, out);
        }
    }
    fputc('"', out);
}

static void json_cases(FILE *out, const char *only, const uint32_t totals[3])
{
    static const char *const results[] = {"passed", "failed", "skipped"};
    fprintf(out, "{\"library\": ");
    json_string(out, kit.path);
    fprintf(out, ", \"passed\": %u, \"failed\": %u, \"skipped\": %u, \"cases\": [", totals[PASSED],
            totals[FAILED], totals[SKIPPED]);
    const char *between = "\n";
    for (uint32_t i = 0; i < case_count; i++) {
        const struct test_case *item = &cases[i];
        if (only != NULL && strcmp(only, item->group) != 0) {
            continue;
        }
        fprintf(out, "%s {\"group\": \"%s\", \"result\": \"%s\", \"name\": ", between, item->group,
                results[item->result]);
        json_string(out, item->name);
        fprintf(out, ", \"why\": ");
        json_string(out, item->why);
        fputc('}', out);
        between = ",\n";
    }
    fprintf(out, "\n]}\n");
}

static FILE *json_open(const char *path)
{
    FILE *out = fopen(path, "we");
    if (out == NULL) {
        tool_error("%s: %s: name another file for --json", path, strerror(errno));
    }
    return out;
}

static bool json_close(FILE *out, const char *path)
{
    const bool bad = ferror(out) != 0;
    if (fclose(out) != 0 || bad) {
        tool_error("%s could not be written: make room, or name another file for --json", path);
        return false;
    }
    return true;
}

int cases_run(const char *only, const char *json)
{
    uint32_t totals[3] = {0}, number = 0;
    step = mmap(NULL, STEP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (step == MAP_FAILED) {
        tool_error("no memory for the cases: free some");
        return 2;
    }
    FILE *report = json == NULL ? NULL : json_open(json);
    if (json != NULL && report == NULL) {
        return 2;
    }
    for (uint32_t i = 0; i < case_count; i++) {
        number += only == NULL || strcmp(only, cases[i].group) == 0;
    }
    printf("TAP version 13\n# library: %s\n1..%u\n", kit.path, number);
    number = 0;
    for (uint32_t i = 0; i < case_count; i++) {
        if (only != NULL && strcmp(only, cases[i].group) != 0) {
            continue;
        }
        case_do(&cases[i]);
        totals[cases[i].result]++;
        print_case(++number, &cases[i]);
    }
    printf("# %u passed, %u failed, %u skipped\n", totals[PASSED], totals[FAILED], totals[SKIPPED]);
    if (report != NULL) {
        json_cases(report, only, totals);
    }
    const bool written = report == NULL || json_close(report, json);
    free(cases);
    return !written ? 2 : totals[FAILED] == 0 ? 0 : 1;
}
