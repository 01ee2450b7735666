/* SPDX-License-Identifier: MIT */
/* L2: what the library reports about itself: to peers of other versions, about its statuses, about
 * its ABI. */
#include "conform.h"

#include <string.h>

/* Asks as a peer whose `field` differs from ours. The library must still describe itself. */
static void ask(const char *field, uint64_t value, const char *expected)
{
    const uint32_t bytes = size_of("ho_abi_info");
    void *mine = room(bytes), *theirs = room(bytes), *theirs_too = room(bytes);
    const uint64_t type = (uint64_t)constant("HO_TYPE_ABI_INFO");
    (void)MUST("HO_OK", "ho_init", type, P(mine), bytes);
    field_set(theirs, "ho_abi_info", "size", bytes);
    field_set(theirs_too, "ho_abi_info", "size", bytes);
    (void)MUST("HO_OK", "ho_abi_negotiate", P(mine), P(theirs));
    field_set(mine, "ho_abi_info", field, value);
    case_step("a peer with %s %llu", field, (unsigned long long)value);
    (void)MUST(expected, "ho_abi_negotiate", P(mine), P(theirs_too));
    EXPECT(memcmp(theirs, theirs_too, bytes) == 0, "it describes itself differently");
}

static void peers(uint32_t which)
{
    const uint64_t major = (uint64_t)constant("HO_ABI_MAJOR");
    const uint64_t minor = (uint64_t)constant("HO_ABI_MINOR");
    (void)which;
    ask("major", major, "HO_OK");
    ask("major", major + 1, "HO_E_VERSION");
    ask("minor", minor + 1, major == 0 ? "HO_E_VERSION" : "HO_OK");
    ask("patch", 99, "HO_OK");
    ask("pointer_bits", 32, "HO_E_VERSION");
    ask("little_endian", 0, "HO_E_VERSION");
    ask("features", UINT64_MAX, "HO_OK");
}

static void statuses(uint32_t which)
{
    const char **name = room(sizeof *name), **text = room(sizeof *text);
    (void)which;
    for (uint32_t i = 0; i < kit.doc->status_count; i++) {
        const abi_status *status = &kit.doc->statuses[i];
        (void)MUST("HO_OK", "ho_strerror", (uint64_t)(int64_t)status->value, P(name), P(text));
        EXPECT(strcmp(*name, status->name) == 0, "%d is called %s, expected %s", status->value,
               *name, status->name);
        EXPECT(strcmp(*text, status->text) == 0, "%s: the text is '%s'", status->name, *text);
    }
    *name = *text = NULL;
    (void)MUST("HO_E_INVAL", "ho_strerror", 12345, P(name), P(text));
    EXPECT(*name != NULL && *text != NULL, "an unknown status has no name or no text");
    EXPECT(strcmp(*name, "HO_UNKNOWN") == 0, "an unknown status is called %s", *name);
}

static void description(uint32_t which)
{
    const char **text = room(sizeof *text);
    uint64_t *bytes = room(sizeof *bytes);
    abi_doc *doc;
    abi_error error;
    (void)which;
    (void)MUST("HO_OK", "ho_abi_description", P(text), P(bytes));
    EXPECT(*text != NULL && strlen(*text) == *bytes, "the text is not as long as it says");
    EXPECT(abi_md_parse(*text, (size_t)*bytes, &doc, &error), "line %u: %s", error.line,
           error.text);
    abi_md_free(doc);
}

void about_cases(void)
{
    case_add("calls", peers, 0, "ho_abi_negotiate: peers that fit and peers that don't");
    case_add("calls", statuses, 0, "ho_strerror: each status as it is described");
    case_add("calls", description, 0, "ho_abi_description: a description that can be read");
}
