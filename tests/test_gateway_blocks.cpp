/* SPDX-License-Identifier: MIT */
/* The memory of a gateway's network thread that has no arena. */
#include "shim_world.hpp"

#include "gateway/blocks.hpp"

namespace {

constexpr std::uint64_t block_bytes = 256u << 10;

void a_block_is_used_again_once_its_last_piece_is_dropped(void **)
{
    gateway::block_pool pool(block_bytes);
    ho_buf rest{};
    ho_buf front{};
    CHECK(pool.reserve(block_bytes, &rest) == HO_OK && rest.cap == block_bytes);
    auto *const first = rest.ptr;
    CHECK(pool.split(&rest, 100, &front) == HO_OK);
    CHECK(front.ptr == first && front.cap == 100 && front.len == 100);
    CHECK(rest.ptr == first + 100 && rest.cap == block_bytes - 100);
    CHECK(pool.buffers_out() == 2);
    pool.drop(rest);
    pool.drop(rest); /* empty by now */
    CHECK(pool.buffers_out() == 1);
    ho_buf other{};
    CHECK(pool.reserve(10, &other) == HO_OK && other.ptr != first);
    pool.drop(front);
    ho_buf again{};
    CHECK(pool.reserve(10, &again) == HO_OK && again.ptr == first);
    CHECK(pool.held_bytes() == 2 * block_bytes);
    pool.drop(again);
    pool.drop(other);
    CHECK(pool.buffers_out() == 0);
}

void what_it_has_not_is_refused_and_changes_nothing(void **)
{
    gateway::block_pool pool(block_bytes);
    ho_buf loan{};
    CHECK(pool.reserve(block_bytes + 1, &loan) == HO_E_RANGE && loan.kind == HO_KIND_EMPTY);
    CHECK(pool.reserve(100, &loan) == HO_OK);
    ho_buf front{};
    CHECK(pool.split(&loan, 101, &front) == HO_E_RANGE);
    CHECK(front.kind == HO_KIND_EMPTY && loan.cap == 100 && pool.buffers_out() == 1);
    pool.drop(loan);
}

void a_pool_holds_no_more_than_it_may(void **)
{
    gateway::block_pool pool(block_bytes);
    std::vector<ho_buf> loans;
    ho_buf loan{};
    while (pool.reserve(1, &loan) == HO_OK)
        loans.push_back(loan);
    CHECK(loans.size() == gateway::pool_most_bytes / block_bytes);
    CHECK(pool.reserve(1, &loan) == HO_FULL);
    pool.drop(loans.back());
    CHECK(pool.reserve(1, &loans.back()) == HO_OK);
    for (auto &each : loans)
        pool.drop(each);
    CHECK(pool.buffers_out() == 0 && pool.held_bytes() == gateway::pool_most_bytes);
}

const CMUnitTest tests[] = {
    cmocka_unit_test(a_block_is_used_again_once_its_last_piece_is_dropped),
    cmocka_unit_test(what_it_has_not_is_refused_and_changes_nothing),
    cmocka_unit_test(a_pool_holds_no_more_than_it_may),
};

} // namespace

HO_TEST_MAIN(tests)
