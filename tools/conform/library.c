/* SPDX-License-Identifier: MIT */
/* Loads the library and its description. */
#include "conform.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int32_t (*description_fn)(const char **text, uint64_t *bytes);

static void (*symbol(void *library, const char *name, const char *version))(void)
{
    void *found = version == NULL ? NULL : dlvsym(library, name, version);
    if (found == NULL) { /* under another version: the group "symbols" reports it */
        found = dlsym(library, name);
    }
    void (*address)(void);
    memcpy(&address, &found, sizeof address);
    return address;
}

static void *open_library(const char *name)
{
    struct link_map *map;
    if (strchr(name, '/') != NULL) {
        const char *fault = elf_fits(name);
        if (fault != NULL) {
            tool_error("%s: %s", name, fault);
            return NULL;
        }
    }
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL || dlinfo(library, RTLD_DI_LINKMAP, &map) != 0) {
        tool_error("%s: install the library, or name its file with --lib", dlerror());
        return NULL;
    }
    kit.path = map->l_name;
    const char *fault = elf_read(kit.path, &kit.exports);
    if (fault != NULL) {
        tool_error("%s: %s", kit.path, fault);
        return NULL;
    }
    return library;
}

/* The description embedded in the library. */
static bool read_own(void *library, abi_doc **doc)
{
    void (*address)(void) = symbol(library, "ho_abi_description", NULL);
    const char *text = NULL;
    uint64_t bytes = 0;
    abi_error error;
    if (address == NULL) {
        tool_error("%s contains no description of its ABI: name one with --abi", kit.path);
        return false;
    }
    if (((description_fn)address)(&text, &bytes) != 0 || text == NULL) {
        tool_error("%s does not return its description: name one with --abi", kit.path);
        return false;
    }
    if (!abi_md_parse(text, (size_t)bytes, doc, &error)) {
        tool_error("%s: its description, line %u: %s", kit.path, error.line, error.text);
        return false;
    }
    return true;
}

static bool read_named(const char *path, abi_doc **doc)
{
    abi_error error;
    if (!abi_md_load(path, doc, &error)) {
        tool_error("%s:%u: %s", path, error.line, error.text);
        return false;
    }
    return true;
}

static bool prepare_functions(void *library)
{
    const abi_doc *doc = kit.doc;
    kit.functions = calloc(doc->function_count + 1, sizeof *kit.functions);
    for (uint32_t i = 0; kit.functions != NULL && i < doc->function_count; i++) {
        struct function *made = &kit.functions[i];
        made->facts = &doc->functions[i];
        made->params = &doc->params[made->facts->first_param];
        made->address = symbol(library, made->facts->name, made->facts->version);
        for (uint32_t k = 0; k < made->facts->param_count; k++) {
            made->types[k] = ffi_type_of(&made->params[k].type);
        }
        if (ffi_prep_cif(&made->cif, FFI_DEFAULT_ABI, made->facts->param_count, &ffi_type_sint32,
                         made->types) != FFI_OK) {
            tool_error("%s can't be described to libffi: report it with the description",
                       made->facts->name);
            return false;
        }
    }
    return kit.functions != NULL;
}

static int64_t version_part(const abi_doc *doc, const char *name)
{
    const abi_constant *found = doc == NULL ? NULL : abi_md_constant(doc, name);
    return found == NULL ? 0 : found->value;
}

/* Asks, through the frozen prefix only, whether the library and the description match. */
static bool negotiate(void)
{
    static const char *const needed[] = {"size", "major", "minor", "pointer_bits", "little_endian"};
    uint64_t mine[8] = {0}, theirs[8] = {0};
    const uint64_t args[] = {P(mine), P(theirs)};
    const int64_t major = version_part(kit.doc, "HO_ABI_MAJOR");
    const int64_t minor = version_part(kit.doc, "HO_ABI_MINOR");
    const uint64_t values[] = {sizeof mine, (uint64_t)major, (uint64_t)minor, 64, 1};
    const abi_struct *info = abi_md_struct(kit.doc, "ho_abi_info");
    const abi_function *asks = abi_md_function(kit.doc, "ho_abi_negotiate");
    if (info == NULL || asks == NULL || asks->param_count != 2 || info->size < sizeof mine) {
        tool_error("the description lacks ho_abi_info or ho_abi_negotiate, which every version "
                   "has: name another with --abi");
        return false;
    }
    for (uint32_t i = 0; i < sizeof values / sizeof *values; i++) {
        field_set(mine, info->name, needed[i], values[i]);
    }
    field_set(theirs, info->name, "size", sizeof theirs);
    if (function_named(asks->name)->address == NULL) {
        return true; /* the group "symbols" reports it */
    }
    (void)call_with(asks->name, 2, args);
    const int64_t their_major = (int64_t)field_get(theirs, info->name, "major");
    const int64_t their_minor = (int64_t)field_get(theirs, info->name, "minor");
    kit.newer = their_minor > minor;
    if (their_major == major && (major != 0 || their_minor == minor) && their_minor >= minor) {
        return true;
    }
    tool_error("%s has ABI %d.%d, the description has %d.%d: use the description of that "
               "version, or a library of this one",
               kit.path, (int)their_major, (int)their_minor, (int)major, (int)minor);
    return false;
}

bool kit_load(const char *path, const char *abi)
{
    abi_doc *own = NULL, *named = NULL;
    if (abi != NULL && !read_named(abi, &named)) {
        return false;
    }
    void *library = open_library(path);
    if (library == NULL || (named == NULL && !read_own(library, &own))) {
        return false;
    }
    kit.doc = named != NULL ? named : own;
    if (!prepare_functions(library) || !negotiate()) {
        return false;
    }
    if (kit.newer && !read_own(library, &own)) {
        return false;
    }
    kit.own = own;
    return true;
}
