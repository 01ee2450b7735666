/* SPDX-License-Identifier: MIT */
/* The smallest program that uses the installed library: exit 0 after one whole round trip. */
#include <handoff/handoff.h>
#include <string.h>

int main(void)
{
    ho_domain *domain;
    ho_arena *arena;
    ho_shard *shard;
    ho_service *service;
    ho_producer *producer;
    ho_consumer *consumer;
    ho_buf sent, got;
    uint32_t taken = 0;
    int bad = ho_domain_create(NULL, &domain) || ho_arena_open(domain, NULL, &arena) ||
              ho_shard_open(arena, &shard) || ho_service_open(domain, NULL, &service) ||
              ho_producer_open(service, shard, &producer) ||
              ho_consumer_open(service, NULL, &consumer) || ho_reserve(shard, 1500, NULL, &sent);
    if (bad)
        return 1;
    memcpy(sent.ptr, "hello", sent.len = 5);
    bad = ho_commit(producer, &sent, 1, 0, NULL) || ho_wait(consumer, 1000000000) ||
          ho_take(consumer, &got, 1, &taken) || taken != 1 || got.len != 5 ||
          memcmp(got.ptr, "hello", 5) != 0 || ho_return(domain, &got, 1, NULL);
    return bad || ho_producer_close(producer) || ho_shard_close(shard) ||
           ho_consumer_close(consumer) || ho_service_close(service, 0, NULL) ||
           ho_arena_close(arena, 0, NULL) || ho_domain_close(domain, 0, NULL) ||
           ho_domain_destroy(domain, NULL);
}
