/* SPDX-License-Identifier: MIT */
/* The harness must fail when it should: each case breaks a rule in a child process and checks how
 * it ends. */
#include "harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `body` between begin and end in a child, silently; gives its exit status, -1 if it died of
 * a signal. */
static int exit_status_of(void (*body)(void))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int sink = open("/dev/null", O_WRONLY);
        dup2(sink, STDERR_FILENO);
        close(sink);
        harness_begin(NULL);
        body();
        _exit(harness_end(0));
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void do_nothing(void) {}

static void leak_a_descriptor(void)
{
    CHECK(open("/dev/null", O_RDONLY) >= 0);
}

static void leak_a_mapping(void)
{
    CHECK(mmap(NULL, 16u << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

static void expect_the_wrong_status(void *arg)
{
    (void)arg;
    CHECK_STATUS(HO_FULL, HO_OK);
}

static void fail_in_a_thread(void)
{
    harness_thread thread;
    harness_start(&thread, expect_the_wrong_status, NULL);
    harness_join(&thread);
}

static void stay(void *arg)
{
    harness_barrier_wait(arg);
    pause();
}

/* cmocka would fail the test, and run the next one beside that thread. */
static void fail_beside_a_thread(void)
{
    static harness_thread thread;
    static harness_barrier barrier;
    harness_barrier_init(&barrier, 2);
    harness_start(&thread, stay, &barrier);
    harness_barrier_wait(&barrier);
    CHECK_STATUS(HO_FULL, HO_OK);
}

static void a_clean_group_passes(void **state)
{
    (void)state;
    assert_int_equal(exit_status_of(do_nothing), 0);
}

static void a_descriptor_left_open_fails_the_group(void **state)
{
    (void)state;
    assert_int_equal(exit_status_of(leak_a_descriptor), 1);
}

static void a_mapping_left_behind_fails_the_group(void **state)
{
    (void)state;
    if (HARNESS_SANITIZED)
        skip();
    assert_int_equal(exit_status_of(leak_a_mapping), 1);
}

static void a_wrong_status_in_a_thread_ends_the_process(void **state)
{
    (void)state;
    assert_int_not_equal(exit_status_of(fail_in_a_thread), 0);
}

static void so_does_one_in_the_main_thread_while_others_run(void **state)
{
    (void)state;
    assert_int_equal(exit_status_of(fail_beside_a_thread), -1);
}

static void count_up(void *arg)
{
    ++*(int *)arg;
}

static void a_joined_thread_leaves_nothing_mapped(void)
{
    int count = 0;
    harness_thread thread;
    for (int i = 0; i < 4; i++) {
        harness_start(&thread, count_up, &count);
        harness_join(&thread);
    }
    CHECK(count == 4);
}

static void threads_are_not_taken_for_leaks(void **state)
{
    (void)state;
    assert_int_equal(exit_status_of(a_joined_thread_leaves_nothing_mapped), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_clean_group_passes),
    cmocka_unit_test(a_descriptor_left_open_fails_the_group),
    cmocka_unit_test(a_mapping_left_behind_fails_the_group),
    cmocka_unit_test(a_wrong_status_in_a_thread_ends_the_process),
    cmocka_unit_test(so_does_one_in_the_main_thread_while_others_run),
    cmocka_unit_test(threads_are_not_taken_for_leaks),
};

HO_TEST_MAIN(tests)
