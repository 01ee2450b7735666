/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/socket.h>

#include "links_private.h"

int udp_send(struct links *links, uint32_t link, const uint8_t *frame, size_t len)
{
    ssize_t sent = send(links->link[link].fd, frame, len, MSG_DONTWAIT);

    if (sent < 0 && errno == ECONNREFUSED) { /* for an earlier message; this one was not tried */
        links->faults.unheard++;
        sent = send(links->link[link].fd, frame, len, MSG_DONTWAIT);
    }
    if (sent < 0) {
        links->faults.unsent++;
        return -1;
    }
    links->link[link].waiting++;
    return 0;
}

/*
 * Edge-triggered, so a socket must be read empty. Nobody else sends to it, so it is empty when the
 * last expected answer has come: usually after one call, without a second that only confirms it. A
 * duplicate may stay until the next answer or the sweep.
 */
void udp_receive(struct links *links, uint32_t link)
{
    struct link *from = &links->link[link];

    do {
        ssize_t len = recv(from->fd, links->buffer, sizeof links->buffer, MSG_DONTWAIT);
        if (len < 0 && errno != ECONNREFUSED)
            return;
        if (len < 0)
            links->faults.unheard++;
        if (len >= 0 && links->on_frame(links->context, link, links->buffer, (size_t)len))
            from->waiting--;
    } while (from->waiting > 0);
}
