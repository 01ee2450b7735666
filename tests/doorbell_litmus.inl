/* SPDX-License-Identifier: MIT */
/* LITMUS: the name of the struct to define. AT decides the orders. */
#include "doorbell_litmus.h"

#include "src/lane.h"

static int publish(struct hoi_lane *lane, struct hoi_bell_core *bell)
{
    (void)hoi_lane_publish(&lane->core);
    return hoi_bell_asleep(bell) && hoi_bell_ring(bell) != HOI_BELL_AWAKE;
}

static int prepare(struct hoi_lane *lane, struct hoi_bell_core *bell)
{
    hoi_bell_prepare_wait(bell, HOI_BELL_SLEEPING);
    return hoi_lane_recheck(&lane->core);
}

const struct litmus LITMUS = {publish, prepare};
