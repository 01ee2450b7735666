/* SPDX-License-Identifier: MIT */
#include "conform.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BAD_USE 2

struct kit kit;

struct options {
    const char *library, *abi, *only, *json;
};

static const char usage[] =
    "usage: handoff-conform [FILE] [--abi FILE] [--only GROUP] [--json FILE] [--seed N]\n"
    "Tests a built libhandoff against the description of its ABI.\n"
    "  FILE          library to test; default: the " CONFORM_LIBRARY " that the loader finds\n"
    "  --lib NAME    the same; the loader looks up a name without a slash\n"
    "  --abi FILE    description of the ABI; default: the one in the library\n"
    "  --only GROUP  symbols, layout, calls, callbacks or ownership; default: all\n"
    "  --json FILE   also write the results to FILE\n"
    "  --seed N      run only random sequence N (1 or more) of the group ownership\n"
    "  -h, --help    print this text\n"
    "  --version     print the version\n"
    "Prints TAP. Exits 0 if every case passed, 1 if one failed, 2 if it could not "
    "run.\n";

void tool_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("handoff-conform: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

static bool read_seed(const char *text)
{
    char *end;
    errno = 0;
    kit.seed = strtoull(text, &end, 10);
    if (errno != 0 || *text < '1' || *text > '9' || *end != '\0') {
        tool_error("--seed is '%s': give a whole number of at least 1", text);
        return false;
    }
    return true;
}

static bool read_option(const char *name, const char *value, struct options *options)
{
    const struct {
        const char *name, **value;
    } known[] = {{"--lib", &options->library},
                 {"--abi", &options->abi},
                 {"--only", &options->only},
                 {"--json", &options->json}};
    const bool is_seed = strcmp(name, "--seed") == 0;
    for (size_t i = 0; i < sizeof known / sizeof *known && value != NULL; i++) {
        if (strcmp(name, known[i].name) == 0) {
            *known[i].value = value;
            return true;
        }
    }
    if (is_seed && value != NULL) {
        return read_seed(value);
    }
    tool_error("option %s is unknown or lacks its value: see handoff-conform --help", name);
    return false;
}

static bool name_file(char *file, struct options *options)
{
    static char path[PATH_MAX];

    if (options->library != NULL) {
        tool_error("'%s' is a second library: name one", file);
        return false;
    }
    if (snprintf(path, sizeof path, "%s%s", strchr(file, '/') != NULL ? "" : "./", file) >=
        (int)sizeof path) {
        tool_error("'%.40s...' is too long: name a file by a shorter path", file);
        return false;
    }
    options->library = path;
    return true;
}

static bool answers_at_once(const char *argument)
{
    const bool help = strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
    if (help || strcmp(argument, "--version") == 0) {
        fputs(help ? usage : "handoff-conform " TOOL_VERSION "\n", stdout);
        return true;
    }
    return false;
}

int main(int count, char **arguments)
{
    struct options options = {0};
    if (count == 2 && answers_at_once(arguments[1])) {
        return 0;
    }
    for (int i = 1; i < count; i++) {
        const bool is_file = arguments[i][0] != '-';
        if (is_file ? !name_file(arguments[i], &options)
                    : !read_option(arguments[i], arguments[i + 1], &options)) {
            return BAD_USE;
        }
        i += !is_file;
    }
    if (kit.seed != 0) {
        options.only = "ownership";
    }
    if (!kit_load(options.library != NULL ? options.library : CONFORM_LIBRARY, options.abi)) {
        return BAD_USE;
    }
    symbols_cases();
    layout_cases();
    calls_cases();
    about_cases();
    options_cases();
    arrays_cases();
    partitions_cases();
    helping_cases();
    callbacks_cases();
    objects_cases();
    ownership_cases();
    pools_cases();
    if (options.only != NULL && !group_exists(options.only)) {
        tool_error("--only is '%s': name symbols, layout, calls, callbacks or ownership",
                   options.only);
        return BAD_USE;
    }
    return cases_run(options.only, options.json);
}
