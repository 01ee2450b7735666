/* SPDX-License-Identifier: MIT */
/* Owner: keeps given C++ objects alive until their bytes come back, and then destroys them. */
#ifndef HANDOFF_OWNER_HPP
#define HANDOFF_OWNER_HPP

#include "handoff/domain.hpp"

#include <atomic>
#include <memory>
#include <new>

namespace handoff {

/* Where a given object is destroyed. */
enum class release_mode : std::uint32_t {
    here = HO_RELEASE_INLINE,   /* on the thread that returns the last part of it */
    drained = HO_RELEASE_DRAIN, /* inside owner::drain */
    event = HO_RELEASE_EVENT,   /* the same, and owner::fd becomes readable */
};

namespace detail {

/* What an owner's release works on. It has two users, the owner object and the registration, whose
 * last use is `detached`; the second to leave frees it. */
class keeper_base {
  public:
    bool leave() noexcept { return users_.fetch_sub(1, std::memory_order_acq_rel) == 1; }

  private:
    std::atomic<int> users_{2};
};

/* Keeps objects in nodes on the heap, and the nodes for the next objects. Giving is for one thread at
 * a time, which takes from `spare_`; releases may run on any threads and push to `returned_`, which
 * only ever is taken as a whole, so a node can't come back under a compare-and-swap (no ABA). */
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

    /* [giver] A node that holds the object now; nullptr when there is no memory. */
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
        return at;
    }

    /* [giver] Puts back a node that was not accepted, after its object was moved out. */
    void undo(node *at) noexcept
    {
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
        auto &top = static_cast<keeper *>(ctx)->returned_;
        last->next = top.load(std::memory_order_relaxed); /* only a guess, which the swap checks */
        while (!top.compare_exchange_weak(last->next, first, std::memory_order_release,
                                          std::memory_order_relaxed)) {
        }
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

/* A unique_ptr whose deleter has no state is its pointer: the token says it all, no node is needed. */
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
 * std::shared_ptr<const void>, or a packet type of the user. Registered once, used for every give
 * (give.hpp).
 *
 * Threads: giving is for one thread at a time per owner, draining too; the two may differ, and
 *   objects may be released on any thread meanwhile. So one owner per giving thread and type.
 * Memory: an object lives in a node of its size plus a pointer, allocated when none is spare. Nodes are
 *   used again, so a steady flow allocates nothing; as many stay as were out at once at the most,
 *   until the owner is gone. A unique_ptr needs no node.
 * Destruction: retires the owner. What is out is released as before, and its nodes are freed after
 *   the last release; in the modes drained and event, drain until errc::empty before.
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
        options.detached = &leave;
        options.ctx = kept.get();
        std::uint32_t id = 0;
        const auto status = ho_owner_register(in.raw(), &options, &id);
        if (status != HO_OK)
            return {owner(), to_error_code(status)};
        return {owner(in.raw(), id, kept.release()), {}};
    }

    owner(owner &&from) noexcept
        : home_(from.home_), kept_(std::exchange(from.kept_, nullptr)), id_(from.id_)
    {
    }
    owner &operator=(owner &&from) noexcept
    {
        if (this != &from) {
            reset();
            home_ = from.home_;
            kept_ = std::exchange(from.kept_, nullptr);
            id_ = from.id_;
        }
        return *this;
    }
    ~owner() { reset(); }

    explicit operator bool() const noexcept { return kept_ != nullptr; }

    /* What ho_buf.owner is set to; 0 when empty. */
    std::uint32_t id() const noexcept { return kept_ == nullptr ? 0 : id_; }

    void reset() noexcept
    {
        if (kept_ == nullptr)
            return;
        ho_owner_retire(home_, id_); /* refused if the domain's close has done it: as good */
        leave(std::exchange(kept_, nullptr));
    }

    /* As ho_owner_drain: destroys up to `max` objects that came back, on this thread. */
    result<std::uint32_t> drain(std::uint32_t max = UINT32_MAX) noexcept
    {
        std::uint32_t drained = 0;
        const auto status = ho_owner_drain(home_, id(), max, &drained);
        return {drained, to_error_code(status)};
    }

    /* An eventfd that is readable while objects wait for drain (mode event); a new one at each call,
     * which the caller closes. */
    result<int> fd() const noexcept
    {
        std::int32_t fd = -1;
        const auto status = ho_owner_fd(home_, id(), &fd);
        return {fd, to_error_code(status)};
    }

    /* Where give.hpp puts objects; nullptr when empty. */
    keeper *kept() const noexcept { return kept_; }

  private:
    owner(ho_domain *home, std::uint32_t id, keeper *kept) noexcept
        : home_(home), kept_(kept), id_(id)
    {
    }

    static void leave(void *kept) noexcept
    {
        auto *mine = static_cast<keeper *>(kept);
        if (mine->leave())
            delete mine;
    }

    ho_domain *home_ = nullptr;
    keeper *kept_ = nullptr;
    std::uint32_t id_ = 0;
};

} // namespace handoff

#endif
