/* SPDX-License-Identifier: MIT */
#include "percpu.h"

#if HOI_PERCPU_RSEQ
#include <sys/rseq.h>

static _Thread_local struct {
    uint32_t cpu_id_start, cpu_id;
    uint64_t rseq_cs;
} nowhere __attribute__((tls_model("initial-exec"))) = {0, UINT32_MAX, 0};

int64_t hoi_percpu_nowhere(void)
{
    return (char *)&nowhere - (char *)__builtin_thread_pointer();
}

int hoi_percpu_usable(int64_t *rseq)
{
    *rseq = __rseq_offset;
    /* Size 0: glibc was told not to register, or the kernel or valgrind lacks rseq. */
    return __rseq_size != 0 && hoi_os_restart_register() == 0;
}
#else
int64_t hoi_percpu_nowhere(void)
{
    return 0;
}

int hoi_percpu_usable(int64_t *rseq)
{
    *rseq = 0;
    return 0;
}
#endif
