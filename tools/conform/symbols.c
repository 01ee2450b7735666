/* SPDX-License-Identifier: MIT */
/* L0: every name and every version, both ways. */
#include "conform.h"

#include <string.h>

static const struct elf_symbol *exported(const char *name, const char *version)
{
    for (uint32_t i = 0; i < kit.exports.symbol_count; i++) {
        const struct elf_symbol *found = &kit.exports.symbols[i];
        if (strcmp(found->name, name) == 0 &&
            (version == NULL || strcmp(found->version, version) == 0)) {
            return found;
        }
    }
    return NULL;
}

static void is_exported(uint32_t which)
{
    const abi_function *function = &kit.doc->functions[which];
    const struct elf_symbol *any = exported(function->name, NULL);
    const struct elf_symbol *right = exported(function->name, function->version);
    EXPECT(any != NULL, "%s is not exported", function->name);
    EXPECT(right != NULL, "%s is exported as '%s', expected %s", function->name, any->version,
           function->version);
    EXPECT(!right->hidden, "%s@%s is hidden: programs can't be linked with it", function->name,
           function->version);
}

/* For a newer library, its own description says what the one at hand can't know. */
static bool has_function(const abi_doc *doc, const struct elf_symbol *symbol)
{
    const abi_function *function = doc == NULL ? NULL : abi_md_function(doc, symbol->name);
    return function != NULL && strcmp(function->version, symbol->version) == 0;
}

static void nothing_else_is_exported(uint32_t which)
{
    (void)which;
    for (uint32_t i = 0; i < kit.exports.symbol_count; i++) {
        const struct elf_symbol *symbol = &kit.exports.symbols[i];
        EXPECT(has_function(kit.doc, symbol) || has_function(kit.own, symbol),
               "%s@%s is exported and not described", symbol->name, symbol->version);
    }
}

static bool has_version(const abi_doc *doc, const char *version)
{
    for (uint32_t i = 0; doc != NULL && i < doc->function_count; i++) {
        if (strcmp(doc->functions[i].version, version) == 0) {
            return true;
        }
    }
    return false;
}

static void versions_are_those_described(uint32_t which)
{
    (void)which;
    for (uint32_t i = 0; i < kit.exports.version_count; i++) {
        const char *version = kit.exports.versions[i];
        EXPECT(has_version(kit.doc, version) || has_version(kit.own, version),
               "version %s is defined and not described", version);
    }
}

void symbols_cases(void)
{
    for (uint32_t i = 0; i < kit.doc->function_count; i++) {
        case_add("symbols", is_exported, i, "%s is exported as %s", kit.doc->functions[i].name,
                 kit.doc->functions[i].version);
    }
    case_add("symbols", nothing_else_is_exported, 0, "nothing else is exported");
    case_add("symbols", versions_are_those_described, 0, "no other version is defined");
}
