/* SPDX-License-Identifier: MIT */
/* The library's description of itself matches abi.md and the headers. */
#include "harness.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "abi_md.h"
#include "handoff/handoff.h"

static abi_doc *description(void)
{
    abi_doc *doc;
    abi_error error;
    if (!abi_md_load(ABI_SOURCE_DIR "/abi.md", &doc, &error)) {
        fail_msg("abi.md:%" PRIu32 ": %s", error.line, error.text);
    }
    return doc;
}

/* Row by row, in the order of the document. */
static ho_abi_row next_row(uint32_t *index)
{
    ho_abi_row row;
    CHECK_STATUS(ho_init(HO_TYPE_ABI_ROW, &row, sizeof row), HO_OK);
    CHECK_STATUS(ho_abi_layout((*index)++, &row, NULL), HO_OK);
    assert_int_equal(row.size, sizeof row);
    return row;
}

static void the_library_carries_the_description_that_it_was_built_from(void **state)
{
    (void)state;
    abi_doc *doc = description();
    const char *text;
    uint64_t bytes;
    CHECK_STATUS(ho_abi_description(&text, &bytes), HO_OK);
    assert_int_equal(bytes, doc->source_bytes);
    assert_memory_equal(text, doc->source, bytes + 1);
    abi_md_free(doc);
}

static void the_description_is_asked_for_with_both_or_refused(void **state)
{
    (void)state;
    const char *text = "";
    uint64_t bytes = 1;
    CHECK_STATUS(ho_abi_description(NULL, &bytes), HO_E_INVAL);
    assert_int_equal(bytes, 0);
    CHECK_STATUS(ho_abi_description(&text, NULL), HO_E_INVAL);
    assert_null(text);
    CHECK_STATUS(ho_abi_description(NULL, NULL), HO_E_INVAL);
}

static void the_table_has_every_field_at_the_place_of_the_document(void **state)
{
    (void)state;
    abi_doc *doc = description();
    uint32_t index = 0;
    for (uint32_t i = 0; i < doc->struct_count; i++) {
        const abi_struct *item = &doc->structs[i];
        ho_abi_row row = next_row(&index);
        assert_int_equal(row.kind, HO_ROW_STRUCT);
        assert_string_equal(row.name, item->name);
        assert_string_equal(row.field, "");
        assert_int_equal(row.size_bytes, item->size);
        for (uint32_t k = 0; k < item->field_count; k++) {
            const abi_field *field = &doc->fields[item->first_field + k];
            row = next_row(&index);
            assert_int_equal(row.kind, HO_ROW_FIELD);
            assert_string_equal(row.name, item->name);
            assert_string_equal(row.field, field->name);
            assert_int_equal(row.offset_bytes, field->offset);
            assert_int_equal(row.size_bytes, field->size);
        }
    }
    abi_md_free(doc);
}

static void the_table_has_every_constant_and_status_with_its_value(void **state)
{
    (void)state;
    abi_doc *doc = description();
    uint32_t index = doc->struct_count + doc->field_count, count = 0;
    for (uint32_t i = 0; i < doc->constant_count; i++) {
        const ho_abi_row row = next_row(&index);
        assert_int_equal(row.kind, HO_ROW_CONSTANT);
        assert_string_equal(row.name, doc->constants[i].name);
        assert_int_equal(row.size_bytes, doc->constants[i].type.size);
        assert_true(row.value == doc->constants[i].value);
    }
    for (uint32_t i = 0; i < doc->status_count; i++) {
        const ho_abi_row row = next_row(&index);
        assert_string_equal(row.name, doc->statuses[i].name);
        assert_true(row.value == doc->statuses[i].value);
    }
    CHECK_STATUS(ho_abi_layout(index, NULL, &count), HO_E_RANGE);
    assert_int_equal(count, index);
    abi_md_free(doc);
}

static void a_row_of_another_size_is_written_as_far_as_it_reaches(void **state)
{
    (void)state;
    struct {
        ho_abi_row row;
        uint64_t behind;
    } longer = {.row.size = sizeof longer, .behind = 7};
    CHECK_STATUS(ho_abi_layout(0, &longer.row, NULL), HO_OK);
    assert_int_equal(longer.row.size, sizeof longer);
    assert_int_equal(longer.behind, 7);

    ho_abi_row shorter = {.size = HO_ABI_ROW_MIN - 1, .value = 7};
    uint32_t count = 0;
    CHECK_STATUS(ho_abi_layout(0, &shorter, &count), HO_E_SIZE);
    assert_int_equal(shorter.value, 7);
    assert_null(shorter.name);
    assert_true(count > 0);
}

static void a_row_that_is_not_there_is_empty(void **state)
{
    (void)state;
    ho_abi_row row = {.size = sizeof row, .kind = HO_ROW_FIELD, .name = "", .value = 7};
    const ho_abi_row empty = {.size = sizeof row};
    CHECK_STATUS(ho_abi_layout(UINT32_MAX, &row, NULL), HO_E_RANGE);
    assert_memory_equal(&row, &empty, sizeof row);
}

static uint64_t hash_line(uint64_t hash, const char *line)
{
    for (; *line != '\0'; line++) {
        hash = (hash ^ (uint8_t)*line) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static void the_layout_hash_is_over_the_table_as_compiled(void **state)
{
    (void)state;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    uint32_t index = 0;
    for (ho_abi_row row = next_row(&index); row.kind != HO_ROW_CONSTANT; row = next_row(&index)) {
        char line[256];
        if (row.kind == HO_ROW_STRUCT) {
            snprintf(line, sizeof line, "%s %" PRIu64 "\n", row.name, row.size_bytes);
        } else {
            snprintf(line, sizeof line, "%s.%s %" PRIu64 " %" PRIu64 "\n", row.name, row.field,
                     row.offset_bytes, row.size_bytes);
        }
        hash = hash_line(hash, line);
    }
    ho_abi_info info;
    CHECK_STATUS(ho_init(HO_TYPE_ABI_INFO, &info, sizeof info), HO_OK);
    assert_true(info.layout_hash == hash);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_library_carries_the_description_that_it_was_built_from),
    cmocka_unit_test(the_description_is_asked_for_with_both_or_refused),
    cmocka_unit_test(the_table_has_every_field_at_the_place_of_the_document),
    cmocka_unit_test(the_table_has_every_constant_and_status_with_its_value),
    cmocka_unit_test(a_row_of_another_size_is_written_as_far_as_it_reaches),
    cmocka_unit_test(a_row_that_is_not_there_is_empty),
    cmocka_unit_test(the_layout_hash_is_over_the_table_as_compiled),
};

HO_TEST_MAIN(tests)
