/* SPDX-License-Identifier: MIT */
#include "rig.h"

static const struct {
    int32_t value;
    const char *name, *text;
} all[] = {
#define ROW(name, value, text) {name, #name, text},
    HO_STATUS_MAP(ROW)
#undef ROW
};
#define ALL_COUNT (sizeof all / sizeof *all)

static void every_status_tells_its_name_and_advice(void **state)
{
    (void)state;
    for (size_t i = 0; i < ALL_COUNT; i++) {
        const char *name = NULL, *text = NULL;
        CHECK_STATUS(ho_strerror(all[i].value, &name, &text), HO_OK);
        assert_string_equal(name, all[i].name);
        assert_string_equal(text, all[i].text);
    }
}

static void no_two_statuses_share_a_value_and_errors_are_negative(void **state)
{
    (void)state;
    for (size_t i = 0; i < ALL_COUNT; i++) {
        CHECK((all[i].value < 0) == (strncmp(all[i].name, "HO_E_", 5) == 0));
        CHECK(all[i].value <= HO_DROPPED);
        for (size_t j = 0; j < i; j++)
            CHECK(all[i].value != all[j].value);
    }
    CHECK(HO_OK == 0);
}

static void an_unknown_status_is_named_as_unknown(void **state)
{
    (void)state;
    static const int32_t unknown[] = {HO_DROPPED + 1, HO_E_VERSION - 1, INT32_MAX, INT32_MIN,
                                      -1000};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        const char *name = NULL, *text = NULL;
        CHECK_STATUS(ho_strerror(unknown[i], &name, &text), HO_E_INVAL);
        assert_string_equal(name, "HO_UNKNOWN");
        assert_non_null(text);
    }
}

static void strerror_takes_null_for_what_nobody_wants(void **state)
{
    (void)state;
    const char *name = NULL, *text = NULL;
    CHECK_STATUS(ho_strerror(HO_FULL, NULL, NULL), HO_OK);
    CHECK_STATUS(ho_strerror(HO_FULL, &name, NULL), HO_OK);
    CHECK_STATUS(ho_strerror(HO_FULL, NULL, &text), HO_OK);
    assert_string_equal(name, "HO_FULL");
    assert_non_null(text);
    CHECK_STATUS(ho_strerror(12345, NULL, NULL), HO_E_INVAL);
}

static void names_are_static_storage(void **state)
{
    (void)state;
    const char *first, *second;
    CHECK_STATUS(ho_strerror(HO_E_STALE, &first, NULL), HO_OK);
    CHECK_STATUS(ho_strerror(HO_E_STALE, &second, NULL), HO_OK);
    assert_ptr_equal(first, second);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_status_tells_its_name_and_advice),
    cmocka_unit_test(no_two_statuses_share_a_value_and_errors_are_negative),
    cmocka_unit_test(an_unknown_status_is_named_as_unknown),
    cmocka_unit_test(strerror_takes_null_for_what_nobody_wants),
    cmocka_unit_test(names_are_static_storage),
};

HO_TEST_MAIN(tests)
