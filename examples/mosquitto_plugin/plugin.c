/* SPDX-License-Identifier: MIT */
/* A plugin for the mosquitto broker (2.0) that hands messages published on ask/# to a C service,
 * and publishes the answers on ans/#.
 *
 * The hook has the payload only during the call, so it is copied once, straight into a loan. The
 * hook can neither pause the client nor be called again, but it can refuse: an MQTT 5 client then
 * gets "not authorized" (the only refusal that the broker lets a plugin choose), and may try again.
 *
 * The broker lets plugins publish only on its own thread, and accepts no descriptor from them. So
 * answers go out in its tick: answers computed on this thread go out in the same turn, the worker's
 * up to 100 ms later if nothing else happens in the broker.
 *
 * Options: plugin_opt_plain true (answers in the hook, without handoff), plugin_opt_work_us,
 * plugin_opt_lane_slots. */
#include "service.h"

#include <ctype.h>
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 64u
#define OUT_MOST (8 * BATCH)
#define EXPORT __attribute__((visibility("default")))

static struct {
    mosquitto_plugin_id_t *id;
    ho_domain *domain;
    ho_arena *memory;
    ho_service *requests, *answers;
    /* The ends of the broker's thread; its shard is that of `mine`. */
    ho_producer *to_requests;
    ho_consumer *from_answers;
    struct service mine, worker;
    pthread_t thread;
    ho_buf out[OUT_MOST]; /* answers of this turn, in the order in which they are sent */
    uint32_t out_count;
    uint64_t plain, work_us, lane_slots, answered, refused;
} p;

static const char *why(int32_t status)
{
    const char *text = "";
    ho_strerror(status, NULL, &text);
    return text;
}

static int32_t open_ends(struct service *of)
{
    of->domain = p.domain;
    of->work_us = p.work_us;
    int32_t status = ho_consumer_open(p.requests, NULL, &of->requests);
    if (!status)
        status = ho_shard_open(p.memory, &of->shard);
    return status ? status : ho_producer_open(p.answers, of->shard, &of->answers);
}

static int32_t open_all(void)
{
    ho_service_opts opts;
    int32_t status = ho_domain_create(NULL, &p.domain);
    if (!status)
        status = ho_arena_open(p.domain, NULL, &p.memory);
    ho_init(HO_TYPE_SERVICE_OPTS, &opts, sizeof opts);
    opts.partitions = 16;
    opts.lane_slots = (uint32_t)p.lane_slots; /* as long as the worker's longest pause */
    if (!status)
        status = ho_service_open(p.domain, &opts, &p.requests);
    ho_init(HO_TYPE_SERVICE_OPTS, &opts, sizeof opts);
    opts.policy = HO_POLICY_WAIT; /* the worker may wait for the broker, never the reverse */
    if (!status)
        status = ho_service_open(p.domain, &opts, &p.answers);
    if (!status)
        status = ho_consumer_open(p.answers, NULL, &p.from_answers);
    if (!status)
        status = open_ends(&p.mine);
    if (!status)
        status = ho_producer_open(p.requests, p.mine.shard, &p.to_requests);
    if (!status) /* the broker's thread handles light messages itself */
        status = ho_consumer_help(p.mine.requests, p.to_requests, 0);
    if (!status)
        status = open_ends(&p.worker);
    p.worker.may_wait = 1;
    return status;
}

/* Publishes the collected answers; the broker copies them. */
static void publish_answers(void)
{
    for (uint32_t i = 0; i < p.out_count; i++) {
        const char *topic = (const char *)p.out[i].ptr;
        size_t skip = strlen(topic) + 1;
        mosquitto_broker_publish_copy(NULL, topic, (int)(p.out[i].len - skip), topic + skip,
                                      (int)p.out[i].value, false, NULL);
    }
    p.answered += p.out_count;
    ho_return(p.domain, p.out, p.out_count, NULL);
    p.out_count = 0;
}

static void collect_answers(void)
{
    uint32_t count = 0;
    do {
        p.out_count += count;
        if (p.out_count + BATCH > OUT_MOST)
            publish_answers();
    } while (ho_take(p.from_answers, p.out + p.out_count, BATCH, &count) == HO_OK);
}

/* Each turn of the broker's loop. The library measures how long messages take here, so publishing
 * comes afterwards. */
static int on_tick(int event, void *data, void *user)
{
    ho_buf messages[16];
    uint32_t count;
    (void)event, (void)data, (void)user;
    ho_flush(p.to_requests);
    while (ho_take(p.mine.requests, messages, 16, &count) == HO_OK) {
        collect_answers(); /* earlier answers of other threads go out first */
        service_work(&p.mine, messages, count);
        ho_return(p.domain, messages, count, NULL);
    }
    collect_answers();
    publish_answers();
    return MOSQ_ERR_SUCCESS;
}

/* The one copy, into memory that the service may keep and write to. */
static int32_t send_on(const struct mosquitto_evt_message *what)
{
    ho_buf loan;
    size_t topic = strlen(what->topic) + 1;
    int32_t status = ho_reserve(p.mine.shard, topic + what->payloadlen, NULL, &loan);
    if (status)
        return status; /* HO_FULL, or HO_E_RANGE: longer than a loan can be */
    memcpy(loan.ptr, what->topic, topic);
    if (what->payloadlen)
        memcpy(loan.ptr + topic, what->payload, what->payloadlen);
    loan.len = topic + what->payloadlen;
    loan.key = (uintptr_t)what->client; /* keeps one client's messages in order */
    loan.value = what->qos;
    status = ho_commit(p.to_requests, &loan, 1, HO_MORE, NULL);
    if (status)
        ho_abort(p.mine.shard, &loan, 1, NULL);
    return status;
}

static void answer_here(const struct mosquitto_evt_message *what)
{
    char topic[256];
    uint8_t *payload = mosquitto_malloc(what->payloadlen + 1);
    if (!payload || strlen(what->topic) >= sizeof topic) {
        mosquitto_free(payload);
        return;
    }
    strcpy(topic, what->topic);
    memcpy(topic, "ans", 3);
    for (uint32_t i = 0; i < what->payloadlen; i++)
        payload[i] = (uint8_t)toupper(((const uint8_t *)what->payload)[i]);
    if (mosquitto_broker_publish(NULL, topic, (int)what->payloadlen, payload, what->qos, false,
                                 NULL) != MOSQ_ERR_SUCCESS)
        mosquitto_free(payload);
}

static int on_message(int event, void *data, void *user)
{
    const struct mosquitto_evt_message *what = data;
    int32_t status = HO_OK;
    (void)event, (void)user;
    if (strncmp(what->topic, "ask/", 4) != 0)
        return MOSQ_ERR_SUCCESS;
    if (p.plain)
        answer_here(what);
    else
        status = send_on(what);
    if (status == HO_OK)
        return MOSQ_ERR_SUCCESS;
    p.refused++;
    mosquitto_log_printf(MOSQ_LOG_WARNING, "handoff: %s of %u bytes refused: %s", what->topic,
                         what->payloadlen, why(status));
    return MOSQ_ERR_ACL_DENIED;
}

EXPORT int mosquitto_plugin_version(int count, const int *versions)
{
    for (int i = 0; i < count; i++)
        if (versions[i] == 5)
            return 5;
    return -1;
}

EXPORT int mosquitto_plugin_init(mosquitto_plugin_id_t *id, void **user, struct mosquitto_opt *opts,
                                 int count)
{
    (void)user;
    p.id = id;
    p.lane_slots = 16384;
    for (int i = 0; i < count; i++) {
        if (strcmp(opts[i].key, "plain") == 0)
            p.plain = strcmp(opts[i].value, "true") == 0;
        else if (strcmp(opts[i].key, "work_us") == 0)
            p.work_us = strtoull(opts[i].value, NULL, 10);
        else if (strcmp(opts[i].key, "lane_slots") == 0)
            p.lane_slots = strtoull(opts[i].value, NULL, 10);
    }
    int32_t status = p.plain ? HO_OK : open_all();
    if (status == HO_OK && !p.plain && pthread_create(&p.thread, NULL, service_thread, &p.worker))
        status = HO_E_SYSTEM;
    if (status) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "handoff: %s", why(status));
        return MOSQ_ERR_UNKNOWN;
    }
    if (!p.plain)
        mosquitto_callback_register(id, MOSQ_EVT_TICK, on_tick, NULL, NULL);
    return mosquitto_callback_register(id, MOSQ_EVT_MESSAGE, on_message, NULL, NULL);
}

/* The broker has stopped: pending messages are processed, but nobody gets the answers. */
EXPORT int mosquitto_plugin_cleanup(void *user, struct mosquitto_opt *opts, int count)
{
    ho_outstanding out;
    (void)user, (void)opts, (void)count;
    mosquitto_callback_unregister(p.id, MOSQ_EVT_MESSAGE, on_message, NULL);
    mosquitto_callback_unregister(p.id, MOSQ_EVT_TICK, on_tick, NULL); /* or the broker leaks it */
    if (p.plain)
        return MOSQ_ERR_SUCCESS;
    ho_init(HO_TYPE_OUTSTANDING, &out, sizeof out);
    ho_consumer_help(p.mine.requests, NULL, 0);
    ho_producer_close(p.to_requests);
    service_leave(&p.mine);
    while (ho_service_close(p.requests, 0, NULL) == HO_TIMEOUT) {
        ho_buf answers[64];
        uint32_t taken;
        ho_wait(p.from_answers, 1000000);
        while (ho_take(p.from_answers, answers, 64, &taken) ==
               HO_OK) /* or the worker waits in vain */
            ho_return(p.domain, answers, taken, NULL);
    }
    pthread_join(p.thread, NULL);
    ho_consumer_close(p.from_answers);
    int32_t status = ho_domain_close(p.domain, 5000000000, &out);
    if (status == HO_OK)
        status = ho_domain_destroy(p.domain, &out);
    mosquitto_log_printf(MOSQ_LOG_NOTICE, "handoff: answered %llu, refused %llu, at the end: %s",
                         (unsigned long long)p.answered, (unsigned long long)p.refused,
                         why(status));
    return MOSQ_ERR_SUCCESS;
}
