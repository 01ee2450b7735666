/* SPDX-License-Identifier: MIT */
/*
 * A monster's handle travels in a message's 64-bit value. The value holds no reference: the service
 * that gets it asks the pool whether the monster still exists. A monster that died meanwhile is
 * refused, even if another one has its memory by then.
 */
#include <handoff/handoff.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct monster {
    const char *name;
    int32_t hp;
};

static ho_domain *domain;
static ho_pool *monsters;

static void must(int32_t status, const char *what)
{
    const char *name, *text;
    if (status == HO_OK)
        return;
    ho_strerror(status, &name, &text);
    fprintf(stderr, "pool_handle: %s: %s: %s\n", what, name, text);
    exit(1);
}

static ho_obj spawn(const char *name, int32_t hp)
{
    ho_obj obj;
    must(ho_pool_acquire(monsters, &obj), "a monster");
    *(struct monster *)obj.ptr = (struct monster){.name = name, .hp = hp};
    return obj;
}

/* The combat service. Only this service releases monsters, so a resolved one stays valid while it
 * looks at it. */
static void attacked(const ho_buf *message)
{
    const char *status;
    ho_obj target = {.handle = message->value};
    int32_t found = ho_pool_resolve(monsters, target.handle, &target.ptr);
    if (found != HO_OK) {
        ho_strerror(found, &status, NULL);
        printf("attack %" PRIu64 ": refused, %s\n", message->key, status);
        return;
    }
    struct monster *monster = target.ptr;
    monster->hp -= message->ptr[0];
    if (monster->hp > 0) {
        printf("attack %" PRIu64 ": %s has %d left\n", message->key, monster->name, monster->hp);
        return;
    }
    printf("attack %" PRIu64 ": %s dies\n", message->key, monster->name);
    must(ho_pool_release(monsters, &target), "releasing a monster");
    (void)spawn("a rat", 5); /* in the dead one's memory */
}

static void *combat(void *arg)
{
    ho_consumer *in = arg;
    ho_buf messages[16];
    uint32_t count = 0;
    while (ho_wait(in, -1) == HO_OK && ho_take(in, messages, 16, &count) != HO_CLOSED) {
        for (uint32_t i = 0; i < count; i++)
            attacked(&messages[i]);
        must(ho_return(domain, messages, count, NULL), "returning a message");
    }
    return NULL;
}

/* Stands in for the network: a player attacks the monster that it saw last. */
static void attack(ho_shard *shard, ho_producer *out, uint64_t number, uint64_t whom, uint8_t by)
{
    ho_buf loan;
    must(ho_reserve(shard, 1, NULL, &loan), "a loan");
    loan.ptr[0] = by;
    loan.len = 1;
    loan.key = number;
    loan.value = whom;
    must(ho_commit(out, &loan, 1, 0, NULL), "an attack");
}

/* Releases those still alive; ho_pool_close would return HO_E_BUSY. */
static uint32_t release_all(void)
{
    uint64_t cursor = 0, handles[16];
    uint32_t count, released = 0;
    while (ho_pool_visit(monsters, &cursor, handles, 16, &count) == HO_OK)
        for (uint32_t i = 0; i < count; i++) {
            ho_obj left = {.handle = handles[i]};
            if (ho_pool_resolve(monsters, left.handle, &left.ptr) == HO_OK)
                released += ho_pool_release(monsters, &left) == HO_OK;
        }
    return released;
}

int main(void)
{
    ho_pool_opts opts;
    ho_arena *arena;
    ho_shard *shard;
    ho_service *service;
    ho_producer *out;
    ho_consumer *in;
    pthread_t worker;
    must(ho_domain_create(NULL, &domain), "the domain");
    must(ho_arena_open(domain, NULL, &arena), "the arena");
    must(ho_init(HO_TYPE_POOL_OPTS, &opts, sizeof opts), "the options");
    opts.slot_bytes = sizeof(struct monster);
    opts.name = "monsters";
    must(ho_pool_open(arena, &opts, &monsters), "the pool");
    must(ho_shard_open(arena, &shard), "the shard");
    must(ho_service_open(domain, NULL, &service), "the service");
    must(ho_producer_open(service, shard, &out), "the producer");
    must(ho_consumer_open(service, NULL, &in), "the consumer");

    ho_obj ogre = spawn("the ogre", 100), bat = spawn("the bat", 10);
    if (pthread_create(&worker, NULL, combat, in) != 0)
        return 1;
    attack(shard, out, 1, ogre.handle, 30);
    attack(shard, out, 2, bat.handle, 5);
    attack(shard, out, 3, ogre.handle, 80);
    attack(shard, out, 4, ogre.handle, 80); /* dead by then */
    attack(shard, out, 5, bat.handle, 1);
    must(ho_producer_close(out), "closing the producer");
    (void)ho_service_close(service, 0, NULL); /* starts closing: what was sent is still taken */
    pthread_join(worker, NULL);

    printf("%u are left\n", release_all());
    must(ho_pool_close(monsters, NULL), "closing the pool");
    must(ho_consumer_close(in), "closing the consumer");
    must(ho_shard_close(shard), "closing the shard");
    must(ho_domain_close(domain, -1, NULL), "closing the domain");
    must(ho_domain_destroy(domain, NULL), "destroying the domain");
    return 0;
}
