/* SPDX-License-Identifier: MIT */
/*
 * Static assertions for C11 and C++11. Each follows its own #line, so that the compiler's error
 * names the line of the description.
 */
#include <inttypes.h>
#include <string.h>

#include "gen.h"

static const char asserts_head[] =
    "/* SPDX-License-Identifier: MIT */\n"
    "/* Made from the description of the ABI: change that. Holds the headers to it. */\n"
    "#ifndef HO_ABI_ASSERTS_H\n"
    "#define HO_ABI_ASSERTS_H\n\n"
    "#include \"handoff/handoff.h\"\n\n"
    "#ifdef __cplusplus\n"
    "#include <type_traits>\n"
    "#include <utility>\n"
    "#define HO_ABI_ASSERT_(condition, text) static_assert(condition, text)\n"
    "#define HO_ABI_ALIGN_(type) alignof(type)\n"
    "#define HO_ABI_FIELD_(type, field) (&std::declval<type &>().field)\n"
    "#define HO_ABI_SAME_(expression, ...) std::is_same<decltype(expression), __VA_ARGS__>::value\n"
    "#define HO_ABI_ALIAS_(type, ...) std::is_same<type, __VA_ARGS__>::value\n"
    "#else\n"
    "#define HO_ABI_ASSERT_(condition, text) _Static_assert(condition, text)\n"
    "#define HO_ABI_ALIGN_(type) _Alignof(type)\n"
    "#define HO_ABI_FIELD_(type, field) (&((type *)0)->field)\n"
    "#define HO_ABI_SAME_(expression, ...) _Generic((expression), __VA_ARGS__: 1, default: 0)\n"
    "#define HO_ABI_ALIAS_(type, ...) HO_ABI_SAME_((type)0, __VA_ARGS__)\n"
    "#endif\n\n"
    "/* noexcept is part of a function's type since C++17. */\n"
    "#if defined(__cplusplus) && __cplusplus >= 201703L\n"
    "#define HO_ABI_NOEXCEPT_ noexcept\n"
    "#else\n"
    "#define HO_ABI_NOEXCEPT_\n"
    "#endif\n\n";

static const char asserts_tail[] = "\n#undef HO_ABI_ASSERT_\n"
                                   "#undef HO_ABI_ALIGN_\n"
                                   "#undef HO_ABI_FIELD_\n"
                                   "#undef HO_ABI_SAME_\n"
                                   "#undef HO_ABI_ALIAS_\n"
                                   "#undef HO_ABI_NOEXCEPT_\n"
                                   "#endif\n";

static void write_line(const abi_input *input, uint32_t line, FILE *out)
{
    fprintf(out, "#line %" PRIu32 " \"", line);
    for (const char *c = input->path; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            putc('\\', out);
        }
        putc(*c, out);
    }
    fputs("\"\n", out);
}

/* A pointer to the type: the type of a field's address. */
static void write_pointer_to(const char *type, FILE *out)
{
    const size_t length = strcspn(type, "[");
    fprintf(out, type[length] == '[' ? "%.*s (*)%s" : "%.*s *%s", (int)length, type, type + length);
}

static void write_field(const abi_input *input, const abi_struct *item, const abi_field *field,
                        FILE *out)
{
    const char *s = item->name, *f = field->name;
    write_line(input, field->line, out);
    fprintf(out,
            "HO_ABI_ASSERT_(offsetof(%s, %s) == %" PRIu32 ", \"%s.%s: offset is not %" PRIu32
            ", as line %" PRIu32 " of abi.md says\");\n",
            s, f, field->offset, s, f, field->offset, field->line);
    write_line(input, field->line, out);
    fprintf(out,
            "HO_ABI_ASSERT_(sizeof(*HO_ABI_FIELD_(%s, %s)) == %" PRIu32
            ", \"%s.%s: size is not %" PRIu32 ", as line %" PRIu32 " of abi.md says\");\n",
            s, f, field->size, s, f, field->size, field->line);
    write_line(input, field->line, out);
    fprintf(out, "HO_ABI_ASSERT_(HO_ABI_SAME_(HO_ABI_FIELD_(%s, %s), ", s, f);
    write_pointer_to(field->type_text, out);
    fprintf(out, "), \"%s.%s: type is not %s, as line %" PRIu32 " of abi.md says\");\n", s, f,
            field->type_text, field->line);
}

static void write_struct(const abi_input *input, const abi_struct *item, FILE *out)
{
    const uint32_t line = item->facts_line;
    write_line(input, line, out);
    fprintf(out,
            "HO_ABI_ASSERT_(sizeof(%s) == %" PRIu32 ", \"%s: size is not %" PRIu32
            ", as line %" PRIu32 " of abi.md says\");\n",
            item->name, item->size, item->name, item->size, line);
    write_line(input, line, out);
    fprintf(out,
            "HO_ABI_ASSERT_(HO_ABI_ALIGN_(%s) == %" PRIu32 ", \"%s: align is not %" PRIu32
            ", as line %" PRIu32 " of abi.md says\");\n",
            item->name, item->align, item->name, item->align, line);
    for (uint32_t i = 0; i < item->field_count; i++) {
        write_field(input, item, &input->doc->fields[item->first_field + i], out);
    }
}

static void write_constant(const abi_input *input, const abi_constant *constant, FILE *out)
{
    write_line(input, constant->line, out);
    fprintf(out,
            "HO_ABI_ASSERT_(%s == %" PRIi64 " && HO_ABI_SAME_(%s, %s), \"%s: value or type is not "
            "%" PRIi64 ", %s, as line %" PRIu32 " of abi.md says\");\n",
            constant->name, constant->value, constant->name, constant->type_text, constant->name,
            constant->value, constant->type_text, constant->line);
}

/* An enumerator for a status that the header has and the description lacks would be undeclared. */
static void write_statuses(const abi_input *input, FILE *out)
{
    fputs("\nenum {\n", out);
    for (uint32_t i = 0; i < input->doc->status_count; i++) {
        const abi_status *status = &input->doc->statuses[i];
        fprintf(out, "    HO_ABI_MD_%s = %" PRIi32 ",\n", status->name, status->value);
    }
    fputs("    HO_ABI_MD_END\n};\n"
          "#define HO_ABI_STATUS_(name, value, text) HO_ABI_SEEN_##name = HO_ABI_MD_##name,\n",
          out);
    write_line(input, input->doc->statuses[0].line, out);
    fputs("enum { HO_STATUS_MAP(HO_ABI_STATUS_) HO_ABI_SEEN_END };\n#undef HO_ABI_STATUS_\n", out);
    for (uint32_t i = 0; i < input->doc->status_count; i++) {
        const abi_status *status = &input->doc->statuses[i];
        write_line(input, status->line, out);
        fprintf(out,
                "HO_ABI_ASSERT_(%s == %" PRIi32 ", \"%s: value is not %" PRIi32 ", as line %" PRIu32
                " of abi.md says\");\n",
                status->name, status->value, status->name, status->value, status->line);
    }
}

static void write_params(const abi_doc *doc, uint32_t first, uint32_t count, FILE *out)
{
    for (uint32_t i = 0; i < count; i++) {
        fprintf(out, "%s%s", i == 0 ? "" : ", ", doc->params[first + i].type_text);
    }
    fputs(count == 0 ? "void" : "", out);
}

static void write_function(const abi_input *input, const abi_function *function, FILE *out)
{
    write_line(input, function->line, out);
    fprintf(out, "HO_ABI_ASSERT_(HO_ABI_SAME_(&%s, int32_t (*)(", function->name);
    write_params(input->doc, function->first_param, function->param_count, out);
    fprintf(out,
            ") HO_ABI_NOEXCEPT_), \"%s: parameters are not those of line %" PRIu32
            " of abi.md\");\n",
            function->name, function->line);
}

static void write_callback(const abi_input *input, const abi_callback *callback, FILE *out)
{
    write_line(input, callback->line, out);
    fprintf(out, "HO_ABI_ASSERT_(HO_ABI_ALIAS_(%s, void (*)(", callback->name);
    write_params(input->doc, callback->first_param, callback->param_count, out);
    fprintf(out, ")), \"%s: parameters are not those of line %" PRIu32 " of abi.md\");\n",
            callback->name, callback->line);
}

void gen_asserts(const abi_input *input, FILE *out)
{
    const abi_doc *doc = input->doc;
    fputs(asserts_head, out);
    for (uint32_t i = 0; i < doc->constant_count; i++) {
        write_constant(input, &doc->constants[i], out);
    }
    for (uint32_t i = 0; i < doc->struct_count; i++) {
        write_struct(input, &doc->structs[i], out);
    }
    for (uint32_t i = 0; i < doc->callback_count; i++) {
        write_callback(input, &doc->callbacks[i], out);
    }
    for (uint32_t i = 0; i < doc->function_count; i++) {
        write_function(input, &doc->functions[i], out);
    }
    write_statuses(input, out);
    fputs(asserts_tail, out);
}
