/* SPDX-License-Identifier: MIT */
/* The kernel's ancillary data: who sent a datagram, to which local address, from which the answer
 * goes out, and how many datagrams before it did not fit the socket. */
#include "udp.hpp"

#include <cerrno>
#include <cstring>

namespace handoff::net {

namespace {

bool is_wildcard(const asio::ip::address &own)
{
    if (own.is_v4())
        return own.is_unspecified();
    const auto six = own.to_v6();
    return six.is_unspecified() ||
           (six.is_v4_mapped() &&
            asio::ip::make_address_v4(asio::ip::v4_mapped, six).is_unspecified());
}

void copy_last_four(in6_addr &to, const in_addr &from) noexcept
{
    std::memcpy(to.s6_addr + 12, &from, sizeof(from));
}

/* A multicast address can't be a source: the system chooses one then. */
void read_asked(const cmsghdr &note, in6_pktinfo &into) noexcept
{
    if (note.cmsg_level == IPPROTO_IP && note.cmsg_type == IP_PKTINFO) {
        in_pktinfo got;
        std::memcpy(&got, CMSG_DATA(&note), sizeof(got));
        copy_last_four(into.ipi6_addr, got.ipi_spec_dst);
    } else if (note.cmsg_level == IPPROTO_IPV6 && note.cmsg_type == IPV6_PKTINFO) {
        in6_pktinfo got;
        std::memcpy(&got, CMSG_DATA(&note), sizeof(got));
        if (IN6_IS_ADDR_MULTICAST(&got.ipi6_addr))
            return;
        into.ipi6_addr = got.ipi6_addr;
        if (IN6_IS_ADDR_LINKLOCAL(&got.ipi6_addr))
            into.ipi6_ifindex = got.ipi6_ifindex;
    }
}

template <class Info>
std::size_t write_note(cmsghdr &note, int level, int type, const Info &info) noexcept
{
    note.cmsg_level = level;
    note.cmsg_type = type;
    note.cmsg_len = CMSG_LEN(sizeof(info));
    std::memcpy(CMSG_DATA(&note), &info, sizeof(info));
    return CMSG_SPACE(sizeof(info));
}

} // namespace

/* Before the socket is bound, so that every datagram has them. */
std::error_code udp_loop::ask_for_notes(const asio::ip::address &own)
{
    wildcard_ = is_wildcard(own);
    const int on = 1;
    if (setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on)) != 0)
        return {errno, std::system_category()};
    const int level = own.is_v4() ? IPPROTO_IP : IPPROTO_IPV6;
    const int what = own.is_v4() ? IP_PKTINFO : IPV6_RECVPKTINFO;
    if (!wildcard_ || setsockopt(socket_.native_handle(), level, what, &on, sizeof(on)) == 0)
        return {};
    return {errno, std::system_category()};
}

void udp_loop::expect_notes(std::uint32_t at) noexcept
{
    in_[at].msg_hdr.msg_control = &in_notes_[at];
    in_[at].msg_hdr.msg_controllen = sizeof(in_notes_[at]);
}

void udp_loop::learn_sender(std::uint32_t at) noexcept
{
    auto &header = in_[at].msg_hdr;
    auto &from = in_from_[at];
    from.size = header.msg_namelen;
    from.asked = {};
    for (auto *note = CMSG_FIRSTHDR(&header); note != nullptr; note = CMSG_NXTHDR(&header, note))
        if (note->cmsg_level == SOL_SOCKET && note->cmsg_type == SO_RXQ_OVFL)
            learn_dropped(*note);
        else
            read_asked(*note, from.asked);
}

/* The kernel counts from the socket's creation, and wraps at 2^32. */
void udp_loop::learn_dropped(const cmsghdr &note) noexcept
{
    std::uint32_t until_now;
    std::memcpy(&until_now, CMSG_DATA(&note), sizeof(until_now));
    count_.dropped_kernel.add(until_now - std::exchange(kernel_dropped_, until_now));
}

/* The answer's header: a copy, since the peer may be forgotten while the answer waits. */
void udp_loop::address_answer(std::uint32_t at, const address &to) noexcept
{
    auto &header = out_[at].msg_hdr;
    out_to_[at] = to;
    header.msg_name = &out_to_[at].any;
    header.msg_namelen = to.size;
    header.msg_control = nullptr;
    header.msg_controllen = 0;
    if (!wildcard_)
        return;
    auto &note = out_notes_[at].note;
    header.msg_control = &out_notes_[at];
    if (to.any.sa_family == AF_INET6) {
        header.msg_controllen = write_note(note, IPPROTO_IPV6, IPV6_PKTINFO, to.asked);
    } else {
        in_pktinfo own{};
        std::memcpy(&own.ipi_spec_dst, to.asked.ipi6_addr.s6_addr + 12, sizeof(own.ipi_spec_dst));
        header.msg_controllen = write_note(note, IPPROTO_IP, IP_PKTINFO, own);
    }
}

/* Finds who sent each of `count` datagrams. Strangers become peers as long as others can make room
 * for them. */
void udp_loop::identify(std::uint32_t count) noexcept
{
    bool strangers = false;
    {
        const peers::locked here(peers_);
        for (std::uint32_t i = 0; i < count; ++i) {
            who_[i] = {peers::none, 0, false};
            if (!length_is_good(in_[i]))
                continue;
            learn_sender(i);
            auto slot = peers_.find(in_from_[i]);
            if (slot == peers::none && room_.take()) {
                count_.connections.add();
                slot = meet(in_from_[i]);
            }
            if (slot == peers::none)
                strangers = true;
            else
                see(i, slot);
        }
    }
    for (std::uint32_t i = 0; strangers && i < count; ++i)
        if (who_[i].slot == peers::none && length_is_good(in_[i]))
            make_room_for(i);
}

std::uint32_t udp_loop::meet(const address &from) noexcept
{
    count_.accepted.add();
    return peers_.add(from);
}

void udp_loop::see(std::uint32_t at, std::uint32_t slot) noexcept
{
    peers_.heard(slot, now_ms_);
    who_[at] = {slot, peers_.generation(slot), peers_.proven(slot)};
}

/* A thread never locks its own table and another's at once, so threads that make room in each
 * other's don't deadlock. */
void udp_loop::make_room_for(std::uint32_t at) noexcept
{
    if (room_.take()) {
        count_.connections.add();
    } else if (tables_.evict(thread_, now_ms_ - with_.limit.peer_idle.count()) !=
               peers::evicted::nobody) {
        count_.evicted.add();
    } else if (tables_.evict_newcomer(thread_) != peers::evicted::nobody) {
        count_.evicted_early.add();
    } else {
        return;
    }
    const peers::locked here(peers_);
    const auto known = peers_.find(in_from_[at]); /* from an earlier datagram of this batch */
    if (known != peers::none) {
        room_.put();
        count_.connections.take();
    }
    see(at, known != peers::none ? known : meet(in_from_[at]));
}

/* The messages of these were good. */
void udp_loop::welcome(std::uint32_t count) noexcept
{
    if (count == 0)
        return;
    const peers::locked here(peers_);
    for (std::uint32_t i = 0; i < count; ++i)
        peers_.welcome(good_[i].slot, good_[i].generation, tables_.proven());
}

} // namespace handoff::net
