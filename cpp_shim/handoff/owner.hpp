/* SPDX-License-Identifier: MIT */
/* Owner: keeps given C++ objects alive until their bytes come back, then destroys them. */
#ifndef HANDOFF_OWNER_HPP
#define HANDOFF_OWNER_HPP

#include "handoff/domain.hpp"

#include <atomic>
#include <memory>
#include <new>

HANDOFF_BEGIN

/* Where a given object is destroyed. */
enum class release_mode : std::uint32_t {
    here = HO_RELEASE_INLINE,   /* on the thread that returns the last part of the object */
    drained = HO_RELEASE_DRAIN, /* inside owner::drain */
    event = HO_RELEASE_EVENT,   /* as drained, and owner::fd becomes readable */
};

namespace detail {

/* The state that an owner's release works on. The owner object and all objects that are out share it; the last of
 * them frees it. The balance is far above zero while the owner exists; when it goes, the number given is added. */
class keeper_base {
  public:
    /* [giver] One more object is out; or one fewer, because it was refused. */
    void given() noexcept { ++given_; }
    void refused() noexcept { --given_; }
    /* The owner goes. True: nothing is out, and the caller frees this. */
    bool leave() noexcept { return drop(owned - given_); }
    /* `count` came back. True: the caller frees this. False: it must not touch this again. */
    bool came_back(std::uint32_t count) noexcept { return drop(count); }

  private:
    static constexpr std::uint64_t owned = std::uint64_t{1} << 62;
    bool drop(std::uint64_t n) noexcept
    {
        return balance_.fetch_sub(n, std::memory_order_acq_rel) == n;
    }

    std::uint64_t given_ = 0;
    std::atomic<std::uint64_t> balance_{owned};
};

/* Keeps objects in nodes on the heap, and reuses the nodes. One thread at a time gives, and takes nodes from
 * `spare_`. Releases may run on any threads and push to `returned_`, which is only ever taken as a whole, so a
 * node can't come back during a compare-and-swap (no ABA). */
template <class T> class keeper : public keeper_base {
    static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T>,
                  "a given object moves to the heap, and back if it is refused: neither may throw");

  public:
    struct node {
        node() noexcept {}
        ~node() {}
        node *next = nullptr;
        union {
            T object;
        };
    };

    ~keeper()
    {
        free_all(spare_);
        free_all(returned_.load(std::memory_order_acquire));
    }

    /* [giver] Moves the object into a node; nullptr if there is no memory. */
    node *put(T &&object) noexcept
    {
        if (spare_ == nullptr)
            spare_ = returned_.exchange(nullptr, std::memory_order_acquire);
        node *at = spare_;
        if (at != nullptr)
            spare_ = at->next;
        else if ((at = new (std::nothrow) node) == nullptr)
            return nullptr;
        ::new (static_cast<void *>(std::addressof(at->object))) T(std::move(object));
        given();
        return at;
    }

    /* [giver] Takes back the node of a refused object, after the object was moved out. */
    void undo(node *at) noexcept
    {
        refused();
        at->object.~T();
        at->next = spare_;
        spare_ = at;
    }

    static void release(void *ctx, const ho_release_rec *recs, std::uint32_t count) noexcept
    {
        node *first = nullptr;
        node *last = nullptr;
        for (std::uint32_t i = 0; i < count; ++i) {
            node *at = reinterpret_cast<node *>(recs[i].token);
            at->object.~T();
            at->next = first;
            first = at;
            last = last == nullptr ? at : last;
        }
        auto *mine = static_cast<keeper *>(ctx);
        auto &top = mine->returned_;
        last->next = top.load(std::memory_order_relaxed); /* a guess; the swap checks it */
        while (!top.compare_exchange_weak(last->next, first, std::memory_order_release,
                                          std::memory_order_relaxed)) {
        }
        if (mine->came_back(count))
            delete mine;
    }

  private:
    static void free_all(node *list) noexcept
    {
        while (list != nullptr)
            delete std::exchange(list, list->next);
    }

    alignas(line_pair_bytes) node *spare_ = nullptr;
    alignas(line_pair_bytes) std::atomic<node *> returned_{nullptr};
};

/* A unique_ptr with a stateless deleter is just its pointer, which fits in the token: it needs no node, and a
 * release touches no keeper. */
template <class T, class Deleter> class keeper<std::unique_ptr<T, Deleter>> : public keeper_base {
    using pointer = typename std::unique_ptr<T, Deleter>::pointer;
    static_assert(std::is_pointer_v<pointer> && std::is_empty_v<Deleter> &&
                      std::is_default_constructible_v<Deleter>,
                  "a deleter with state has no room in the token: give an object that holds both");

  public:
    static void release(void *, const ho_release_rec *recs, std::uint32_t count) noexcept
    {
        for (std::uint32_t i = 0; i < count; ++i)
            Deleter{}(reinterpret_cast<pointer>(recs[i].token));
    }
};

} // namespace detail

/*
 * The owner of given objects of type T: std::string, std::vector<E>, std::unique_ptr<E, D>,
 * std::shared_ptr<const void>, or a packet type of the user's. Open it once and use it for every give
 * (give.hpp).
 *
 * Threads: one thread at a time gives, and one thread at a time drains; the two may differ, and objects may
 *   be released on any thread meanwhile. So open one owner per giving thread and type.
 * Memory: an object lives in a node of its size plus a pointer, allocated if none is spare. Nodes are
 *   reused, so a steady flow allocates nothing. The owner keeps its peak number of nodes.
 *   A unique_ptr needs no node.
 * Destruction: retires the owner. Objects that are out are still released, and the nodes are freed after the
 *   last release. In the modes drained and event, drain until errc::empty before destruction.
 */
template <class T> class owner {
    using keeper = detail::keeper<T>;

  public:
    owner() noexcept = default;

    static result<owner> open(const domain &in, release_mode mode = release_mode::here) noexcept
    {
        std::unique_ptr<keeper> kept(new (std::nothrow) keeper);
        if (!kept)
            return {owner(), errc::no_memory};
        owner_options options;
        options.mode = static_cast<std::uint32_t>(mode);
        options.release = &keeper::release;
        options.ctx = kept.get();
        std::uint32_t id = 0;
        const auto status = ho_owner_register(in.raw(), &options, &id);
        if (status != HO_OK)
            return {owner(), to_error_code(status)};
        return {owner(in.raw(), id, kept.release()), {}};
    }

    owner(owner &&from) noexcept
        : domain_(from.domain_), kept_(std::exchange(from.kept_, nullptr)), id_(from.id_)
    {
    }
    owner &operator=(owner &&from) noexcept
    {
        if (this != &from) {
            reset();
            domain_ = from.domain_;
            kept_ = std::exchange(from.kept_, nullptr);
            id_ = from.id_;
        }
        return *this;
    }
    ~owner() { reset(); }

    explicit operator bool() const noexcept { return kept_ != nullptr; }

    /* The number for ho_buf.owner; 0 when empty. */
    std::uint32_t id() const noexcept { return kept_ == nullptr ? 0 : id_; }

    void reset() noexcept
    {
        if (kept_ == nullptr)
            return;
        ho_owner_retire(domain_, id_, 0); /* what is out is released later */
        let_go();
    }

    /* As ho_owner_retire. After errc::ok this owner is empty and no code of T runs any more, so the shared object
     * with that code may be unloaded. After errc::timeout it can't give any more; call retire again. */
    std::error_code retire(std::chrono::nanoseconds timeout) noexcept
    {
        const auto status = ho_owner_retire(domain_, id(), detail::timeout_ns(timeout));
        if (status == HO_OK)
            let_go();
        return to_error_code(status);
    }

    /* As ho_owner_drain: destroys up to `max` objects that came back, on this thread. */
    result<std::uint32_t> drain(std::uint32_t max = UINT32_MAX) noexcept
    {
        std::uint32_t drained = 0;
        const auto status = ho_owner_drain(domain_, id(), max, &drained);
        return {drained, to_error_code(status)};
    }

    /* An eventfd that is readable while objects wait for drain (mode event). Each call gives a new one, which
     * the caller closes. */
    result<int> fd() const noexcept
    {
        std::int32_t fd = -1;
        const auto status = ho_owner_fd(domain_, id(), &fd);
        return {fd, to_error_code(status)};
    }

    /* Where give.hpp puts objects; nullptr when empty. */
    keeper *kept() const noexcept { return kept_; }

  private:
    owner(ho_domain *in, std::uint32_t id, keeper *kept) noexcept
        : domain_(in), kept_(kept), id_(id)
    {
    }

    void let_go() noexcept
    {
        keeper *mine = std::exchange(kept_, nullptr);
        if (mine->leave())
            delete mine;
    }

    ho_domain *domain_ = nullptr;
    keeper *kept_ = nullptr;
    std::uint32_t id_ = 0;
};

HANDOFF_END

#endif
