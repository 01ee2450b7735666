/* SPDX-License-Identifier: MIT */
/*
 * One round of the doorbell, for two threads that meet at the same moment. doorbell_litmus.inl
 * compiles the calls twice: with the shipped memory orders, and with all of them relaxed.
 */
#ifndef HANDOFF_TESTS_DOORBELL_LITMUS_H
#define HANDOFF_TESTS_DOORBELL_LITMUS_H

struct hoi_lane;
struct hoi_bell_core;

struct litmus {
    int (*publish)(struct hoi_lane *, struct hoi_bell_core *); /* did it find the sleeper? */
    int (*prepare)(struct hoi_lane *, struct hoi_bell_core *); /* did it find the message? */
};

extern const struct litmus litmus_shipped, litmus_relaxed;

#endif
