/* SPDX-License-Identifier: MIT */
/*
 * Raids, as the network thread works them off, a step at a time between messages. A raid is announced: whoever can
 * gets ready. When it has begun, a step creates the objects for one queue and tells of them in one message:
 *   raid_mark | their count, stamp (ticks: when they are to be there), and for each {number, reference}
 */
#ifndef HANDOFF_BENCH_BOSS_HPP
#define HANDOFF_BENCH_BOSS_HPP

#include "story/meter.hpp"
#include "story/schedule.hpp"

#include <utility>

namespace bench {

inline constexpr std::uint64_t raid_mark = std::uint64_t{1} << 63;

struct news {
    std::uint64_t number;
    std::uint64_t reference;
};
inline constexpr std::uint32_t news_most =
    (story_shape.bytes - traffic::header_bytes) / sizeof(news);

inline news news_of(const std::uint8_t *message, std::uint64_t i)
{
    news one;
    std::memcpy(&one, message + traffic::header_bytes + i * sizeof one, sizeof one);
    return one;
}

/* What a step came to. */
struct raid_step {
    bool worked = false;
    std::uint32_t due = 0;   /* objects */
    std::uint32_t sent = 0;  /* all of them, or none */
    std::uint64_t bytes = 0; /* of the message, and of these objects */
    std::uint64_t sum = 0;   /* of the words of both */
    bool last = false;       /* of its raid */
    double began_ns = 0;
};

template <class C> class boss {
  public:
    boss(C &of, const object_book &book, std::uint32_t sessions, double ns)
        : contestant_(of), book_(book)
    {
        for (std::uint64_t n = 0; raid_first_ns + double(n) * raid_every_ns < ns; ++n)
            raids_.push_back(plan_of<C>(n, sessions, book));
    }
    const clock_meter &cost() const { return cost_; }

    /* `begin`: ticks at 0 ns. `room` of each service: of a message that was lost, the next one takes it. */
    template <class Ends>
    raid_step step(std::uint64_t begin, Ends &ends, std::vector<std::uint8_t *> &rooms)
    {
        raid_step done;
        if (raid_ == raids_.size())
            return done;
        const auto now_ns = double(ticks() - begin) * scale_;
        done.began_ns = raid_first_ns + double(raid_) * raid_every_ns;
        if (now_ns < done.began_ns - raid_announced_ns)
            return done;
        if (ready_ < types) {
            get_ready();
            done.worked = true;
        } else if (now_ns >= done.began_ns) {
            const auto stamp = begin + std::uint64_t((done.began_ns + raid_ns) / scale_);
            create(ends, rooms, stamp, done);
        }
        return done;
    }

  private:
    static constexpr double buffered_ns = 100e6;

    void get_ready()
    {
        const auto &plan = raids_[raid_];
        const auto type = ready_++;
        contestant_.expect(
            type, std::uint32_t(std::count_if(plan.begin(), plan.end(), [type](const planned &p) {
                return p.type == type;
            })));
    }

    template <class Ends>
    void create(Ends &ends, std::vector<std::uint8_t *> &rooms, std::uint64_t stamp,
                raid_step &done)
    {
        const auto &plan = raids_[raid_];
        const auto *first = &plan[at_];
        auto &end = *ends[first->service];
        auto &room = rooms[first->service];
        for (; at_ < plan.size() && done.due < news_most && plan[at_].queue == first->queue &&
               plan[at_].service == first->service;
             ++at_)
            ++done.due;
        done.worked = true;
        done.last = at_ == plan.size();
        if (done.last) {
            ++raid_;
            at_ = ready_ = 0;
        }
        if (ticks() > stamp && double(ticks() - stamp) * scale_ > buffered_ns)
            return;
        if (!room)
            room = end.get();
        if (!room || !instantiate(first, done, stamp))
            return;
        const auto len = tell(room, first, done.due, stamp);
        const auto sum = traffic::read(room, len);
        if (!end.hand_over(len, first->session)) {
            undo(first, done.due);
            return;
        }
        room = nullptr;
        done.sent = done.due;
        done.bytes += len;
        done.sum += sum;
    }

    /* All of them, or none. */
    bool instantiate(const planned *of, raid_step &done, std::uint64_t stamp)
    {
        for (std::uint32_t from = 0, n; from < done.due; from += n) {
            const auto type = of[from].type;
            for (n = 1; from + n < done.due && of[from + n].type == type;)
                ++n;
            auto *const before = std::exchange(measuring, &cost_);
            const bool good = contestant_.create(type, n, &made_[from]);
            measuring = before;
            if (!good) {
                undo(of, from);
                return false;
            }
            for (std::uint32_t i = from; i < from + n; ++i) {
                book_.fill(made_[i].ptr, of[i].number, stamp);
                done.sum += book_.sum(of[i].number, stamp);
            }
            done.bytes += std::uint64_t{n} * object_types[type].bytes;
        }
        return true;
    }
    void undo(const planned *of, std::uint32_t n)
    {
        for (std::uint32_t i = 0; i < n; ++i)
            contestant_.end(of[i].type, made_[i]);
    }

    std::uint32_t tell(std::uint8_t *room, const planned *of, std::uint32_t n, std::uint64_t stamp)
    {
        const std::uint64_t header[] = {raid_mark | n, stamp};
        std::memcpy(room, header, sizeof header);
        for (std::uint32_t i = 0; i < n; ++i) {
            const news one{of[i].number, made_[i].reference};
            std::memcpy(room + sizeof header + i * sizeof one, &one, sizeof one);
        }
        return std::uint32_t(sizeof header + n * sizeof(news));
    }

    C &contestant_;
    const object_book &book_;
    const double scale_ = ns_per_tick();
    std::vector<std::vector<planned>> raids_;
    std::size_t raid_ = 0;    /* that is next, or goes on */
    std::size_t at_ = 0;      /* of its plan */
    std::uint32_t ready_ = 0; /* types that are prepared */
    live_object made_[news_most];
    clock_meter cost_; /* of getting memory for objects */
};

} // namespace bench

#endif
