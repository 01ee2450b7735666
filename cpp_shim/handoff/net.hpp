/* SPDX-License-Identifier: MIT */
/*
 * The network entrypoint receives bytes from UDP or TCP sockets straight into loans and sends them to the services
 * that a routing function names. Services commit their answers to the egress service; the network thread that owns the
 * connection sends them to the peer, straight from their buffers.
 *
 * In a message for a service, ho_buf.value is the connection id and ho_buf.key the key that the route gave. An answer
 * goes to the egress service, to the partition of its network thread, with ho_buf.value = the connection id;
 * ho_net_answer sets both, and the key is free. A service must publish its answer before it returns the message, so
 * that stop() can tell when no more answers are coming. Answers of one producer stay in order. Answers of one worker
 * and the only network thread that helps it stay in order by key. Answers of workers that share a service may overtake
 * each other.
 *
 * UDP: a message is a datagram. TCP: a message is the payload of a frame, after a 4-byte little-endian length; its
 * address is not aligned.
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
    std::uint64_t key;     /* selects the partition; messages with the same key stay in order */
};
inline constexpr std::uint32_t rejected = 0xffffffffu;

/* Chooses service and key for a complete message. It runs on all network threads at the same time, so it may only
 * read what they share. If it rejects a message or throws, the datagram is dropped or the TCP connection closed. */
using route_fn = std::function<route(const_bytes message, std::uint64_t connection)>;

/* What a peer may do. A peer that breaks a limit loses its connection and affects nobody else. Durations must be
 * positive; those above 100 years count as 100 years. */
struct limits {
    std::uint32_t frame_bytes = 2048;  /* largest payload or datagram, 1 to what a segment holds */
    std::uint32_t connections = 65536; /* TCP connections or UDP peers of all threads together, 1 to
                                          2,097,152 */
    /* TCP: the most time from the first byte of a frame to its last. */
    std::chrono::milliseconds frame_time{5000};
    /* TCP: the most answers queued for one connection behind the one being sent, which may be of any size. At least
     * frame_bytes. */
    std::uint64_t queued_bytes = 1u << 20;
    /* TCP: how long a peer may make no progress while something waits for it: it takes nothing of an answer, or its
     * connection is ending and an answer owed to it does not come or is not acknowledged. */
    std::chrono::milliseconds write_time{30000};
    /* TCP: how long a connection may be idle, with no byte from the peer and no answer to it. Also how long its
     * service may take none of its messages. */
    std::chrono::milliseconds idle_time{300000};
    /* TCP: after a peer has been silent for this long, in whole seconds, the system probes it. A peer that
     * acknowledges nothing for keep_alive plus write_time counts as gone. */
    std::chrono::milliseconds keep_alive{30000};
    /* TCP: memory per network thread for copies of answers that wait for lagging peers, so that these hold no arena
     * memory. When it is used up, the peer with the most waiting bytes loses its connection. As much again for
     * copies of messages that wait for lagging services; what does not fit stays in the arena. At least
     * frame_bytes. */
    std::uint64_t waiting_bytes = 64u << 20;
    /* UDP: a peer that has been quiet for this long may be forgotten to make room for another. */
    std::chrono::milliseconds peer_idle{30000};
};

struct options {
    transport kind = transport::udp;
    /* The address of a local interface, IPv4 or IPv6; or of all: 0.0.0.0, or ::, which includes IPv4. Not a name. */
    std::string address = "127.0.0.1";
    std::uint16_t port = 0; /* 0: any free one */
    /* Whether other entrypoints of the same user, in this process or others, may listen on the same port if they also
     * set this. Otherwise the second one fails with "address in use". */
    bool share_port = false;
    std::uint32_t threads = 1; /* network threads, 1 to 1,024; the kernel spreads peers over them */
    std::uint32_t first_partition = 0; /* of the egress service, for the first network thread */
    /* UDP: socket buffer size to request for each direction; 0: the system's default. The system may grant
     * less. */
    std::uint32_t socket_bytes = 32u << 20;
    /* After a turn that brought many messages, a network thread rests this long. It then receives what has arrived
     * in one go and wakes fewer threads, which saves processor time and costs latency. 0: never. At most
     * 10 ms. */
    std::chrono::microseconds rest{0};
    limits limit;
    route_fn routing; /* required */
};

/* X(name, meaning): the counters. They only grow, except `connections`. */
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
 * What one network thread needs from the layer behind it. The entrypoint has an implementation over the C ABI (see
 * `services`); others can replace it for measurements and tests. Statuses, ownership and descriptors are as in the C
 * calls of the same name. Only its network thread calls it.
 */
class port {
  public:
    virtual ~port() = default;
    virtual std::uint32_t service_count() const noexcept = 0; /* route::service is below it */
    virtual std::int32_t reserve(std::uint64_t bytes, ho_buf *loan) noexcept = 0;
    virtual std::int32_t split(ho_buf *loan, std::uint64_t bytes, ho_buf *front) noexcept = 0;
    virtual void abort(ho_buf *loans, std::uint32_t count) noexcept = 0;
    /* Commits to a target service, by key; may hold back the publish until flush. */
    virtual std::int32_t commit(std::uint32_t service, ho_buf *bufs, std::uint32_t count,
                                std::uint32_t *accepted) noexcept = 0;
    /* Ends a turn. A take follows, because there may be answers that no descriptor reports. */
    virtual void flush() noexcept = 0;
    /* The descriptor of the egress service, armed by a take that returns HO_EMPTY. The caller closes it. */
    virtual std::int32_t egress_fd(std::int32_t *fd) noexcept = 0;
    virtual std::int32_t take(ho_buf *bufs, std::uint32_t max, std::uint32_t *taken) noexcept = 0;
    virtual void return_all(ho_buf *bufs, std::uint32_t count) noexcept = 0;
    /* True when no committed message can still lead to an answer. */
    virtual bool quiet() noexcept = 0;
};

/* Makes the port of network thread 0, 1, ...; on failure it returns null and sets the error. */
using port_factory = std::function<std::unique_ptr<port>(std::uint32_t thread, std::error_code &)>;

/* The usual layer behind: objects of one domain. All must outlive the entrypoint's stop(). */
struct services {
    ho_domain *domain;
    ho_arena *received; /* used only by this entrypoint, with one shard per network thread; its
                           budget bounds what is received and not yet returned */
    ho_service *egress; /* HO_CONSUMERS_BOUND, with one partition per network thread */
    /* The services that the route names, and any others that messages are forwarded to before they are answered. stop
     * waits for messages that a late service still has. */
    std::vector<ho_service *> targets;
    /* Optional: gives the callback with which a network thread handles messages of a target itself, after it has
     * sent them (handoff::helper). The target's workers get the rest; it must have at least one. start calls this
     * once for each thread and target. The callback runs on the network thread. In a turn it sends at most one answer
     * per message, to this thread's partition, whose lanes hold 512 of them. It must not wait for memory that only
     * this thread's sending gives back. */
    std::function<c_callback(std::uint32_t thread, std::uint32_t target)> helping = {};
};

/*
 * One listening address with its network threads. One thread at a time may call start, stop and the destructor. On a
 * network thread, where the route and the callbacks from `helping` run, start and stop of any entrypoint are
 * refused (errc::reentrant). Nothing throws.
 */
class entrypoint {
  public:
    entrypoint() noexcept;
    ~entrypoint(); /* stop(0); does nothing in a forked child */
    entrypoint(const entrypoint &) = delete;
    entrypoint &operator=(const entrypoint &) = delete;

    /* Binds, opens shards, producers and consumers, and starts the threads; on an error everything is undone. Errors
     * are those of the system; equal to std::errc::invalid_argument for an option out of range, with a message that
     * names the option; or statuses of the C ABI (error.value()), with a message that names the member of
     * `services` concerned. */
    std::error_code start(const options &with, const services &behind) noexcept;
    std::error_code start(const options &with, const port_factory &ports) noexcept;

    /* The port that it listens on; 0 if not started. */
    std::uint16_t port_number() const noexcept;

    /* Reads the counters, from any thread, also while stop runs. After stop they are final; the next start resets
     * them. */
    counters read() const noexcept;

    /* Stops accepting connections and messages at once, sends the answers still to come, waits until the peers have
     * received them, closes the connections, returns every buffer, ends the threads, and closes what start opened.
     * The services must keep working meanwhile. Waits at most `timeout`: zero or less does not wait, `forever` has
     * no limit.
     * Returns errc::ok (every answer was sent, over TCP as far as the peer's system; also if not started),
     * errc::timeout (stopped, but not every answer was sent), errc::reentrant (called on a network thread; nothing was
     * done), errc::forked. */
    [[nodiscard]] std::error_code stop(std::chrono::nanoseconds timeout) noexcept;

  private:
    class running;
    std::unique_ptr<running> running_;
};

} // namespace net

HANDOFF_END

#endif
