/* SPDX-License-Identifier: MIT */
#include "gate.h"

#include <pthread.h>
#include <string.h>

#include "src/hooks.h"

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t change;
    const char *name;
    int reached, open;
} gate = {.mutex = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

void hoi_hook(const char *name)
{
    pthread_mutex_lock(&gate.mutex);
    if (gate.name != NULL && !gate.reached && strcmp(gate.name, name) == 0) {
        gate.reached = 1;
        pthread_cond_broadcast(&gate.change);
        while (!gate.open)
            pthread_cond_wait(&gate.change, &gate.mutex);
    }
    pthread_mutex_unlock(&gate.mutex);
}

void gate_set(const char *name)
{
    pthread_mutex_lock(&gate.mutex);
    gate.name = name;
    gate.reached = gate.open = 0;
    pthread_mutex_unlock(&gate.mutex);
}

int gate_reached(void)
{
    pthread_mutex_lock(&gate.mutex);
    int reached = gate.reached;
    pthread_mutex_unlock(&gate.mutex);
    return reached;
}

void gate_await(void)
{
    pthread_mutex_lock(&gate.mutex);
    while (!gate.reached)
        pthread_cond_wait(&gate.change, &gate.mutex);
    pthread_mutex_unlock(&gate.mutex);
}

void gate_open(void)
{
    pthread_mutex_lock(&gate.mutex);
    gate.open = 1;
    pthread_cond_broadcast(&gate.change);
    pthread_mutex_unlock(&gate.mutex);
}
