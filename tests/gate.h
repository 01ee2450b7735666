/* SPDX-License-Identifier: MIT */
/* One gate: the first thread that reaches the hook of this name waits there until it is
 * released. */
#ifndef HANDOFF_TESTS_GATE_H
#define HANDOFF_TESTS_GATE_H

void gate_set(const char *name); /* NULL: none */
int gate_reached(void);
void gate_await(void); /* until a thread waits there */
void gate_open(void);

#endif
