/* SPDX-License-Identifier: MIT */
/* The same without libFuzzer: inputs made from seeds, or one from a file. */
#include "ledger.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INPUT_MAX 6000u

static uint64_t seed_now;

static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* abort, or a signal: which seed was it? */
static void report(int signal_number)
{
    static char text[] =
        "fuzz_calls: replay it with: fuzz_calls_replay --seed                     \n";
    uint64_t rest = seed_now;
    char *end = text + sizeof text - 3;
    do
        *end-- = (char)('0' + rest % 10);
    while (rest /= 10);
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

static void run_seed(uint64_t seed)
{
    static uint8_t input[INPUT_MAX];
    uint64_t state = seed;
    size_t bytes = 64 + mix(&state) % (INPUT_MAX - 64);
    seed_now = seed;
    for (size_t i = 0; i < bytes; i++)
        input[i] = (uint8_t)mix(&state);
    (void)fuzz_one(input, bytes);
}

static int run_file(const char *path)
{
    static uint8_t input[1 << 20];
    FILE *file = fopen(path, "rbe");
    if (!file) {
        fprintf(stderr, "fuzz_calls: cannot read %s\n", path);
        return 1;
    }
    size_t bytes = fread(input, 1, sizeof input, file);
    (void)fclose(file);
    (void)fuzz_one(input, bytes);
    return 0;
}

static int usage(void)
{
    fputs(
        "usage: fuzz_calls_replay [FIRST COUNT [SECONDS]] | --seed SEED | FILE...\n"
        "  inputs from the seeds FIRST, FIRST + 1, ..., COUNT of them or until SECONDS are over\n",
        stderr);
    return 2;
}

int main(int argc, char **argv)
{
    uint64_t first = 1, count = 300, done = 0;
    long seconds = 0;
    time_t began = time(NULL);
    (void)signal(SIGABRT, report);
    (void)signal(SIGSEGV, report);
    (void)signal(SIGALRM, report);
    if (argc == 3 && !strcmp(argv[1], "--seed")) {
        run_seed(strtoull(argv[2], NULL, 10));
        return 0;
    }
    if (argc > 1 && (argv[1][0] < '0' || argv[1][0] > '9')) {
        int status = argv[1][0] == '-' ? usage() : 0;
        for (int i = 1; i < argc && !status; i++)
            status = run_file(argv[i]);
        return status;
    }
    if (argc == 2 || argc > 4)
        return usage();
    if (argc > 2) {
        first = strtoull(argv[1], NULL, 10);
        count = strtoull(argv[2], NULL, 10);
        seconds = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
    }
    for (; done < count && (!seconds || time(NULL) - began < seconds); done++) {
        (void)alarm(60); /* an input that hangs */
        run_seed(first + done);
    }
    printf("fuzz_calls: %llu inputs from seed %llu on\n", (unsigned long long)done,
           (unsigned long long)first);
    return 0;
}
