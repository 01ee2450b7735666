/* SPDX-License-Identifier: MIT */
/*
 * Names for the dangerous windows. They are empty unless built with HOI_RACE_TESTS: then a test
 * supplies hoi_hook, stops a thread there, and proves the outcome deterministically.
 */
#ifndef HOI_HOOKS_H
#define HOI_HOOKS_H

#ifdef HOI_RACE_TESTS
void hoi_hook(const char *name);
#define HO_HOOK(name) hoi_hook(name)
#else
#define HO_HOOK(name) ((void)0)
#endif

#endif
