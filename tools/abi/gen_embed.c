/* SPDX-License-Identifier: MIT */
/* The version script, and what the library embeds: the text, and the compiled table. */
#include <inttypes.h>
#include <string.h>

#include "gen.h"

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++) {
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    }
    return hash;
}

uint64_t gen_layout_hash(const abi_doc *doc)
{
    char line[512];
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < doc->struct_count; i++) {
        const abi_struct *item = &doc->structs[i];
        snprintf(line, sizeof line, "%s %" PRIu32 "\n", item->name, item->size);
        hash = hash_text(hash, line);
        for (uint32_t k = 0; k < item->field_count; k++) {
            const abi_field *field = &doc->fields[item->first_field + k];
            snprintf(line, sizeof line, "%s.%s %" PRIu32 " %" PRIu32 "\n", item->name, field->name,
                     field->offset, field->size);
            hash = hash_text(hash, line);
        }
    }
    return hash;
}

static void write_node(const abi_doc *doc, const char *version, const char *former, FILE *out)
{
    fprintf(out, "%s {\n    global:\n", version);
    for (uint32_t i = 0; i < doc->function_count; i++) {
        if (strcmp(doc->functions[i].version, version) == 0) {
            fprintf(out, "        %s;\n", doc->functions[i].name);
        }
    }
    fprintf(out, former == NULL ? "    local:\n        *;\n};\n" : "} %s;\n", former);
}

static bool is_first(const abi_doc *doc, uint32_t which)
{
    for (uint32_t i = 0; i < which; i++) {
        if (strcmp(doc->functions[i].version, doc->functions[which].version) == 0) {
            return false;
        }
    }
    return true;
}

void gen_map(const abi_input *input, FILE *out)
{
    const abi_doc *doc = input->doc;
    const char *former = NULL;
    fputs("/* Made from the description of the ABI: change that. */\n", out);
    for (uint32_t i = 0; i < doc->function_count; i++) {
        if (is_first(doc, i)) {
            write_node(doc, doc->functions[i].version, former, out);
            former = doc->functions[i].version;
        }
    }
}

void gen_embed_header(const abi_input *input, FILE *out)
{
    const abi_doc *doc = input->doc;
    fprintf(out,
            "/* SPDX-License-Identifier: MIT */\n"
            "/* Made from the description of the ABI: change that. */\n"
            "#ifndef HOI_ABI_EMBED_H\n"
            "#define HOI_ABI_EMBED_H\n\n"
            "#include \"handoff/abi.h\"\n\n"
            "#define HOI_ABI_LAYOUT_HASH UINT64_C(0x%016" PRIx64 ")\n"
            "#define HOI_ABI_TEXT_BYTES %zuu\n"
            "#define HOI_ABI_ROWS %" PRIu32 "u\n\n"
            "extern const char hoi_abi_text[HOI_ABI_TEXT_BYTES + 1]; /* a zero byte ends it */\n"
            "extern const ho_abi_row hoi_abi_rows[HOI_ABI_ROWS];\n\n"
            "#endif\n",
            gen_layout_hash(doc), doc->source_bytes,
            doc->struct_count + doc->field_count + doc->constant_count + doc->status_count);
}

static void write_rows(const abi_doc *doc, FILE *out)
{
    for (uint32_t i = 0; i < doc->struct_count; i++) {
        const abi_struct *item = &doc->structs[i];
        fprintf(out, "    STRUCT(%s),\n", item->name);
        for (uint32_t k = 0; k < item->field_count; k++) {
            fprintf(out, "    FIELD(%s, %s),\n", item->name,
                    doc->fields[item->first_field + k].name);
        }
    }
    for (uint32_t i = 0; i < doc->constant_count; i++) {
        fprintf(out, "    CONSTANT(%s),\n", doc->constants[i].name);
    }
    for (uint32_t i = 0; i < doc->status_count; i++) {
        fprintf(out, "    CONSTANT(%s),\n", doc->statuses[i].name);
    }
}

/* Bytes instead of a string: compilers need not accept a string this long. */
static void write_text(const abi_doc *doc, FILE *out)
{
    fputs("const char hoi_abi_text[HOI_ABI_TEXT_BYTES + 1] = {", out);
    for (size_t i = 0; i < doc->source_bytes; i++) {
        fprintf(out, "%s'\\%03o',", i % 16 == 0 ? "\n    " : "", (uint8_t)doc->source[i]);
    }
    fputs("\n    '\\000'};\n", out);
}

void gen_embed_source(const abi_input *input, FILE *out)
{
    fputs(
        "/* SPDX-License-Identifier: MIT */\n"
        "/* Made from the description of the ABI: change that. The figures are the compiler's. */\n"
        "#include \"abi_embed.h\"\n\n"
        "#include \"handoff/handoff.h\"\n\n"
        "#define ROW(...) {.size = sizeof(ho_abi_row), __VA_ARGS__}\n"
        "#define STRUCT(s) \\\n"
        "    ROW(.kind = HO_ROW_STRUCT, .name = #s, .field = \"\", .size_bytes = sizeof(s))\n"
        "#define FIELD(s, f) \\\n"
        "    ROW(.kind = HO_ROW_FIELD, .name = #s, .field = #f, .offset_bytes = offsetof(s, f), "
        "\\\n"
        "        .size_bytes = sizeof(((s *)0)->f))\n"
        "#define CONSTANT(c) \\\n"
        "    ROW(.kind = HO_ROW_CONSTANT, .name = #c, .field = \"\", .size_bytes = sizeof(c), \\\n"
        "        .value = (c))\n\n"
        "const ho_abi_row hoi_abi_rows[HOI_ABI_ROWS] = {\n",
        out);
    write_rows(input->doc, out);
    fputs("};\n\n", out);
    write_text(input->doc, out);
}
