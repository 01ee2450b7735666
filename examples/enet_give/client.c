/* SPDX-License-Identifier: MIT */
/* A client for the ENet server: numbered reliable packets on two channels. Verifies every byte of
 * every answer, and the order of each channel. See usage below. */
#include <enet/enet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PEERS_MAX 64
#define BYTES_MAX (1u << 20)
#define PATIENCE_MS 60000

static uint64_t peers = 1, window = 1, bytes = 64, messages = 10000;
static uint64_t answered, done;
static struct peer {
    uint64_t sent, arrived, heard[2]; /* message n goes on channel n % 2 */
} all[PEERS_MAX];

static void fail(const char *what)
{
    fprintf(stderr, "enet_client: %s\n", what);
    exit(1);
}

/* One in sixteen is eight times as long. */
static size_t make_payload(uint8_t *at, uint64_t peer, uint64_t number)
{
    size_t size = number % 16 == 15 ? 8 * bytes : bytes;
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(number * 7 + peer * 13 + i);
    memcpy(at, &number, sizeof number);
    return size;
}

/* ENet destroys a packet when the other side has acknowledged it. */
static void count_arrived(ENetPacket *packet)
{
    ((struct peer *)packet->userData)->arrived++;
}

static void say(ENetPeer *to, struct peer *p)
{
    static uint8_t payload[BYTES_MAX];
    for (; p->sent < messages && p->sent - p->heard[0] - p->heard[1] < window; p->sent++) {
        size_t size = make_payload(payload, (uint64_t)(p - all), p->sent);
        ENetPacket *packet = enet_packet_create(payload, size, ENET_PACKET_FLAG_RELIABLE);
        packet->userData = p;
        packet->freeCallback = count_arrived;
        if (enet_peer_send(to, (enet_uint8)(p->sent % 2), packet) != 0)
            fail("send");
    }
}

static void hear(struct peer *p, enet_uint8 channel, const ENetPacket *packet)
{
    static uint8_t payload[BYTES_MAX];
    size_t size = make_payload(payload, (uint64_t)(p - all), 2 * p->heard[channel] + channel);
    if (packet->dataLength != size || memcmp(packet->data, payload, size) != 0)
        fail("a wrong answer");
    p->heard[channel]++;
    answered++;
}

/* Leaves early: 'l' disconnects without waiting, 'v' vanishes silently. */
static void leave(ENetHost *host, char how)
{
    for (uint64_t i = 0; how == 'l' && i < peers; i++)
        enet_peer_disconnect_now(&host->peers[i], 0);
    _exit(0);
}

static void run(ENetHost *host, char how)
{
    ENetEvent event;
    while (done < peers) {
        int came = enet_host_service(host, &event, how ? 1 : PATIENCE_MS);
        for (uint64_t i = 0; how && i < peers; i++)
            if (all[i].sent != 0 && all[i].arrived == all[i].sent)
                leave(host, how);
        if (came == 0 && how)
            continue;
        if (came <= 0)
            fail("no answer");
        struct peer *p = event.peer->data;
        if (event.type == ENET_EVENT_TYPE_RECEIVE) {
            hear(p, event.channelID, event.packet);
            enet_packet_destroy(event.packet);
        } else if (event.type == ENET_EVENT_TYPE_DISCONNECT) {
            if (p->heard[0] + p->heard[1] != messages)
                fail("the server disconnected");
            done++;
            continue;
        }
        say(event.peer, p);
        if (p->heard[0] + p->heard[1] == messages)
            enet_peer_disconnect(event.peer, 0);
    }
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"peers", "window", "bytes", "messages"};
    uint64_t *const values[] = {&peers, &window, &bytes, &messages};
    char how = argc > 2 && argc % 2 ? argv[argc - 1][0] : 0;
    for (int i = 2; i + 1 < argc; i += 2)
        for (int n = 0; n < 4; n++)
            if (strcmp(argv[i], names[n]) == 0)
                *values[n] = strtoull(argv[i + 1], NULL, 10);
    if (argc < 2 || !peers || peers > PEERS_MAX || !window || bytes < 8 || bytes > BYTES_MAX / 8)
        fail("usage: enet_client PORT [peers N] [window N] [bytes N] [messages N] [leave|vanish]\n"
             "  leave, vanish  as soon as the server has all messages, disconnect or just stop");

    ENetAddress to = {.port = (enet_uint16)atoi(argv[1])};
    ENetHost *host;
    struct timespec begin, end;
    enet_address_set_host_ip(&to, "127.0.0.1");
    if (enet_initialize() != 0 || !(host = enet_host_create(NULL, peers, 2, 0, 0)))
        fail("ENet");
    for (uint64_t i = 0; i < peers; i++) {
        ENetPeer *peer = enet_host_connect(host, &to, 2, 0);
        if (!peer)
            fail("connect");
        peer->data = &all[i];
    }
    clock_gettime(CLOCK_MONOTONIC, &begin);
    run(host, how);
    clock_gettime(CLOCK_MONOTONIC, &end);
    enet_host_destroy(host);
    enet_deinitialize();
    printf("%" PRIu64 " answered: %.0f round trips per second\n", answered,
           (double)answered / ((double)(end.tv_sec - begin.tv_sec) +
                               (double)(end.tv_nsec - begin.tv_nsec) * 1e-9));
    return 0;
}
