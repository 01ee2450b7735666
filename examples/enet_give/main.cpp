/* SPDX-License-Identifier: MIT */
/* An echo server on ENet. Packets that ENet has received are given to the C service, and destroyed
 * on ENet's thread when the service is done with them. Answers are packets over the service's
 * buffers, which go back when ENet has sent them. No byte is copied. With plain 1 it answers at
 * once, without handoff. */
#include "hub.hpp"

#include <optional>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <enet/enet.h>
#include <poll.h>
#include <sys/signalfd.h>

namespace {

using handoff::errc;

struct destroy_packet {
    void operator()(ENetPacket *which) const { enet_packet_destroy(which); }
};
using packet_ptr = std::unique_ptr<ENetPacket, destroy_packet>;

/* ENet must run this often to resend what was lost. */
constexpr int enet_turn_ms = 5;

class network {
  public:
    explicit network(const options &with)
    {
        ENetAddress address{};
        address.port = static_cast<enet_uint16>(with.port);
        enet_address_set_host_ip(&address, "127.0.0.1");
        host_ = enet_host_create(&address, 256, 2, 0, 0);
        if (host_ == nullptr || enet_socket_get_address(host_->socket, &address) != 0) {
            std::fprintf(stderr, "enet_give: port %ju: %s\n", std::uintmax_t{with.port},
                         std::strerror(errno));
            std::exit(1);
        }
        host_->maximumPacketSize = 1 << 20;  /* a peer that sends more is disconnected */
        host_->maximumWaitingData = 1 << 20; /* the most that a peer may have waiting here */
        if (!with.plain) {
            ends_.emplace(with);
            /* Drained: ENet's packets may only be destroyed on its own thread. */
            packets_ = must("owner", handoff::owner<packet_ptr>::open(
                                         ends_->domain, handoff::release_mode::drained));
            ready_ = must("descriptor", ends_->bridge.fd());
        }
        std::printf("listening on 127.0.0.1:%d\n", address.port);
        std::fflush(stdout);
    }

    /* Until `stop` is readable and everything is answered. */
    int run(int stop)
    {
        pollfd fds[] = {{host_->socket, POLLIN, 0}, {stop, POLLIN, 0}, {ready_, POLLIN, 0}};
        while (!turn()) {
            poll(fds, 3, enet_turn_ms);
            stopping_ = (fds[1].revents & POLLIN) != 0;
            if ((fds[2].revents & POLLIN) != 0)
                ends_->bridge.resume([this](ENetPeer &peer) { send(peer, std::move(waiting_)); });
        }
        say_goodbye();
        enet_host_destroy(host_);
        if (!ends_)
            return 0;
        drain();
        packets_.reset();
        ::close(ready_);
        std::printf("answered %ju, for peers that had gone %ju, paused %ju times\n",
                    std::uintmax_t{answered_}, std::uintmax_t{ends_->gone()},
                    std::uintmax_t{paused_});
        return ends_->close() ? 0 : 1;
    }

  private:
    /* True: it was told to stop, and ENet has every answer. */
    bool turn()
    {
        bool closed = stopping_;
        receive();
        if (ends_) {
            closed = ends_->turn(
                [this](ENetPeer &peer, handoff::span<ho_buf> answers) { answer(peer, answers); });
            if (stopping_)
                ends_->leave();
        }
        enet_host_flush(host_);
        drain();
        return closed;
    }

    /* While a packet waits for room, none is received: ENet queues them up to maximumWaitingData,
     * then stops acknowledging. Its own work continues. */
    void receive()
    {
        ENetEvent event;
        for (int i = 0; i < 256 && !waiting_ && enet_host_service(host_, &event, 0) > 0; ++i)
            take(event);
        if (waiting_)
            enet_host_service(host_, nullptr, 0);
    }

    void take(const ENetEvent &event)
    {
        packet_ptr packet(event.type == ENET_EVENT_TYPE_RECEIVE ? event.packet : nullptr);
        if (packet && !ends_) {
            enet_peer_send(event.peer, event.channelID, packet.release());
        } else if (packet && !stopping_) {
            packet->userData = reinterpret_cast<void *>(std::uintptr_t{event.channelID});
            send(*event.peer, std::move(packet));
        } else if (event.type == ENET_EVENT_TYPE_CONNECT && ends_) {
            const auto id = ends_->bridge.add(*event.peer);
            event.peer->data = reinterpret_cast<void *>(id.value);
            if (!id)
                enet_peer_disconnect(event.peer, 0);
        } else if (event.type == ENET_EVENT_TYPE_DISCONNECT && ends_) {
            ends_->bridge.remove(id_of(*event.peer)); /* answers on their way are returned */
        }
    }

    static std::uint64_t id_of(const ENetPeer &peer)
    {
        return reinterpret_cast<std::uintptr_t>(peer.data);
    }

    /* The key says how to answer, so the partition is named explicitly, which keeps a peer's
     * messages in order. */
    void send(ENetPeer &peer, packet_ptr packet)
    {
        const auto id = id_of(peer);
        const auto partition = (id >> HO_NET_SLOT_SHIFT) % hub<ENetPeer>::partitions;
        const auto channel = reinterpret_cast<std::uintptr_t>(packet->userData);
        const auto key = std::uint64_t{packet->flags} << 8 | channel;
        const auto error = give(ends_->to_service, packets_, std::move(packet),
                                handoff::bytes_of(packet->data, packet->dataLength),
                                {key, id, static_cast<std::uint16_t>(partition), HO_MORE});
        if (error == errc::full) {
            ++paused_;
            waiting_ = std::move(packet); /* refused: it is still ours */
            ends_->bridge.pause(id);
        } else if (error) {
            enet_peer_disconnect(&peer, 0);
        }
    }

    void answer(ENetPeer &peer, handoff::span<ho_buf> answers)
    {
        for (auto &each : answers) {
            const auto channel = static_cast<enet_uint8>(each.key);
            const auto flags = static_cast<enet_uint32>(each.key >> 8) & ENET_PACKET_FLAG_RELIABLE;
            auto *packet =
                enet_packet_create(each.ptr, each.len, flags | ENET_PACKET_FLAG_NO_ALLOCATE);
            packet->userData = new handoff::buffer(
                handoff::buffer::adopt(ends_->domain.raw(), std::exchange(each, ho_buf{})));
            packet->freeCallback = [](ENetPacket *sent) {
                delete static_cast<handoff::buffer *>(sent->userData); /* returns it */
            };
            if (enet_peer_send(&peer, channel, packet) != 0)
                enet_packet_destroy(packet); /* the peer is disconnecting */
        }
        answered_ += answers.size();
    }

    /* Destroys the packets that the service is done with. */
    void drain()
    {
        while (ends_ && !packets_.drain().error)
            continue;
    }

    /* Peers get everything queued for them. One that does not answer within 3 s is gone. */
    void say_goodbye()
    {
        ENetEvent event;
        for (std::size_t i = 0; i < host_->peerCount; ++i)
            enet_peer_disconnect_later(&host_->peers[i], 0);
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(3);
        while (host_->connectedPeers != 0 && std::chrono::steady_clock::now() < until)
            if (enet_host_service(host_, &event, enet_turn_ms) > 0)
                take(event);
        for (std::size_t i = 0; i < host_->peerCount; ++i)
            enet_peer_reset(&host_->peers[i]);
    }

    ENetHost *host_ = nullptr;
    std::optional<hub<ENetPeer>> ends_;
    handoff::owner<packet_ptr> packets_;
    packet_ptr waiting_; /* the one that was refused */
    int ready_ = -1;     /* readable: there are answers, or room again */
    bool stopping_ = false;
    std::uint64_t answered_ = 0, paused_ = 0;
};

} // namespace

int main(int argc, char **argv)
{
    const auto with = read_options(argc, argv);
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGINT);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, nullptr); /* before the workers start */
    const int stop = signalfd(-1, &term, SFD_CLOEXEC);
    if (stop < 0 || enet_initialize() != 0)
        return 1;
    const int status = network(with).run(stop);
    enet_deinitialize();
    return status;
}
