/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tool.h"

/* struct json is a cJSON object under another name, so that our header need not include cJSON's. */
static cJSON *object_of(struct json *json)
{
    return (cJSON *)(void *)json;
}

struct json *json_new(void)
{
    return (struct json *)(void *)cJSON_CreateObject();
}

void json_text(struct json *json, const char *key, const char *value)
{
    cJSON_AddStringToObject(object_of(json), key, value);
}

void json_count(struct json *json, const char *key, uint64_t value)
{
    cJSON_AddNumberToObject(object_of(json), key, (double)value);
}

void json_real(struct json *json, const char *key, double value)
{
    cJSON_AddNumberToObject(object_of(json), key, value);
}

static int put_line(const char *line, const char *path)
{
    if (strcmp(path, "-") == 0)
        return puts(line) == EOF || fflush(stdout) == EOF ? -1 : 0;
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return -1;
    int put = fprintf(file, "%s\n", line);
    return fclose(file) == 0 && put > 0 ? 0 : -1;
}

int json_write(struct json *json, const char *path)
{
    char *line = json == NULL ? NULL : cJSON_PrintUnformatted(object_of(json));
    int status = -1;

    errno = ENOMEM;
    if (line != NULL)
        status = put_line(line, path);
    if (status != 0)
        tool_error("cannot write '%s': %s: give --json a writable file", path, strerror(errno));
    cJSON_free(line);
    cJSON_Delete(object_of(json));
    return status;
}
