/* SPDX-License-Identifier: MIT */
/* Layouts as designed, ho_init and ho_abi_negotiate. */
#include <sys/uio.h>

#include "rig.h"

#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field)

_Static_assert(offsetof(ho_buf, ptr) == offsetof(struct iovec, iov_base), "begins as iovec");
_Static_assert(offsetof(ho_buf, len) == offsetof(struct iovec, iov_len), "begins as iovec");
_Static_assert(sizeof(ho_buf) == 64 && _Alignof(ho_buf) == 8, "one line, asked for as 8");
AT(ho_buf, ptr, 0);
AT(ho_buf, len, 8);
AT(ho_buf, handle, 16);
AT(ho_buf, value, 24);
AT(ho_buf, cap, 32);
AT(ho_buf, owner, 40);
AT(ho_buf, service, 44);
AT(ho_buf, partition, 46);
AT(ho_buf, flags, 48);
AT(ho_buf, hops, 52);
AT(ho_buf, align_log2, 54);
AT(ho_buf, kind, 55);
AT(ho_buf, key, 56);
_Static_assert(sizeof(ho_release_rec) == 32, "half a line");
AT(ho_release_rec, token, 0);
AT(ho_release_rec, base, 8);
AT(ho_release_rec, size, 16);
AT(ho_release_rec, owner, 24);
AT(ho_release_rec, reason, 28);
_Static_assert(sizeof(ho_abi_info) == 64, "frozen for ever");
AT(ho_abi_info, major, 4);
AT(ho_abi_info, features, 16);
AT(ho_abi_info, layout_hash, 24);
AT(ho_abi_info, line_bytes, 32);
AT(ho_abi_info, pointer_bits, 36);
AT(ho_abi_info, little_endian, 40);

static const struct {
    uint32_t type, size, min;
} types[] = {
    {HO_TYPE_ABI_INFO, sizeof(ho_abi_info), 64},
    {HO_TYPE_DOMAIN_OPTS, sizeof(ho_domain_opts), HO_DOMAIN_OPTS_MIN},
    {HO_TYPE_ARENA_OPTS, sizeof(ho_arena_opts), HO_ARENA_OPTS_MIN},
    {HO_TYPE_SERVICE_OPTS, sizeof(ho_service_opts), HO_SERVICE_OPTS_MIN},
    {HO_TYPE_CONSUMER_OPTS, sizeof(ho_consumer_opts), HO_CONSUMER_OPTS_MIN},
    {HO_TYPE_RESERVE_OPTS, sizeof(ho_reserve_opts), HO_RESERVE_OPTS_MIN},
    {HO_TYPE_OWNER_OPTS, sizeof(ho_owner_opts), HO_OWNER_OPTS_MIN},
    {HO_TYPE_ARENA_STATS, sizeof(ho_arena_stats), HO_ARENA_STATS_MIN},
    {HO_TYPE_SERVICE_STATS, sizeof(ho_service_stats), HO_SERVICE_STATS_MIN},
    {HO_TYPE_OUTSTANDING, sizeof(ho_outstanding), HO_OUTSTANDING_MIN},
    {HO_TYPE_ABI_ROW, sizeof(ho_abi_row), HO_ABI_ROW_MIN},
    {HO_TYPE_POOL_OPTS, sizeof(ho_pool_opts), HO_POOL_OPTS_MIN},
    {HO_TYPE_POOL_STATS, sizeof(ho_pool_stats), HO_POOL_STATS_MIN},
    {HO_TYPE_POOL_LEAKS, sizeof(ho_pool_leaks), HO_POOL_LEAKS_MIN},
};
#define TYPES_COUNT (sizeof types / sizeof *types)

static void every_minimum_is_within_the_struct(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPES_COUNT; i++) {
        CHECK(types[i].min <= types[i].size);
        CHECK(types[i].size % 8 == 0);
    }
}

/* Checks that exactly `size` bytes are written: zero behind the size field. */
static void check_init(uint32_t type, uint32_t size)
{
    uint8_t bytes[512];
    uint32_t written;
    memset(bytes, 0xa5, sizeof bytes);
    CHECK_STATUS(ho_init(type, bytes, size), HO_OK);
    memcpy(&written, bytes, sizeof written);
    CHECK(written == size);
    for (size_t at = 4; at < sizeof bytes; at++)
        if (at >= size)
            CHECK(bytes[at] == 0xa5);
        else if (type != HO_TYPE_ABI_INFO || at >= 64)
            CHECK(bytes[at] == 0);
}

static void init_zeroes_what_the_caller_knows_and_sets_the_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPES_COUNT; i++) {
        check_init(types[i].type, types[i].min);
        check_init(types[i].type, types[i].size);
        check_init(types[i].type, types[i].size + 64);
    }
}

static void init_refuses_sizes_below_the_minimum_and_writes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPES_COUNT; i++) {
        uint8_t bytes[512];
        memset(bytes, 0xa5, sizeof bytes);
        CHECK_STATUS(ho_init(types[i].type, bytes, 0), HO_E_SIZE);
        CHECK_STATUS(ho_init(types[i].type, bytes, 4), HO_E_SIZE);
        CHECK_STATUS(ho_init(types[i].type, bytes, types[i].min - 1), HO_E_SIZE);
        for (size_t at = 0; at < sizeof bytes; at++)
            CHECK(bytes[at] == 0xa5);
    }
}

static void init_refuses_null_and_unknown_types(void **state)
{
    (void)state;
    uint8_t bytes[512];
    memset(bytes, 0xa5, sizeof bytes);
    for (size_t i = 0; i < TYPES_COUNT; i++)
        CHECK_STATUS(ho_init(types[i].type, NULL, types[i].size), HO_E_INVAL);
    CHECK_STATUS(ho_init(0, bytes, sizeof bytes), HO_E_INVAL);
    CHECK_STATUS(ho_init(HO_TYPE_POOL_LEAKS + 1, bytes, sizeof bytes), HO_E_INVAL);
    CHECK_STATUS(ho_init(UINT32_MAX, bytes, sizeof bytes), HO_E_INVAL);
    for (size_t at = 0; at < sizeof bytes; at++)
        CHECK(bytes[at] == 0xa5);
}

static ho_abi_info library_info(void)
{
    ho_abi_info info;
    CHECK_STATUS(ho_init(HO_TYPE_ABI_INFO, &info, sizeof info), HO_OK);
    return info;
}

static void init_of_abi_info_tells_the_library(void **state)
{
    (void)state;
    ho_abi_info info = library_info();
    CHECK(info.size == sizeof info);
    CHECK(info.major == HO_ABI_MAJOR);
    CHECK(info.minor == HO_ABI_MINOR);
    CHECK(info.patch == HO_ABI_PATCH);
    CHECK(info.features == 0);
    CHECK(info.layout_hash != 0);
    CHECK(info.line_bytes >= 64 && (info.line_bytes & (info.line_bytes - 1)) == 0);
    CHECK(info.pointer_bits == 8 * sizeof(void *));
    CHECK(info.little_endian == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__));
    CHECK(info.reserved0 == 0 && info.reserved1[0] == 0 && info.reserved1[1] == 0);
}

static void negotiate_accepts_a_caller_built_for_this_library(void **state)
{
    (void)state;
    ho_abi_info mine = library_info(), theirs = {.size = sizeof theirs};
    CHECK_STATUS(ho_abi_negotiate(&mine, NULL), HO_OK);
    CHECK_STATUS(ho_abi_negotiate(&mine, &theirs), HO_OK);
    assert_memory_equal(&mine, &theirs, sizeof mine);
    mine.patch++;
    CHECK_STATUS(ho_abi_negotiate(&mine, NULL), HO_OK);
}

static void negotiate_refuses_another_abi_and_still_tells_its_own(void **state)
{
    (void)state;
    ho_abi_info right = library_info();
    for (int what = 0; what < 4; what++) {
        ho_abi_info mine = right, theirs = {.size = sizeof theirs};
        mine.major += what == 0;
        mine.minor += what == 1; /* while major is 0 */
        mine.pointer_bits = what == 2 ? 32 : mine.pointer_bits;
        mine.little_endian = what == 3 ? !mine.little_endian : mine.little_endian;
        CHECK_STATUS(ho_abi_negotiate(&mine, &theirs), HO_E_VERSION);
        assert_memory_equal(&right, &theirs, sizeof right);
    }
}

static void negotiate_refuses_null_and_short_structs(void **state)
{
    (void)state;
    ho_abi_info mine = library_info(), theirs = {.size = sizeof theirs};
    CHECK_STATUS(ho_abi_negotiate(NULL, NULL), HO_E_INVAL);
    CHECK_STATUS(ho_abi_negotiate(NULL, &theirs), HO_E_INVAL);
    theirs.size = 63;
    CHECK_STATUS(ho_abi_negotiate(&mine, &theirs), HO_E_SIZE);
    theirs.size = 0;
    CHECK_STATUS(ho_abi_negotiate(&mine, &theirs), HO_E_SIZE);
    mine.size = 63;
    CHECK_STATUS(ho_abi_negotiate(&mine, NULL), HO_E_SIZE);
    mine.size = 0;
    CHECK_STATUS(ho_abi_negotiate(&mine, NULL), HO_E_SIZE);
}

static void negotiate_writes_to_a_newer_caller_what_it_knows(void **state)
{
    (void)state;
    struct {
        ho_abi_info info;
        uint8_t tail[64];
    } theirs;
    memset(&theirs, 0xa5, sizeof theirs);
    theirs.info.size = sizeof theirs;
    ho_abi_info mine = library_info();
    CHECK_STATUS(ho_abi_negotiate(&mine, &theirs.info), HO_OK);
    CHECK(theirs.info.layout_hash == mine.layout_hash);
    CHECK(theirs.info.reserved1[1] == 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_minimum_is_within_the_struct),
    cmocka_unit_test(init_zeroes_what_the_caller_knows_and_sets_the_size),
    cmocka_unit_test(init_refuses_sizes_below_the_minimum_and_writes_nothing),
    cmocka_unit_test(init_refuses_null_and_unknown_types),
    cmocka_unit_test(init_of_abi_info_tells_the_library),
    cmocka_unit_test(negotiate_accepts_a_caller_built_for_this_library),
    cmocka_unit_test(negotiate_refuses_another_abi_and_still_tells_its_own),
    cmocka_unit_test(negotiate_refuses_null_and_short_structs),
    cmocka_unit_test(negotiate_writes_to_a_newer_caller_what_it_knows),
};

HO_TEST_MAIN(tests)
