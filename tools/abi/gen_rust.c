/* SPDX-License-Identifier: MIT */
/*
 * The description as Rust over `core` only: types, constants, prototypes, and layout assertions
 * that rustc 1.63 can evaluate.
 */
#include <inttypes.h>
#include <string.h>

#include "gen.h"

static const char rust_head[] =
    "// SPDX-License-Identifier: MIT\n"
    "//! Made from abi.md: change that. Names are those of the C headers.\n"
    "#![allow(non_camel_case_types)]\n\n"
    "use core::ffi::c_void;\n"
    "use core::mem::{align_of, size_of, transmute};\n"
    "use core::ptr::addr_of;\n\n"
    "// dead_code: rustc 1.63 does not count what only constants use.\n"
    "/// Zero everywhere but at one place, which is how a field's offset shows.\n"
    "#[allow(dead_code)]\n"
    "const fn marked<const N: usize>(place: usize) -> [u8; N] {\n"
    "    let mut bytes = [0; N];\n"
    "    bytes[place] = 1;\n"
    "    bytes\n"
    "}\n\n"
    "#[allow(dead_code)]\n"
    "const fn pointee_bytes<T>(_: *const T) -> usize {\n"
    "    size_of::<T>()\n"
    "}\n\n"
    "/// The compiler lays a struct out as the description says.\n"
    "macro_rules! assert_layout {\n"
    "    ($name:ident, $bytes:literal, $align:literal, $($field:ident $at:literal "
    "$size:literal),+) "
    "=> {\n"
    "        const _: () = {\n"
    "            union Probe {\n"
    "                bytes: [u8; $bytes],\n"
    "                item: $name,\n"
    "            }\n"
    "            assert!(size_of::<$name>() == $bytes, concat!(stringify!($name), \": size\"));\n"
    "            assert!(align_of::<$name>() == $align, concat!(stringify!($name), \": align\"));\n"
    "            $({\n"
    "                let probe = Probe { bytes: marked($at) };\n"
    "                let field = unsafe { addr_of!(probe.item.$field) };\n"
    "                assert!(\n"
    "                    unsafe { *(field as *const u8) } == 1,\n"
    "                    concat!(stringify!($name), \".\", stringify!($field), \": offset\")\n"
    "                );\n"
    "                assert!(\n"
    "                    pointee_bytes(field) == $size,\n"
    "                    concat!(stringify!($name), \".\", stringify!($field), \": size\")\n"
    "                );\n"
    "            })+\n"
    "        };\n"
    "    };\n"
    "}\n";

/* A name as an identifier: Rust's keywords are written raw. */
static void write_name(const char *name, FILE *out)
{
    static const char kept[] =
        "abstract as async await become box break const continue do dyn else enum extern false "
        "final fn for if impl in let loop macro match mod move mut override priv pub ref return "
        "static struct trait true try type typeof unsafe unsized use virtual where while yield";
    fprintf(out, "%s%s", abi_list_has(kept, name) ? "r#" : "", name);
}

static const char *base_name(const abi_doc *doc, const abi_type *type)
{
    static const char *const scalars[] = {
        [ABI_VOID] = "c_void", [ABI_CHAR] = "u8", [ABI_U8] = "u8",
        [ABI_U16] = "u16",     [ABI_U32] = "u32", [ABI_U64] = "u64",
        [ABI_I32] = "i32",     [ABI_I64] = "i64", [ABI_SIZE] = "usize",
    };
    switch (type->base) {
    case ABI_HANDLE: return doc->handles[type->index].name;
    case ABI_STRUCT: return doc->structs[type->index].name;
    case ABI_CALLBACK: return doc->callbacks[type->index].name;
    default: return scalars[type->base];
    }
}

static void write_rust_type(const abi_doc *doc, const abi_type *type, FILE *out)
{
    fputs(type->is_array ? "[" : "", out);
    for (uint32_t i = 0; i < type->stars; i++) {
        /* C's const belongs to the pointee of the last pointer. */
        fputs(type->is_const && i + 1 == type->stars ? "*const " : "*mut ", out);
    }
    fputs(base_name(doc, type), out);
    if (type->is_array) {
        fprintf(out, "; %" PRIu32 "]", type->count);
    }
}

static void write_rust_params(const abi_doc *doc, uint32_t first, uint32_t count, FILE *out)
{
    for (uint32_t i = 0; i < count; i++) {
        fputs(i == 0 ? "" : ", ", out);
        write_name(doc->params[first + i].name, out);
        fputs(": ", out);
        write_rust_type(doc, &doc->params[first + i].type, out);
    }
}

static void write_constants(const abi_doc *doc, FILE *out)
{
    fputc('\n', out);
    for (uint32_t i = 0; i < doc->constant_count; i++) {
        const abi_constant *constant = &doc->constants[i];
        fprintf(out, "/// %s\npub const %s: ", constant->meaning, constant->name);
        write_rust_type(doc, &constant->type, out);
        fprintf(out, " = %" PRIi64 ";\n", constant->value);
    }
    for (uint32_t i = 0; i < doc->status_count; i++) {
        const abi_status *status = &doc->statuses[i];
        fprintf(out, "/// %s\npub const %s: i32 = %" PRIi32 ";\n", status->text, status->name,
                status->value);
    }
}

static void write_handles(const abi_doc *doc, FILE *out)
{
    for (uint32_t i = 0; i < doc->handle_count; i++) {
        fprintf(out, "\n/// A handle: %s.\n#[repr(C)]\npub struct %s {\n    _opaque: [u8; 0],\n}\n",
                doc->handles[i].meaning, doc->handles[i].name);
    }
}

static void write_callbacks(const abi_doc *doc, FILE *out)
{
    for (uint32_t i = 0; i < doc->callback_count; i++) {
        const abi_callback *callback = &doc->callbacks[i];
        fprintf(out,
                "\n/// None is NULL. It must not unwind.\npub type %s =\n    Option<unsafe extern "
                "\"C\" fn(",
                callback->name);
        write_rust_params(doc, callback->first_param, callback->param_count, out);
        fputs(")>;\n", out);
    }
}

static void write_rust_struct(const abi_doc *doc, const abi_struct *item, FILE *out)
{
    const abi_field *fields = &doc->fields[item->first_field];
    fprintf(out, "\n#[repr(C)]\n#[derive(Clone, Copy)]\npub struct %s {\n", item->name);
    for (uint32_t i = 0; i < item->field_count; i++) {
        fprintf(out, "    /// %s\n    pub ", fields[i].meaning);
        write_name(fields[i].name, out);
        fputs(": ", out);
        write_rust_type(doc, &fields[i].type, out);
        fputs(",\n", out);
    }
    fprintf(out,
            "}\n\nimpl %s {\n"
            "    /// All bytes zero.\n"
            "    pub const ZERO: Self = unsafe { transmute([0u8; %" PRIu32 "]) };\n",
            item->name, item->size);
    if (item->use != ABI_USE_VALUE) {
        fprintf(out,
                "    /// All zero but for `size`.\n"
                "    pub const INIT: Self = Self { size: %" PRIu32 ", ..Self::ZERO };\n",
                item->size);
    }
    fprintf(out,
            "}\n\nimpl Default for %s {\n"
            "    fn default() -> Self {\n"
            "        Self::%s\n"
            "    }\n",
            item->name, item->use != ABI_USE_VALUE ? "INIT" : "ZERO");
    fprintf(out, "}\n\nassert_layout!(\n    %s, %" PRIu32 ", %" PRIu32 ",\n", item->name,
            item->size, item->align);
    for (uint32_t i = 0; i < item->field_count; i++) {
        fputs("    ", out);
        write_name(fields[i].name, out);
        fprintf(out, " %" PRIu32 " %" PRIu32 "%s\n", fields[i].offset, fields[i].size,
                i + 1 < item->field_count ? "," : "");
    }
    fputs(");\n", out);
}

static void write_functions(const abi_doc *doc, FILE *out)
{
    static const char *const threads[] = {
        [ABI_THREAD_SHARD] = "shard",       [ABI_THREAD_PRODUCER] = "producer",
        [ABI_THREAD_CONSUMER] = "consumer", [ABI_THREAD_OWNER] = "owner",
        [ABI_THREAD_ANY] = "any",           [ABI_THREAD_INIT] = "init",
    };
    fputs("\n#[link(name = \"handoff\")]\nextern \"C\" {\n", out);
    for (uint32_t i = 0; i < doc->function_count; i++) {
        const abi_function *function = &doc->functions[i];
        fprintf(out, "    /// Threads: %s. Returns %s.\n    pub fn %s(", threads[function->thread],
                function->returns, function->name);
        write_rust_params(doc, function->first_param, function->param_count, out);
        fputs(") -> i32;\n", out);
    }
    fputs("}\n", out);
}

void gen_rust(const abi_input *input, FILE *out)
{
    const abi_doc *doc = input->doc;
    fputs(rust_head, out);
    write_constants(doc, out);
    write_handles(doc, out);
    write_callbacks(doc, out);
    for (uint32_t i = 0; i < doc->struct_count; i++) {
        write_rust_struct(doc, &doc->structs[i], out);
    }
    write_functions(doc, out);
}
