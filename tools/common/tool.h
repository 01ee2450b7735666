/* SPDX-License-Identifier: MIT */
/* Shared by all tools: error format, numbers and addresses from arguments, limits, time, live
 * line. */
#ifndef HANDOFF_TOOLS_TOOL_H
#define HANDOFF_TOOLS_TOOL_H

#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TOOL_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#else
#define TOOL_PRINTF(format_at, args_at)
#endif

/* The prefix of every error. Static storage; call first in main. */
void tool_name(const char *name);

/* Prints `name: text` on stderr, as one line. The text says what went wrong: what to do. */
void tool_error(const char *format, ...) TOOL_PRINTF(1, 2);

/* Prints `name: warning: text` on stderr, as one line: for valid requests that may be a mistake. */
void tool_warning(const char *format, ...) TOOL_PRINTF(1, 2);

/*
 * Reads a whole decimal number. Returns 0 and sets *out if text is exactly a number from min to
 * max; otherwise prints one line that names the option and the range, and returns -1.
 */
int tool_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *out);

/*
 * Reads one of `count` words. Returns 0 and its index in *out; otherwise prints one line that names
 * the words and returns -1.
 */
int tool_word(const char *option, const char *text, const char *const *words, uint32_t count,
              uint32_t *out);

/* An address to listen on or to send to. */
struct tool_endpoint {
    struct sockaddr_storage at;
    socklen_t len;
    char host[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE]; /* numeric; IPv6 without brackets */
    uint16_t port;
    int is_loopback; /* reachable only from this machine */
};

/*
 * Reads PORT (of 127.0.0.1), HOST:PORT or [HOST]:PORT, where HOST is an address or a name. Returns
 * 0, or prints one line and returns -1. A name takes as long as the resolver does.
 */
int tool_address(const char *option, const char *text, struct tool_endpoint *out);

/* Formats a host and a port: 1.2.3.4:5 or [::1]:5. */
#define TOOL_ADDRESS_BYTES (INET6_ADDRSTRLEN + IF_NAMESIZE + 16)
void tool_address_text(const char *host, uint16_t port, char text[TOOL_ADDRESS_BYTES]);

uint64_t tool_now_ns(void);

/* User and system CPU time of this process so far, in seconds. */
double tool_cpu_seconds(void);

/* Peak resident memory of this program so far, in bytes; 0 if the kernel does not say. */
uint64_t tool_peak_rss_bytes(void);

/* Raises the soft limit of open files to the hard one. Returns the resulting limit. */
uint64_t tool_raise_open_files(void);

/*
 * Requests socket buffers of this size in both directions, beyond net.core.*mem_max if the process
 * may. Getting less is not an error: returns the receive buffer that the kernel granted, in bytes.
 */
uint64_t tool_socket_buffers(int fd, int bytes);

int tool_is_terminal(void);

/*
 * Shows a live line on stderr: on a terminal it overwrites the last one, elsewhere each is a
 * separate line. tool_progress_end ends the line.
 */
void tool_progress(const char *format, ...) TOOL_PRINTF(1, 2);
void tool_progress_end(void);

#ifdef __cplusplus
}
#endif
#endif
