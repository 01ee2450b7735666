/* SPDX-License-Identifier: MIT */
/* The parser of abi.md: errors are reported at their line, valid input is read correctly. */
#include "harness.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi_md.h"

#define BAD ABI_SOURCE_DIR "/tests/abi_bad"
#define DESCRIPTION ABI_SOURCE_DIR "/abi.md"

/* The first line of each file of the folder says what is to come of it. */
static void read_expected(const char *path, char expected[static 512])
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    assert_non_null(fgets(expected, 512, in));
    fclose(in);
    expected[strcspn(expected, "\n")] = '\0';
}

static bool is_as_expected(const char *name)
{
    char path[512], expected[512], found[512];
    snprintf(path, sizeof path, "%s/%s", BAD, name);
    read_expected(path, expected);

    abi_doc *doc = NULL;
    abi_error error;
    if (abi_md_load(path, &doc, &error)) {
        snprintf(found, sizeof found, "Expected: nothing wrong");
        assert_non_null(doc);
    } else {
        snprintf(found, sizeof found, "Expected: %" PRIu32 ": %s", error.line, error.text);
        assert_null(doc);
    }
    abi_md_free(doc);
    const bool good = strcmp(found, expected) == 0;
    if (!good) {
        print_error("%s:\n  %s\n  but it was\n  %s\n", name, expected, found);
    }
    return good;
}

static void each_malformed_file_is_refused_at_its_line(void **state)
{
    (void)state;
    DIR *folder = opendir(BAD);
    assert_non_null(folder);
    unsigned files = 0, wrong = 0;
    bool has_twin = false;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.') {
            wrong += is_as_expected(entry->d_name) ? 0 : 1;
            has_twin = has_twin || strcmp(entry->d_name, "nothing_wrong.md") == 0;
            files++;
        }
    }
    closedir(folder);
    assert_int_equal(wrong, 0);
    assert_true(has_twin);
    assert_true(files > 1);
}

static void a_file_that_is_not_there_says_so(void **state)
{
    (void)state;
    abi_doc *doc;
    abi_error error;
    assert_false(abi_md_load(BAD "/none.md", &doc, &error));
    assert_null(doc);
    assert_int_equal(error.line, 0);
    assert_string_equal(error.text, "No such file or directory: expected a file that can be read");
}

static void a_zero_byte_is_refused(void **state)
{
    (void)state;
    static const char text[] = "text\0more";
    abi_doc *doc;
    abi_error error;
    assert_false(abi_md_parse(text, sizeof text - 1, &doc, &error));
    assert_string_equal(error.text, "zero byte: expected text");
}

static abi_doc *description(void)
{
    abi_doc *doc;
    abi_error error;
    if (!abi_md_load(DESCRIPTION, &doc, &error)) {
        fail_msg("%s:%" PRIu32 ": %s", DESCRIPTION, error.line, error.text);
    }
    return doc;
}

static void the_description_is_read(void **state)
{
    (void)state;
    abi_doc *doc = description();
    const abi_struct *buf = abi_md_struct(doc, "ho_buf");
    assert_non_null(buf);
    assert_int_equal(buf->size, 64);
    const abi_field *key = &doc->fields[buf->first_field + buf->field_count - 1];
    assert_string_equal(key->name, "key");
    assert_int_equal(key->offset, 56);
    assert_int_equal(key->type.base, ABI_U64);

    const abi_function *commit = abi_md_function(doc, "ho_commit");
    assert_non_null(commit);
    assert_int_equal(commit->thread, ABI_THREAD_PRODUCER);
    assert_true(abi_list_has(commit->returns, "HO_E_STALE"));
    assert_false(abi_list_has(commit->returns, "HO_E_STAL"));
    assert_int_equal(commit->param_count, 5);
    const abi_param *bufs = &doc->params[commit->first_param + 1];
    assert_int_equal(bufs->direction, ABI_INOUT);
    assert_int_equal(bufs->null, ABI_NULL_IF_EMPTY);
    assert_int_equal(bufs->transfer, ABI_TRANSFER_FULL);
    assert_int_equal(bufs->type.base, ABI_STRUCT);
    assert_string_equal(doc->structs[bufs->type.index].name, "ho_buf");
    assert_string_equal(bufs[1].length_of, "bufs");
    assert_int_equal(abi_md_constant(doc, "HO_BUF_PARTITION")->value, 0x10000);
    assert_null(abi_md_constant(doc, "HO_BUF_PART"));
    abi_md_free(doc);
}

static void the_texts_of_the_statuses_are_those_of_the_header(void **state)
{
    (void)state;
#define STATUS(name, value, text) {#name, text},
    static const struct {
        const char *name, *text;
    } statuses[] = {HO_STATUS_MAP(STATUS)};
#undef STATUS
    abi_doc *doc = description();
    assert_int_equal(doc->status_count, sizeof statuses / sizeof *statuses);
    for (uint32_t i = 0; i < doc->status_count; i++) {
        assert_string_equal(doc->statuses[i].name, statuses[i].name);
        assert_string_equal(doc->statuses[i].text, statuses[i].text);
    }
    abi_md_free(doc);
}

static void a_description_cut_short_is_refused_at_one_of_its_lines(void **state)
{
    (void)state;
    abi_doc *whole = description();
    const char *limits = strstr(whole->source, "\n## Limits\n");
    assert_non_null(limits);
    uint32_t lines = 0;
    for (const char *end = whole->source; end < limits; end = strchr(end, '\n') + 1) {
        /* At the end of a line and in the middle of the next. */
        for (size_t more = 0; more < 12; more += 11) {
            const size_t bytes = (size_t)(end - whole->source) + more;
            abi_doc *doc;
            abi_error error;
            assert_false(abi_md_parse(whole->source, bytes, &doc, &error));
            assert_true(error.line <= lines + 1 + (uint32_t)more);
            assert_non_null(strstr(error.text, "expected"));
        }
        lines++;
    }
    assert_true(lines > 100);
    abi_md_free(whole);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_malformed_file_is_refused_at_its_line),
    cmocka_unit_test(a_file_that_is_not_there_says_so),
    cmocka_unit_test(a_zero_byte_is_refused),
    cmocka_unit_test(the_description_is_read),
    cmocka_unit_test(the_texts_of_the_statuses_are_those_of_the_header),
    cmocka_unit_test(a_description_cut_short_is_refused_at_one_of_its_lines),
};

HO_TEST_MAIN(tests)
