/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* SO_RCVBUFFORCE, NI_MAXHOST */
#include "tool.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 512

static const char *name = "tool";

void tool_name(const char *tool)
{
    name = tool;
}

static void say(const char *kind, const char *format, va_list args)
{
    char text[LINE_BYTES];

    vsnprintf(text, sizeof text, format, args);
    fprintf(stderr, "%s: %s%s\n", name, kind, text);
}

void tool_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say("", format, args);
    va_end(args);
}

void tool_warning(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say("warning: ", format, args);
    va_end(args);
}

int tool_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    char *end = NULL;

    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < min ||
        value > max) {
        tool_error("%s '%s' is not a number from %llu to %llu: give one", option, text,
                   (unsigned long long)min, (unsigned long long)max);
        return -1;
    }
    *out = value;
    return 0;
}

int tool_word(const char *option, const char *text, const char *const *words, uint32_t count,
              uint32_t *out)
{
    char list[LINE_BYTES / 2] = "";
    size_t used = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = i;
            return 0;
        }
        if (used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "",
                                     words[i]);
    }
    tool_error("%s '%s' is unknown: give one of %s", option, text, list);
    return -1;
}

/* Splits [HOST]:PORT, HOST:PORT or PORT. Returns the port's text, or NULL; host is "" if none is
 * given. */
static const char *split_address(const char *text, char *host, size_t size)
{
    const char *first = text[0] == '[' ? text + 1 : text;
    const char *end = text[0] == '[' ? strstr(text, "]:") : strchr(text, ':');

    host[0] = '\0';
    if (end == NULL)
        return text[0] == '[' ? NULL : text;
    const char *port = text[0] == '[' ? end + 2 : end + 1;
    if ((size_t)(end - first) >= size || strchr(port, ':') != NULL)
        return NULL;
    memcpy(host, first, (size_t)(end - first));
    host[end - first] = '\0';
    return port;
}

static int is_loopback(const struct sockaddr_storage *at)
{
    if (at->ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)at)->sin_addr.s_addr) >> 24 == 127;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)at)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

int tool_address(const char *option, const char *text, struct tool_endpoint *out)
{
    char host[NI_MAXHOST];
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    uint64_t port = 0;
    const char *port_text = split_address(text, host, sizeof host);

    if (port_text == NULL) {
        tool_error("%s '%s' is not an address and port: give PORT, HOST:PORT or [IPV6]:PORT",
                   option, text);
        return -1;
    }
    if (tool_number(option, port_text, 0, UINT16_MAX, &port) != 0)
        return -1;
    int status = getaddrinfo(host[0] == '\0' ? "127.0.0.1" : host, port_text, &wanted, &found);
    if (status != 0) {
        tool_error("%s: host '%s': %s: give an address, or a name that this machine knows", option,
                   host, gai_strerror(status));
        return -1;
    }
    *out = (struct tool_endpoint){.len = found->ai_addrlen, .port = (uint16_t)port};
    memcpy(&out->at, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    getnameinfo((const struct sockaddr *)&out->at, out->len, out->host, sizeof out->host, NULL, 0,
                NI_NUMERICHOST);
    out->is_loopback = is_loopback(&out->at);
    return 0;
}

void tool_address_text(const char *host, uint16_t port, char text[TOOL_ADDRESS_BYTES])
{
    int is_six = strchr(host, ':') != NULL;

    snprintf(text, TOOL_ADDRESS_BYTES, "%s%s%s:%u", is_six ? "[" : "", host, is_six ? "]" : "",
             port);
}

uint64_t tool_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

double tool_cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

uint64_t tool_peak_rss_bytes(void)
{
    /* Not ru_maxrss: that starts with the peak of the process before exec. */
    FILE *status = fopen("/proc/self/status", "re");
    char line[LINE_BYTES];
    unsigned long long kib = 0;

    if (status == NULL)
        return 0;
    while (fgets(line, sizeof line, status) != NULL && sscanf(line, "VmHWM: %llu", &kib) != 1)
        continue;
    fclose(status);
    return kib * 1024;
}

uint64_t tool_raise_open_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

static void socket_buffer(int fd, int forced, int asked, int bytes)
{
    if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof bytes) != 0)
        setsockopt(fd, SOL_SOCKET, asked, &bytes, sizeof bytes);
}

uint64_t tool_socket_buffers(int fd, int bytes)
{
    int granted = 0;
    socklen_t size = sizeof granted;

    socket_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, bytes);
    socket_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, bytes);
    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &granted, &size);
    return (uint64_t)granted;
}

int tool_is_terminal(void)
{
    return isatty(STDERR_FILENO);
}

void tool_progress(const char *format, ...)
{
    char text[LINE_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (tool_is_terminal())
        fprintf(stderr, "\r\033[K%s", text);
    else
        fprintf(stderr, "%s\n", text);
}

void tool_progress_end(void)
{
    if (tool_is_terminal())
        fputc('\n', stderr);
}
