/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "links_private.h"

static void lose(struct links *links, uint32_t link)
{
    close(links->link[link].fd);
    links->link[link].fd = -1;
    links->faults.cut += links->link[link].waiting;
    links->faults.lost++;
}

/* Sends what it can and keeps the rest. The rest buffer must be empty. */
int tcp_send(struct links *links, uint32_t link, uint8_t *frame, size_t len)
{
    struct rest *rest = &links->rest[link];
    uint8_t *start = frame - GAME_PREFIX_BYTES;
    size_t total = len + GAME_PREFIX_BYTES;

    if (rest->out_len > 0) {
        links->faults.unread++;
        return -1;
    }
    game_store_u32(start, (uint32_t)len);
    ssize_t sent = send(links->link[link].fd, start, total, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            links->faults.unread++;
            return -1;
        }
        lose(links, link);
        links->faults.gone++;
        return -1;
    }
    links->link[link].waiting++;
    rest->out_len = (uint32_t)(total - (size_t)sent);
    if (rest->out_len > 0)
        memcpy(rest->out, start + sent, rest->out_len);
    return 0;
}

void tcp_writable(struct links *links, uint32_t link)
{
    struct rest *rest = &links->rest[link];

    if (rest->out_len == 0)
        return;
    ssize_t sent =
        send(links->link[link].fd, rest->out, rest->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
        rest->out_len -= (uint32_t)sent;
        memmove(rest->out, rest->out + sent, rest->out_len);
    }
}

/* Passes on every complete frame. Returns the bytes used, or -1 if a length is invalid. */
static ssize_t frames_of(struct links *links, uint32_t link, const uint8_t *bytes, size_t len)
{
    size_t used = 0;

    while (len - used >= GAME_PREFIX_BYTES) {
        size_t frame_len = game_load_u32(bytes + used);
        if (frame_len > GAME_FRAME_MAX)
            return -1;
        if (len - used - GAME_PREFIX_BYTES < frame_len)
            break;
        if (links->on_frame(links->context, link, bytes + used + GAME_PREFIX_BYTES, frame_len))
            links->link[link].waiting--;
        used += GAME_PREFIX_BYTES + frame_len;
    }
    return (ssize_t)used;
}

/* Edge-triggered: a receive that does not fill the buffer has emptied the socket. */
void tcp_receive(struct links *links, uint32_t link)
{
    struct rest *rest = &links->rest[link];
    size_t room = 0;
    ssize_t came = 0;

    do {
        memcpy(links->buffer, rest->in, rest->in_len);
        room = sizeof links->buffer - rest->in_len;
        came = recv(links->link[link].fd, links->buffer + rest->in_len, room, MSG_DONTWAIT);
        if (came < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        size_t len = rest->in_len + (came > 0 ? (size_t)came : 0);
        ssize_t used = came > 0 ? frames_of(links, link, links->buffer, len) : -1;
        if (used < 0) {
            lose(links, link);
            return;
        }
        rest->in_len = (uint32_t)(len - (size_t)used);
        memcpy(rest->in, links->buffer + used, rest->in_len);
    } while ((size_t)came == room);
}
