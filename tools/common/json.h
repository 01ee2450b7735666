/* SPDX-License-Identifier: MIT */
/* One flat JSON object in a file: the output of --json. */
#ifndef HANDOFF_TOOLS_JSON_H
#define HANDOFF_TOOLS_JSON_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An object under construction. NULL from json_new (out of memory) may be passed on: the write then
 * fails. */
struct json;

struct json *json_new(void);
void json_text(struct json *json, const char *key, const char *value);
void json_count(struct json *json, const char *key, uint64_t value); /* exact up to 2^53 */
void json_real(struct json *json, const char *key, double value);

/*
 * Writes the object as one line and frees it in any case. path "-" is stdout. Returns 0, or prints
 * one line on stderr and returns -1.
 */
int json_write(struct json *json, const char *path);

#ifdef __cplusplus
}
#endif
#endif
