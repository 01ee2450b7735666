/* SPDX-License-Identifier: MIT */
/* A domain with one object of each type, and valid arguments for each function. */
#include "conform.h"

#include <string.h>

#define GARBAGE 0x5a
#define BYTES 16 /* for every parameter of this name */
#define WORLD_BYTES ((uint64_t)64 << 20)

/* Stands in for every callback; ignores its arguments. */
static void callback_that_does_nothing(void) {}

void *struct_make(const abi_struct *type)
{
    void (*nothing)(void) = callback_that_does_nothing;
    void *made = room(type->size);
    field_set(made, type->name, "size", type->size);
    for (uint32_t i = 0; i < type->field_count; i++) {
        const abi_field *field = &kit.doc->fields[type->first_field + i];
        if (field->type.base == ABI_CALLBACK) {
            memcpy((char *)made + field->offset, &nothing, sizeof nothing);
        }
    }
    return made;
}

void domain_make(void **domain)
{
    void *opts = struct_make(struct_named("ho_domain_opts"));
    field_set(opts, "ho_domain_opts", "max_bytes", WORLD_BYTES);
    (void)MUST("HO_OK", "ho_domain_create", P(opts), P(domain));
}

void memory_make(void *domain, void **arena, void **shard)
{
    (void)MUST("HO_OK", "ho_arena_open", P(domain), P(NULL), P(arena));
    (void)MUST("HO_OK", "ho_shard_open", P(*arena), P(shard));
}

/* Gives, takes and returns one, so that the owner has a release to drain. */
static void queue_a_release(const struct world *world)
{
    void *bufs = world_foreign(world);
    uint32_t *count = room(sizeof *count);
    (void)MUST("HO_OK", "ho_give", P(world->producer), P(bufs), 1, 0, P(count));
    (void)MUST("HO_OK", "ho_take", P(world->consumer), P(bufs), 1, P(count));
    (void)MUST("HO_OK", "ho_return", P(world->domain), P(bufs), 1, P(count));
}

static void send_one(const struct world *world)
{
    (void)MUST("HO_OK", "ho_give_copy", P(world->producer), P(world_to_send(world, "ho_give_copy")),
               1, 0, P(NULL));
}

/* A pool with one object acquired. */
static void pool_make(void *arena, void **pool, void *object)
{
    void *opts = struct_make(struct_named("ho_pool_opts"));
    field_set(opts, "ho_pool_opts", "slot_bytes", 32);
    (void)MUST("HO_OK", "ho_pool_open", P(arena), P(opts), P(pool));
    (void)MUST("HO_OK", "ho_pool_acquire", P(*pool), P(object));
}

/* As many bytes as ho_free_sized is told. */
static void *memory_allocated(void *arena)
{
    void **ptr = room(sizeof *ptr);
    (void)MUST("HO_OK", "ho_alloc", P(arena), BYTES, 0, P(ptr));
    return *ptr;
}

void world_make(struct world *world)
{
    struct {
        void *domain, *arena, *shard, *service, *producer, *consumer, *pool;
    } *handles = room(sizeof *handles);
    uint32_t *owner = room(sizeof *owner);
    void *opts = struct_make(struct_named("ho_owner_opts"));
    void *service = struct_make(struct_named("ho_service_opts"));
    domain_make(&handles->domain);
    /* Two partitions, so that another consumer can be opened. */
    field_set(service, "ho_service_opts", "partitions", 2);
    (void)MUST("HO_OK", "ho_service_open", P(handles->domain), P(service), P(&handles->service));
    memory_make(handles->domain, &handles->arena, &handles->shard);
    (void)MUST("HO_OK", "ho_producer_open", P(handles->service), P(handles->shard),
               P(&handles->producer));
    (void)MUST("HO_OK", "ho_consumer_open", P(handles->service), P(NULL), P(&handles->consumer));
    field_set(opts, "ho_owner_opts", "mode", (uint64_t)constant("HO_RELEASE_EVENT"));
    (void)MUST("HO_OK", "ho_owner_register", P(handles->domain), P(opts), P(owner));
    void *object = room(size_of("ho_obj"));
    pool_make(handles->arena, &handles->pool, object);
    *world = (struct world){.domain = handles->domain,
                            .arena = handles->arena,
                            .shard = handles->shard,
                            .service = handles->service,
                            .producer = handles->producer,
                            .consumer = handles->consumer,
                            .pool = handles->pool,
                            .object = object,
                            .memory = memory_allocated(handles->arena),
                            .owner = *owner};
    queue_a_release(world);
    send_one(world);
}

void *world_loan(const struct world *world)
{
    void *loan = room(size_of("ho_buf"));
    (void)MUST("HO_OK", "ho_reserve", P(world->shard), 64, P(NULL), P(loan));
    field_set(loan, "ho_buf", "len", 16);
    return loan;
}

void *world_taken(const struct world *world)
{
    void *taken = room(size_of("ho_buf"));
    uint32_t *count = room(sizeof *count);
    (void)MUST("HO_OK", "ho_take", P(world->consumer), P(taken), 1, P(count));
    return taken;
}

void *world_foreign(const struct world *world)
{
    void *given = room(size_of("ho_buf"));
    field_set(given, "ho_buf", "ptr", P(room(64)));
    field_set(given, "ho_buf", "len", 64);
    field_set(given, "ho_buf", "owner", world->owner);
    field_set(given, "ho_buf", "handle", 7);
    return given;
}

/* ---- arguments */

static void *handle_of(const struct world *world, const char *name)
{
    const struct {
        const char *name;
        void *handle;
    } known[] = {{"ho_domain", world->domain},     {"ho_arena", world->arena},
                 {"ho_shard", world->shard},       {"ho_service", world->service},
                 {"ho_producer", world->producer}, {"ho_consumer", world->consumer},
                 {"ho_pool", world->pool}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].name, name) == 0) {
            return known[i].handle;
        }
    }
    case_skip("this kit does not know the handle %s", name);
}

static uint64_t number_for(const struct world *world, const char *name)
{
    const struct {
        const char *name;
        uint64_t value;
    } known[] = {{"bytes", BYTES},
                 {"count", 1},
                 {"max", 1},
                 {"len", 1},
                 {"owner", world->owner},
                 {"handle", field_get(world->object, "ho_obj", "handle")},
                 {"type", (uint64_t)constant("HO_TYPE_ABI_INFO")},
                 {"size", size_of("ho_abi_info")}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].name, name) == 0) {
            return known[i].value;
        }
    }
    return 0;
}

static void *garbage(size_t bytes)
{
    return memset(room(bytes), GARBAGE, bytes);
}

void *world_to_send(const struct world *world, const char *function)
{
    if (abi_list_has("ho_commit ho_abort ho_split", function)) {
        return world_loan(world);
    }
    if (strcmp(function, "ho_give_copy") == 0) {
        void *from = room(size_of("ho_buf"));
        field_set(from, "ho_buf", "ptr", P(room(64)));
        field_set(from, "ho_buf", "len", 64);
        return from;
    }
    return strcmp(function, "ho_give") == 0 ? world_foreign(world) : world_taken(world);
}

static void *struct_for(const struct world *world, const char *function, const abi_param *param)
{
    const abi_struct *type = &kit.doc->structs[param->type.index];
    if (param->direction == ABI_OUT) {
        return garbage(type->size);
    }
    if (strcmp(type->name, "ho_buf") == 0) {
        return world_to_send(world, function);
    }
    if (strcmp(type->name, "ho_obj") == 0) {
        return world->object;
    }
    void *made = struct_make(type);
    if (strcmp(type->name, "ho_pool_opts") == 0) {
        field_set(made, type->name, "slot_bytes", 32);
    }
    if (strcmp(type->name, "ho_abi_info") == 0) { /* a caller of this very version */
        (void)MUST("HO_OK", "ho_init", (uint64_t)constant("HO_TYPE_ABI_INFO"), P(made), type->size);
    }
    return made;
}

static uint64_t argument_for(const struct world *world, const char *function,
                             const abi_param *param)
{
    const abi_type *type = &param->type;
    if (type->stars == 0) {
        return number_for(world, param->name);
    }
    if (type->stars == 2) {
        return P(garbage(sizeof(void *)));
    }
    if (type->base == ABI_HANDLE) {
        return P(handle_of(world, kit.doc->handles[type->index].name));
    }
    if (param->direction == ABI_IN && strcmp(param->name, "ptr") == 0) {
        return P(world->memory); /* to be freed */
    }
    if (param->direction == ABI_INOUT && type->base == ABI_U64) {
        return P(room(sizeof(uint64_t))); /* a cursor, at the start */
    }
    return P(type->base == ABI_STRUCT ? struct_for(world, function, param)
                                      : garbage(type->base == ABI_VOID ? 64 : sizeof(uint64_t)));
}

void world_args(const struct world *world, const struct function *function, uint64_t *args)
{
    for (uint32_t i = 0; i < function->facts->param_count; i++) {
        args[i] = argument_for(world, function->facts->name, &function->params[i]);
    }
}

const char *world_status(const char *function)
{
    if (abi_list_has("ho_domain_close ho_arena_close ho_service_close ho_owner_retire", function)) {
        return "HO_TIMEOUT"; /* the ends are open, a release is queued */
    }
    return abi_list_has("ho_domain_destroy ho_shard_close ho_shard_fd ho_pool_close", function)
               ? "HO_E_BUSY"
               : "HO_OK";
}
