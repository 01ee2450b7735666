/* SPDX-License-Identifier: MIT */
/*
 * The network entrypoint: bytes from UDP or TCP sockets go straight into loans and to the services
 * that a routing function names; answers that the services commit to the egress service are sent
 * from their slices by the thread that owns the connection.
 *
 * A message for a service has ho_buf.value = its connection id, and ho_buf.key = the key that the
 * route gave. An answer goes to the egress service with ho_buf.value = the connection id, to the
 * partition of its network thread: ho_net_answer sets both, its key is free. A service publishes its
 * answer before it returns the message, so that stop() can tell when nothing is on its way any more.
 * Answers of one producer stay in order, and those of one worker and the only network thread that helps it, by key;
 * those of workers that share a service may overtake each other.
 *
 * UDP: a message is a datagram. TCP: a message is the payload of a frame, a 4-byte little-endian
 * length in front; its address has no alignment.
 */
#ifndef HANDOFF_NET_HPP
#define HANDOFF_NET_HPP

#include "handoff/net_key.h"
#include "handoff/serve.hpp"

#include <functional>
#include <memory>
#include <vector>

HANDOFF_BEGIN

namespace net {

enum class transport : std::uint8_t { udp, tcp };

/* Where a message goes. */
struct route {
    std::uint32_t service; /* index of a target service, or `rejected` */
    std::uint64_t key;     /* says which partition of the service: one key stays in order */
};
inline constexpr std::uint32_t rejected = 0xffffffffu;

/* Chooses service and key from a whole message. Called on every network thread, at the same time:
 * it may only read what they share. A datagram that it rejects is dropped, a TCP connection is
 * closed; so it is when it throws. */
using route_fn = std::function<route(const_bytes message, std::uint64_t connection)>;

/* What a peer may do. One that breaks a limit loses its connection and disturbs nobody else. */
struct limits {
    std::uint32_t frame_bytes = 2048;  /* largest payload or datagram, 1 to what a segment holds */
    std::uint32_t connections = 65536; /* TCP connections or UDP peers, all threads together: 1 to
                                          2,097,152 */
    std::chrono::milliseconds frame_time{
        5000}; /* TCP: from the first byte of a frame to its last */
    /* TCP: answers that wait for one connection behind the one that is on its way, which may be of any
     * size. At least frame_bytes. */
    std::uint64_t queued_bytes = 1u << 20;
    /* TCP: how long nothing may go to a peer for whom something waits: it takes nothing of an answer, or its
     * connection ends and an answer that it is owed does not come, or is not acknowledged. */
    std::chrono::milliseconds write_time{30000};
    /* TCP: how long neither a byte may come from the peer nor an answer go to it. Also how long its service may
     * take nothing of what it sent. */
    std::chrono::milliseconds idle_time{300000};
    /* TCP: a peer that is silent for so long is asked by the system, in whole seconds, whether it is there. One that
     * acknowledges nothing for keep_alive and write_time together is gone. */
    std::chrono::milliseconds keep_alive{30000};
    /* TCP: memory of each network thread for copies of answers that wait for peers that lag, so that what
     * waits holds nothing of the arenas. When it is used up, the one for whom most waits loses its connection.
     * As much again for copies of messages that wait for services that lag; what does not fit stays in the arena.
     * At least frame_bytes. */
    std::uint64_t waiting_bytes = 64u << 20;
    std::chrono::milliseconds peer_idle{
        30000}; /* UDP: a peer this quiet may be forgotten for another */
    /* Durations are positive; those above 100 years are as good as 100 years. */
};

struct options {
    transport kind = transport::udp;
    /* Of a local interface, IPv4 or IPv6, or all of them: 0.0.0.0, or :: which takes IPv4, too. No name. */
    std::string address = "127.0.0.1";
    std::uint16_t port = 0; /* 0: any free one */
    /* Whether other entrypoints of this user may listen on the same port, if they share it as well: in this
     * process or in others. Else the second one is told that the address is in use. */
    bool share_port = false;
    std::uint32_t threads = 1; /* network threads, 1 to 1,024; the kernel spreads peers over them */
    std::uint32_t first_partition = 0; /* of the egress service: theirs start here */
    /* UDP: socket buffers to ask for, each direction; 0: the system's default. The system takes less if it
     * must. */
    std::uint32_t socket_bytes = 32u << 20;
    /* A turn of a network thread that brought many messages is followed by a rest of this length:
     * what arrives meanwhile is taken at once, and fewer threads are woken, which saves processor
     * time and costs latency. 0: never. At most 10 ms. */
    std::chrono::microseconds rest{0};
    limits limit;
    route_fn routing; /* required */
};

/* X(name, meaning): the counters. They only grow, but for `connections`. */
#define HANDOFF_NET_COUNTERS(X)                                                                    \
    X(received, "messages handed to a service")                                                    \
    X(received_bytes, "their bytes")                                                               \
    X(answered, "answers that the kernel took")                                                    \
    X(answered_bytes, "their bytes")                                                               \
    X(copies, "times that received bytes were moved once more")                                    \
    X(answers_copied, "answers copied because their peer lagged")                                  \
    X(dropped_full, "datagrams dropped because their service was full")                            \
    X(dropped_length, "datagrams dropped because they were empty or too long")                     \
    X(dropped_rejected, "datagrams that the route rejected")                                       \
    X(dropped_peer, "datagrams dropped because there were too many proven peers")                  \
    X(dropped_kernel, "datagrams that did not fit the socket, as known by the next that did")      \
    X(undeliverable, "messages dropped: their service is closed, out of lanes or hangs")           \
    X(answers_gone, "answers dropped because their peer has gone")                                 \
    X(answers_unsent, "answers dropped when stop ran out of time")                                 \
    X(receive_errors, "failed receive calls")                                                      \
    X(send_errors, "answers that the kernel refused")                                              \
    X(accept_errors, "failed accept calls")                                                        \
    X(arena_full, "times that reading waited for memory")                                          \
    X(stalled, "times that a connection's reading waited for its service")                         \
    X(no_memory, "times that the heap was exhausted")                                              \
    X(connections, "connections or peers now")                                                     \
    X(accepted, "connections accepted, or peers met")                                              \
    X(refused, "TCP connections refused because there were too many")                              \
    X(evicted, "idle peers forgotten for others")                                                  \
    X(evicted_early, "peers forgotten for others before their second message")                     \
    X(closed_by_peer, "connections that the peer ended")                                           \
    X(closed_gone, "connections closed: nothing was acknowledged, or no way led to the peer")      \
    X(closed_idle, "connections closed: nothing came or went within idle_time")                    \
    X(closed_length, "connections closed: declared length 0 or above frame_bytes")                 \
    X(closed_late, "connections closed: a frame not finished within frame_time")                   \
    X(closed_slow, "connections closed: more than queued_bytes waited for the peer")               \
    X(closed_stuck, "connections closed: the peer took nothing within write_time")                 \
    X(closed_crowded, "connections closed: waiting_bytes was used up, most by them")               \
    X(closed_rejected, "connections closed: the route rejected a message")                         \
    X(closed_undeliverable, "connections closed: a message was undeliverable")                     \
    X(closed_error, "connections closed: the socket failed, or memory was short")                  \
    X(closed_at_stop, "connections closed by stop")                                                \
    X(unacknowledged, "those of them closed before the peer acknowledged all, for lack of time")

/* The sums over all network threads. */
struct counters {
#define HANDOFF_NET_FIELD(name, meaning) std::uint64_t name = 0;
    HANDOFF_NET_COUNTERS(HANDOFF_NET_FIELD)
#undef HANDOFF_NET_FIELD
};

/*
 * What one network thread needs of the layer behind it. The entrypoint comes with one over the C ABI
 * (see `services`); another one may stand here to measure or to test against it. Statuses, ownership
 * and descriptors are those of the C calls of the same name. Only its network thread calls it.
 */
class port {
  public:
    virtual ~port() = default;
    virtual std::uint32_t service_count() const noexcept = 0; /* a route names one below it */
    virtual std::int32_t reserve(std::uint64_t bytes, ho_buf *loan) noexcept = 0;
    virtual std::int32_t split(ho_buf *loan, std::uint64_t bytes, ho_buf *front) noexcept = 0;
    virtual void abort(ho_buf *loans, std::uint32_t count) noexcept = 0;
    /* To a target service, by key; may hold back publishing until flush. */
    virtual std::int32_t commit(std::uint32_t service, ho_buf *bufs, std::uint32_t count,
                                std::uint32_t *accepted) noexcept = 0;
    /* The end of a turn. A take follows: there may be answers then that no descriptor tells of. */
    virtual void flush() noexcept = 0;
    /* Of the egress service: armed by a take that says HO_EMPTY. The caller closes it. */
    virtual std::int32_t egress_fd(std::int32_t *fd) noexcept = 0;
    virtual std::int32_t take(ho_buf *bufs, std::uint32_t max, std::uint32_t *taken) noexcept = 0;
    virtual void return_all(ho_buf *bufs, std::uint32_t count) noexcept = 0;
    /* Nothing that was committed is on its way to an answer any more. */
    virtual bool quiet() noexcept = 0;
};

/* Makes the port of network thread 0, 1, ...; null and an error if it can't. */
using port_factory = std::function<std::unique_ptr<port>(std::uint32_t thread, std::error_code &)>;

/* The usual layer behind: of one domain, all of which outlive the entrypoint's stop(). */
struct services {
    ho_domain *domain;
    ho_arena *received; /* used by this entrypoint alone, one shard a network thread: its budget
                           bounds what is received and not yet returned */
    ho_service *egress; /* HO_CONSUMERS_BOUND, a partition for each network thread */
    /* Those that the route names, and any others that messages are forwarded to before they are answered: stop waits
     * for what a late one still has. */
    std::vector<ho_service *> targets;
    /* Optional: what a network thread does itself with messages of a target, after it has sent them on
     * (handoff::helper); the target's workers get the rest, and there must be one. Called once for each, by
     * start. The callbacks are the network thread's; in a turn they send at most an answer for each
     * message, to this thread's partition, whose lanes hold 512 of them, and must not wait for memory that
     * only this thread's sending gives back. */
    std::function<c_callback(std::uint32_t thread, std::uint32_t target)> helping = {};
};

/*
 * One listening address with its network threads. start, stop and the destructor: one thread at a
 * time, and none of the network threads, where start and stop of any entrypoint are refused
 * (errc::reentrant): the route runs there, and so does what `helping` gave. Nothing throws.
 */
class entrypoint {
  public:
    entrypoint() noexcept;
    ~entrypoint(); /* stop(0); nothing in a child of fork */
    entrypoint(const entrypoint &) = delete;
    entrypoint &operator=(const entrypoint &) = delete;

    /* Binds, opens shards, producers and consumers and starts the threads; on an error nothing stays. The
     * errors are the system's; equal to std::errc::invalid_argument for options out of range, and the
     * message names the option; or statuses of the C ABI (error.value()), and the message names the member
     * of `services` that it is about. */
    std::error_code start(const options &with, const services &behind) noexcept;
    std::error_code start(const options &with, const port_factory &ports) noexcept;

    /* The port that it listens on; 0 when not started. */
    std::uint16_t port_number() const noexcept;

    /* From any thread, also while stop runs; after stop they are final. The next start resets them. */
    counters read() const noexcept;

    /* Stops accepting and taking messages at once, sends the answers that are still to come, waits
     * until the peers have received them, closes the connections, returns every buffer, ends the
     * threads, closes what start opened. Services must go on working meanwhile. At most `timeout`:
     * 0 and less wait for nothing, `forever` has no end.
     * Returns errc::ok (every answer got out, over TCP to the peer's system, also when not started),
     * errc::timeout (stopped, but not so), errc::reentrant (called on a network thread: nothing was
     * done), errc::forked. */
    [[nodiscard]] std::error_code stop(std::chrono::nanoseconds timeout) noexcept;

  private:
    class running;
    std::unique_ptr<running> running_;
};

} // namespace net

HANDOFF_END

#endif
