/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <stdio.h>
#include <string.h>

static struct scene the_scene;
static _Thread_local char thread_mark;

const void *scene_thread(void)
{
    return &thread_mark;
}

static const abi_callback *callback_named(const char *name)
{
    for (uint32_t i = 0; i < kit.doc->callback_count; i++) {
        if (strcmp(kit.doc->callbacks[i].name, name) == 0) {
            return &kit.doc->callbacks[i];
        }
    }
    case_skip("the description has no callback %s", name);
}

void callback_check_place(const char *name, const char *in_mode)
{
    const abi_callback *callback = callback_named(name);
    for (uint32_t i = 0; i < callback->mode_count; i++) {
        const abi_mode *mode = &kit.doc->modes[callback->first_mode + i];
        if (strcmp(mode->mode, in_mode) == 0) {
            EXPECT(abi_list_has(mode->runs_in, call_running()), "%s of mode %s ran in '%s'", name,
                   mode->mode, call_running());
        }
    }
}

static void check_record(struct scene *scene, const char *rec)
{
    const uint64_t token = field_get(rec, "ho_release_rec", "token");
    EXPECT(token < SCENE_TOKENS, "released with a token that was not given");
    const unsigned char *base = scene->memory + token * SCENE_BYTES;
    EXPECT(field_get(rec, "ho_release_rec", "base") == P(base) &&
               field_get(rec, "ho_release_rec", "size") == SCENE_BYTES,
           "token %u: base or size are not as given", (unsigned)token);
    EXPECT(field_get(rec, "ho_release_rec", "owner") == scene->owner, "released to another owner");
    EXPECT(atomic_fetch_add(&scene->tokens[token].times, 1) == 0, "token %u was released twice",
           (unsigned)token);
    scene->tokens[token].reason = (uint32_t)field_get(rec, "ho_release_rec", "reason");
    scene->tokens[token].thread = scene_thread();
}

static void on_release(ffi_cif *cif, void *result, void **args, void *user)
{
    struct scene *scene = user;
    const char *recs = *(const char **)args[1];
    const uint32_t count = *(const uint32_t *)args[2];
    (void)cif;
    (void)result;
    EXPECT(*(void **)args[0] == user, "ho_release_fn got another ctx");
    EXPECT(count > 0, "ho_release_fn got no record");
    EXPECT(atomic_load(&scene->retired) == 0, "a release after its owner was retired");
    callback_check_place("ho_release_fn", scene->mode);
    for (uint32_t i = 0; i < count; i++) {
        check_record(scene, recs + (size_t)i * size_of("ho_release_rec"));
    }
    if (scene->inside != NULL) {
        scene->inside(scene);
    }
    atomic_fetch_add(&scene->released, count);
}

uint64_t closure_make(const char *name, closure_fn run, void *user)
{
    static struct {
        ffi_cif cif;
        ffi_type *types[ABI_PARAMS_MAX];
    } made[CLOSURES_MAX];
    static uint32_t made_count;
    const abi_callback *callback = callback_named(name);
    void *code;
    ffi_closure *closure = ffi_closure_alloc(sizeof *closure, &code);
    EXPECT(closure != NULL && made_count < CLOSURES_MAX, "libffi gives no closure on this system");
    for (uint32_t i = 0; i < callback->param_count; i++) {
        made[made_count].types[i] = ffi_type_of(&kit.doc->params[callback->first_param + i].type);
    }
    EXPECT(ffi_prep_cif(&made[made_count].cif, FFI_DEFAULT_ABI, callback->param_count,
                        &ffi_type_void, made[made_count].types) == FFI_OK &&
               ffi_prep_closure_loc(closure, &made[made_count].cif, run, user, code) == FFI_OK,
           "libffi makes no closure of %s", name);
    made_count++;
    return P(code);
}

bool scene_is_inline(const struct scene *scene)
{
    return strcmp(scene->mode, "HO_RELEASE_INLINE") == 0;
}

void scene_register(struct scene *scene)
{
    static uint64_t release;
    uint32_t *owner = room(sizeof *owner);
    void *opts = struct_make(struct_named("ho_owner_opts"));
    if (release == 0) {
        release = closure_make("ho_release_fn", on_release, scene);
    }
    field_set(opts, "ho_owner_opts", "mode", (uint64_t)constant(scene->mode));
    field_set(opts, "ho_owner_opts", "release", release);
    field_set(opts, "ho_owner_opts", "ctx", P(scene));
    (void)MUST("HO_OK", "ho_owner_register", P(scene->domain), P(opts), P(owner));
    scene->owner = *owner;
}

struct scene *scene_make(const char *mode, const char *policy, uint32_t slots)
{
    struct scene *scene = &the_scene;
    void **handles = room(6 * sizeof *handles);
    void *opts = struct_make(struct_named("ho_service_opts"));
    field_set(opts, "ho_service_opts", "policy", (uint64_t)constant(policy));
    field_set(opts, "ho_service_opts", "lane_slots", slots);
    domain_make(&handles[0]);
    (void)MUST("HO_OK", "ho_service_open", P(handles[0]), P(opts), P(&handles[1]));
    memory_make(handles[0], &handles[4], &handles[5]);
    (void)MUST("HO_OK", "ho_producer_open", P(handles[1]), P(handles[5]), P(&handles[2]));
    (void)MUST("HO_OK", "ho_consumer_open", P(handles[1]), P(NULL), P(&handles[3]));
    scene->domain = handles[0];
    scene->service = handles[1];
    scene->producer = handles[2];
    scene->consumer = handles[3];
    scene->arena = handles[4];
    scene->shard = handles[5];
    scene->mode = mode;
    scene->memory = room(SCENE_TOKENS * SCENE_BYTES);
    scene_register(scene);
    return scene;
}

void *scene_bufs(struct scene *scene, uint32_t first, uint32_t count)
{
    char *bufs = room((size_t)count * size_of("ho_buf"));
    for (uint32_t i = 0; i < count; i++) {
        void *at = bufs + (size_t)i * size_of("ho_buf");
        field_set(at, "ho_buf", "ptr", P(scene->memory + (size_t)(first + i) * SCENE_BYTES));
        field_set(at, "ho_buf", "len", SCENE_BYTES / 2);
        field_set(at, "ho_buf", "cap", SCENE_BYTES);
        field_set(at, "ho_buf", "handle", first + i);
        field_set(at, "ho_buf", "owner", scene->owner);
    }
    return bufs;
}

void scene_give(struct scene *scene, uint32_t first, uint32_t count)
{
    uint32_t *accepted = room(sizeof *accepted);
    (void)MUST("HO_OK", "ho_give", P(scene->producer), P(scene_bufs(scene, first, count)), count, 0,
               P(accepted));
    EXPECT(*accepted == count, "ho_give: %u of %u were accepted", *accepted, count);
}

void *scene_take(struct scene *scene, uint32_t count)
{
    uint32_t *taken = room(sizeof *taken);
    char *bufs = room((size_t)count * size_of("ho_buf"));
    (void)MUST("HO_OK", "ho_take", P(scene->consumer), P(bufs), count, P(taken));
    EXPECT(*taken == count, "ho_take: %u of %u were there", *taken, count);
    return bufs;
}

void scene_return(struct scene *scene, void *bufs, uint32_t count)
{
    (void)MUST("HO_OK", "ho_return", P(scene->domain), P(bufs), count, P(NULL));
}

uint32_t scene_drain(struct scene *scene)
{
    const uint32_t before = atomic_load(&scene->released);
    if (!scene_is_inline(scene)) {
        (void)MUST("HO_OK HO_EMPTY", "ho_owner_drain", P(scene->domain), scene->owner, UINT32_MAX,
                   P(NULL));
    }
    return atomic_load(&scene->released) - before;
}

void scene_expect(const struct scene *scene, uint32_t released)
{
    EXPECT(atomic_load(&scene->released) == released, "%u releases, expected %u",
           atomic_load(&scene->released), released);
}
