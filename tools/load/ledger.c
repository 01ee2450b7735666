/* SPDX-License-Identifier: MIT */
#include "ledger.h"

#include <stdlib.h>
#include <string.h>

#include "game/services.h"
#include "workload.h"

struct stream {
    uint64_t proof; /* of the latest answer */
    uint32_t seen;
    uint32_t answered_sequence; /* the highest */
    uint32_t sent_sequence;
    uint32_t settled; /* from this number on the game has seen the first; 0: unknown */
};

struct waiting {
    uint64_t due_ns;
    uint32_t checksum;
    uint32_t sequence; /* 0: none */
};

struct ledger {
    uint64_t seed;
    uint32_t first_session;
    uint32_t sessions;
    uint32_t window; /* a power of two */
    int may_overtake;
    struct stream *streams;
    struct waiting *waiting; /* per stream: window entries, by sequence */
};

struct ledger *ledger_create(uint64_t seed, uint32_t first_session, uint32_t sessions,
                             uint32_t window, int may_overtake)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);
    size_t streams = (size_t)sessions * GAME_SERVICE_COUNT;

    if (ledger == NULL)
        return NULL;
    ledger->seed = seed;
    ledger->first_session = first_session;
    ledger->sessions = sessions;
    ledger->may_overtake = may_overtake;
    ledger->window = 1;
    while (ledger->window < window)
        ledger->window *= 2;
    ledger->streams = calloc(streams, sizeof *ledger->streams);
    ledger->waiting = calloc(streams * ledger->window, sizeof *ledger->waiting);
    if (ledger->streams == NULL || ledger->waiting == NULL) {
        ledger_destroy(ledger);
        return NULL;
    }
    return ledger;
}

void ledger_destroy(struct ledger *ledger)
{
    if (ledger == NULL)
        return;
    free(ledger->streams);
    free(ledger->waiting);
    free(ledger);
}

static struct waiting *waiting_at(struct ledger *ledger, size_t stream, uint32_t sequence)
{
    return &ledger->waiting[stream * ledger->window + (sequence & (ledger->window - 1))];
}

size_t ledger_send(struct ledger *ledger, uint32_t local_session, uint32_t service, uint64_t due_ns,
                   uint8_t *frame, struct tally *tally)
{
    size_t at = (size_t)local_session * GAME_SERVICE_COUNT + service;
    uint32_t sequence = ++ledger->streams[at].sent_sequence;
    struct game_request request;

    workload_request(ledger->seed, ledger->first_session + local_session, service, sequence,
                     &request);
    request.header.sent_ns = due_ns;
    size_t len = game_request_write(&request, frame, GAME_FRAME_MAX);
    *waiting_at(ledger, at, sequence) = (struct waiting){
        .due_ns = due_ns, .checksum = request.header.checksum, .sequence = sequence};
    tally->sent++;
    return len;
}

/*
 * The state saw this message once, right after the last one that we know it saw. The stream's first
 * message resets the state, so until it is known to have arrived, a network may still deliver it.
 */
static int proven(const struct ledger *ledger, const struct stream *stream,
                  const struct game_answer *answer, uint32_t checksum)
{
    if (ledger->may_overtake &&
        (stream->settled == 0 || stream->answered_sequence < stream->settled))
        return answer->seen >= 1 && answer->seen <= answer->header.sequence;
    uint32_t step = answer->header.sequence - stream->answered_sequence;
    uint32_t newly_seen = answer->seen - stream->seen;

    if (step == 1)
        return newly_seen == 1 &&
               answer->proof == game_proof(stream->proof, answer->header.sequence, checksum);
    /* Answers in between are missing, so their messages may be, too. The next one is exact
     * again. */
    return newly_seen >= 1 && newly_seen <= step;
}

/* Whether the game may give this answer to the message. */
static int may_say(const struct ledger *ledger, const struct game_header *header,
                   const struct stream *stream)
{
    if (header->code == GAME_REPEATED)
        return ledger->may_overtake &&
               (stream->settled == 0 || header->sequence < stream->sent_sequence);
    return header->code <= GAME_NO_FUNDS && header->code != GAME_BAD_ACTION;
}

static int repeats_the_request(const struct game_answer *answer, const struct waiting *waiting,
                               uint64_t seed)
{
    const struct game_header *header = &answer->header;
    struct game_request request;

    workload_request(seed, header->session, header->service, header->sequence, &request);
    if (request.text_len > GAME_ECHO_MAX)
        request.text_len = GAME_ECHO_MAX;
    return header->sent_ns == waiting->due_ns && answer->text_len == request.text_len &&
           memcmp(answer->text, request.text, request.text_len) == 0;
}

static int book(struct ledger *ledger, size_t at, const struct game_answer *answer, uint64_t now_ns,
                struct tally *tally)
{
    struct stream *stream = &ledger->streams[at];
    uint32_t sequence = answer->header.sequence;
    struct waiting *waiting = waiting_at(ledger, at, sequence);

    if (sequence == 0 || sequence > stream->sent_sequence) {
        tally->corrupt++;
        return 0;
    }
    if (waiting->sequence != sequence) {
        tally->duplicated++;
        return 0;
    }
    waiting->sequence = 0;
    tally->matched++;
    int right = repeats_the_request(answer, waiting, ledger->seed) &&
                may_say(ledger, &answer->header, stream);
    if (sequence == 1) /* what is sent from now on comes after it */
        stream->settled = stream->sent_sequence == 1 ? 1 : stream->sent_sequence + 1;
    if (ledger->may_overtake && answer->header.code == GAME_REPEATED) {
        tally->reordered++;
    } else if (sequence > stream->answered_sequence) {
        right = right && proven(ledger, stream, answer, waiting->checksum);
        stream->answered_sequence = sequence;
        stream->proof = answer->proof;
        stream->seen = answer->seen;
    } else {
        tally->reordered++;
    }
    if (!right) {
        tally->corrupt++;
        return 1;
    }
    tally->answered++;
    if (waiting->due_ns >= tally->warm_until_ns)
        histogram_add(&tally->latency_ns, now_ns > waiting->due_ns ? now_ns - waiting->due_ns : 1);
    return 1;
}

int ledger_answer(struct ledger *ledger, const uint8_t *frame, size_t len, uint64_t now_ns,
                  uint32_t first_local, uint32_t count, struct tally *tally)
{
    struct game_answer answer;

    if (game_answer_read(frame, len, &answer) != GAME_FRAME_OK) {
        tally->corrupt++;
        return 0;
    }
    uint32_t local = answer.header.session - ledger->first_session;
    if (local >= ledger->sessions || local - first_local >= count) {
        tally->corrupt++;
        return 0;
    }
    return book(ledger, (size_t)local * GAME_SERVICE_COUNT + answer.header.service, &answer, now_ns,
                tally);
}
