/* SPDX-License-Identifier: MIT */
/* Calls through libffi, with canaries around everything that the library may write to. */
#include "conform.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CANARY UINT64_C(0xa5c35a3c96e1781e)
#define CANARY_BYTES 64u
#define ROOMS_MAX 4096u

static _Thread_local const char *running = "";

/* ---- memory */

static struct {
    unsigned char *begin; /* of the canary before it */
    size_t bytes;
} rooms[ROOMS_MAX];
static uint32_t room_count;

static void paint(unsigned char *at)
{
    const uint64_t canary = CANARY;
    for (uint32_t i = 0; i < CANARY_BYTES; i += sizeof canary) {
        memcpy(at + i, &canary, sizeof canary);
    }
}

static bool is_painted(const unsigned char *at)
{
    unsigned char whole[CANARY_BYTES];
    paint(whole);
    return memcmp(at, whole, sizeof whole) == 0;
}

void *room_at(size_t bytes, size_t offset)
{
    const size_t all = offset + bytes + 3 * (size_t)CANARY_BYTES;
    unsigned char *block = aligned_alloc(64, (all + 63) / 64 * 64);
    if (block == NULL || room_count == ROOMS_MAX) {
        case_fail("no memory for what is passed: free some");
    }
    unsigned char *begin = block + offset;
    paint(begin);
    memset(begin + CANARY_BYTES, 0, bytes);
    paint(begin + CANARY_BYTES + bytes);
    rooms[room_count].begin = begin;
    rooms[room_count++].bytes = bytes;
    return begin + CANARY_BYTES;
}

void *room(size_t bytes)
{
    return room_at(bytes, 0);
}

void rooms_check(void)
{
    for (uint32_t i = 0; i < room_count; i++) {
        EXPECT(is_painted(rooms[i].begin),
               "%s wrote before the memory that it was given (%zu bytes)", running, rooms[i].bytes);
        EXPECT(is_painted(rooms[i].begin + CANARY_BYTES + rooms[i].bytes),
               "%s wrote past the memory that it was given (%zu bytes)", running, rooms[i].bytes);
    }
}

void *page_end(size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t all = (bytes + page - 1) / page * page + page;
    unsigned char *pages =
        mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + all - page, page, PROT_NONE) != 0) {
        case_fail("no memory for what is passed: free some");
    }
    return pages + all - page - (bytes + 7) / 8 * 8;
}

/* ---- calls */

ffi_type *ffi_type_of(const abi_type *type)
{
    if (type->stars != 0 || type->base == ABI_CALLBACK) {
        return &ffi_type_pointer;
    }
    switch (type->base) {
    case ABI_CHAR: return &ffi_type_schar;
    case ABI_U8: return &ffi_type_uint8;
    case ABI_U16: return &ffi_type_uint16;
    case ABI_U32: return &ffi_type_uint32;
    case ABI_I32: return &ffi_type_sint32;
    case ABI_I64: return &ffi_type_sint64;
    case ABI_U64:
    case ABI_SIZE: return &ffi_type_uint64;
    default: return &ffi_type_void;
    }
}

struct function *function_named(const char *name)
{
    for (uint32_t i = 0; i < kit.doc->function_count; i++) {
        if (strcmp(kit.functions[i].facts->name, name) == 0) {
            return &kit.functions[i];
        }
    }
    case_skip("the description has no function %s", name);
}

static int32_t call(struct function *function, const uint64_t *args)
{
    struct {
        uint64_t before;
        ffi_arg value;
        uint64_t after;
    } result = {.before = CANARY, .value = 0, .after = CANARY};
    uint64_t values[ABI_PARAMS_MAX]; /* low bytes first */
    void *places[ABI_PARAMS_MAX];
    for (uint32_t i = 0; i < function->facts->param_count; i++) {
        values[i] = args[i];
        places[i] = &values[i];
    }
    const char *outer = running;
    running = function->facts->name;
    ffi_call(&function->cif, function->address, &result.value, places);
    EXPECT(result.before == CANARY && result.after == CANARY,
           "%s wrote past its return value of 8 bytes", running);
    rooms_check();
    running = outer;
    return (int32_t)(uint32_t)result.value;
}

int32_t call_with(const char *name, uint32_t count, const uint64_t *args)
{
    struct function *function = function_named(name);
    if (function->address == NULL) {
        case_skip("%s is not exported", name);
    }
    if (function->facts->param_count != count) {
        case_skip("%s takes %u arguments here, this kit passes %u", name,
                  function->facts->param_count, count);
    }
    const int32_t status = call(function, args);
    EXPECT(abi_list_has(function->facts->returns, status_name(status)),
           "%s returned %d (%s), which its table does not list", name, status, status_name(status));
    return status;
}

const char *call_running(void)
{
    return running;
}

int32_t must_be(const char *statuses, const char *name, int32_t status)
{
    EXPECT(abi_list_has(statuses, status_name(status)), "%s: expected %s, got %s", name, statuses,
           status_name(status));
    return status;
}
