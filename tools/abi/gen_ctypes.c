/* SPDX-License-Identifier: MIT */
/* The description as a Python module over ctypes: types, constants, and a loader with prototypes. */
#include <inttypes.h>

#include "gen.h"

static const char ctypes_head[] =
    "# SPDX-License-Identifier: MIT\n"
    "\"\"\"Made from abi.md: change that. Names are those of the C headers.\"\"\"\n"
    "import ctypes as c\n\n";

static const char ctypes_tail[] =
    "\n\ndef load(path):\n"
    "    \"\"\"The library, with the prototypes of its functions.\"\"\"\n"
    "    library = c.CDLL(path)\n"
    "    for name, arguments in PROTOTYPES.items():\n"
    "        function = getattr(library, name)\n"
    "        function.argtypes = arguments\n"
    "        function.restype = c.c_int32\n"
    "    return library\n";

/* `stars` of the type's pointers, down to what they point to. */
static void write_pointers(const abi_doc *doc, const abi_type *type, uint32_t stars, FILE *out)
{
    static const char *const scalars[] = {
        [ABI_CHAR] = "c.c_char",  [ABI_U8] = "c.c_uint8",    [ABI_U16] = "c.c_uint16",
        [ABI_U32] = "c.c_uint32", [ABI_U64] = "c.c_uint64",  [ABI_I32] = "c.c_int32",
        [ABI_I64] = "c.c_int64",  [ABI_SIZE] = "c.c_size_t",
    };
    if (stars == 1 && (type->base == ABI_VOID || type->base == ABI_CHAR)) {
        fputs(type->base == ABI_VOID ? "c.c_void_p" : "c.c_char_p", out);
    } else if (stars > 0) {
        fputs("c.POINTER(", out);
        write_pointers(doc, type, stars - 1, out);
        fputc(')', out);
    } else {
        switch (type->base) {
        case ABI_HANDLE: fputs(doc->handles[type->index].name, out); break;
        case ABI_STRUCT: fputs(doc->structs[type->index].name, out); break;
        case ABI_CALLBACK: fputs(doc->callbacks[type->index].name, out); break;
        default: fputs(scalars[type->base], out); break;
        }
    }
}

static void write_ctypes_type(const abi_doc *doc, const abi_type *type, FILE *out)
{
    write_pointers(doc, type, type->stars, out);
    if (type->is_array) {
        fprintf(out, " * %" PRIu32, type->count);
    }
}

static void write_values(const abi_doc *doc, FILE *out)
{
    for (uint32_t i = 0; i < doc->constant_count; i++) {
        fprintf(out, "%s = %" PRIi64 "\n", doc->constants[i].name, doc->constants[i].value);
    }
    for (uint32_t i = 0; i < doc->status_count; i++) {
        fprintf(out, "%s = %" PRIi32 "\n", doc->statuses[i].name, doc->statuses[i].value);
    }
}

/* Names first: structs and callbacks refer to each other. */
static void write_classes(const abi_doc *doc, FILE *out)
{
    for (uint32_t i = 0; i < doc->handle_count; i++) {
        fprintf(out, "\n\nclass %s(c.Structure):\n    \"\"\"A handle: %s.\"\"\"\n",
                doc->handles[i].name, doc->handles[i].meaning);
    }
    for (uint32_t i = 0; i < doc->struct_count; i++) {
        fprintf(out, "\n\nclass %s(c.Structure):\n    pass\n", doc->structs[i].name);
    }
    fputs("\n\n", out);
    for (uint32_t i = 0; i < doc->callback_count; i++) {
        const abi_callback *callback = &doc->callbacks[i];
        fprintf(out, "%s = c.CFUNCTYPE(\n    None", callback->name);
        for (uint32_t k = 0; k < callback->param_count; k++) {
            fputs(", ", out);
            write_ctypes_type(doc, &doc->params[callback->first_param + k].type, out);
        }
        fputs(")\n", out);
    }
}

static void write_fields(const abi_doc *doc, FILE *out)
{
    for (uint32_t i = 0; i < doc->struct_count; i++) {
        const abi_struct *item = &doc->structs[i];
        fprintf(out, "%s._fields_ = [\n", item->name);
        for (uint32_t k = 0; k < item->field_count; k++) {
            const abi_field *field = &doc->fields[item->first_field + k];
            fprintf(out, "    (\"%s\", ", field->name);
            write_ctypes_type(doc, &field->type, out);
            fputs("),\n", out);
        }
        fputs("]\n", out);
    }
    fputs("\nSTRUCTS = (\n", out);
    for (uint32_t i = 0; i < doc->struct_count; i++) {
        fprintf(out, "    %s,\n", doc->structs[i].name);
    }
    fputs(")\n", out);
}

static void write_prototypes(const abi_doc *doc, FILE *out)
{
    fputs("\nPROTOTYPES = {\n", out);
    for (uint32_t i = 0; i < doc->function_count; i++) {
        const abi_function *function = &doc->functions[i];
        fprintf(out, "    \"%s\": [", function->name);
        for (uint32_t k = 0; k < function->param_count; k++) {
            fputs(k == 0 ? "" : ", ", out);
            write_ctypes_type(doc, &doc->params[function->first_param + k].type, out);
        }
        fputs("],\n", out);
    }
    fputs("}\n", out);
}

void gen_ctypes(const abi_input *input, FILE *out)
{
    const abi_doc *doc = input->doc;
    fputs(ctypes_head, out);
    write_values(doc, out);
    write_classes(doc, out);
    write_fields(doc, out);
    write_prototypes(doc, out);
    fputs(ctypes_tail, out);
}
