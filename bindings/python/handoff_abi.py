# SPDX-License-Identifier: MIT
"""Made from abi.md: change that. Names are those of the C headers."""
import ctypes as c

HO_ABI_MAJOR = 0
HO_ABI_MINOR = 2
HO_ABI_PATCH = 0
HO_TYPE_ABI_INFO = 1
HO_TYPE_DOMAIN_OPTS = 2
HO_TYPE_ARENA_OPTS = 3
HO_TYPE_SERVICE_OPTS = 4
HO_TYPE_CONSUMER_OPTS = 5
HO_TYPE_RESERVE_OPTS = 6
HO_TYPE_OWNER_OPTS = 7
HO_TYPE_ARENA_STATS = 8
HO_TYPE_SERVICE_STATS = 9
HO_TYPE_OUTSTANDING = 10
HO_TYPE_ABI_ROW = 11
HO_TYPE_POOL_OPTS = 12
HO_TYPE_POOL_STATS = 13
HO_TYPE_POOL_LEAKS = 14
HO_ABI_INFO_MIN = 64
HO_ABI_ROW_MIN = 48
HO_DOMAIN_OPTS_MIN = 24
HO_OUTSTANDING_MIN = 64
HO_ARENA_OPTS_MIN = 32
HO_ARENA_STATS_MIN = 96
HO_SERVICE_OPTS_MIN = 40
HO_SERVICE_STATS_MIN = 112
HO_RESERVE_OPTS_MIN = 24
HO_CONSUMER_OPTS_MIN = 16
HO_OWNER_OPTS_MIN = 24
HO_POOL_OPTS_MIN = 48
HO_POOL_STATS_MIN = 64
HO_POOL_LEAKS_MIN = 96
HO_ROW_STRUCT = 1
HO_ROW_FIELD = 2
HO_ROW_CONSTANT = 3
HO_KIND_EMPTY = 0
HO_KIND_LOAN = 1
HO_KIND_ARENA = 2
HO_KIND_FOREIGN = 3
HO_KIND_SLICE = 4
HO_BUF_FLAGS_MUST = 4294901760
HO_BUF_PARTITION = 65536
HO_POLICY_FAIL = 0
HO_POLICY_WAIT = 1
HO_POLICY_DROP_NEWEST = 2
HO_CONSUMERS_SHARED = 0
HO_CONSUMERS_BOUND = 1
HO_MORE = 65536
HO_POOL_LINES = 1
HO_POOL_NAME_BYTES = 32
HO_REASON_CONSUMED = 1
HO_REASON_CANCELLED = 2
HO_RELEASE_INLINE = 0
HO_RELEASE_DRAIN = 1
HO_RELEASE_EVENT = 2
HO_OK = 0
HO_EMPTY = 1
HO_FULL = 2
HO_TIMEOUT = 3
HO_CLOSED = 4
HO_DROPPED = 5
HO_E_INVAL = -1
HO_E_SIZE = -2
HO_E_TOO_NEW = -3
HO_E_FLAGS = -4
HO_E_RESERVED = -5
HO_E_HANDLE = -6
HO_E_STALE = -7
HO_E_DOMAIN = -8
HO_E_RANGE = -9
HO_E_KIND = -10
HO_E_CLOSED = -11
HO_E_BUSY = -12
HO_E_NOMEM = -13
HO_E_LIMIT = -14
HO_E_OWNER = -15
HO_E_ROUTE = -16
HO_E_FORKED = -17
HO_E_REENTRANT = -18
HO_E_SYSTEM = -19
HO_E_VERSION = -20


class ho_domain(c.Structure):
    """A handle: the root of everything: memory, services, owners."""


class ho_arena(c.Structure):
    """A handle: memory with a budget."""


class ho_shard(c.Structure):
    """A handle: one thread's filling end of an arena."""


class ho_service(c.Structure):
    """A handle: a logical service with its partitions and policy."""


class ho_producer(c.Structure):
    """A handle: one thread's sending end of a service."""


class ho_consumer(c.Structure):
    """A handle: one thread's receiving end of a service."""


class ho_pool(c.Structure):
    """A handle: objects of one type in an arena."""


class ho_buf(c.Structure):
    pass


class ho_abi_info(c.Structure):
    pass


class ho_abi_row(c.Structure):
    pass


class ho_domain_opts(c.Structure):
    pass


class ho_outstanding(c.Structure):
    pass


class ho_arena_opts(c.Structure):
    pass


class ho_arena_stats(c.Structure):
    pass


class ho_service_opts(c.Structure):
    pass


class ho_service_stats(c.Structure):
    pass


class ho_reserve_opts(c.Structure):
    pass


class ho_consumer_opts(c.Structure):
    pass


class ho_owner_opts(c.Structure):
    pass


class ho_release_rec(c.Structure):
    pass


class ho_obj(c.Structure):
    pass


class ho_pool_opts(c.Structure):
    pass


class ho_pool_stats(c.Structure):
    pass


class ho_pool_leaks(c.Structure):
    pass


ho_release_fn = c.CFUNCTYPE(
    None, c.c_void_p, c.POINTER(ho_release_rec), c.c_uint32)
ho_object_fn = c.CFUNCTYPE(
    None, c.c_void_p, c.c_void_p)
ho_buf._fields_ = [
    ("ptr", c.POINTER(c.c_uint8)),
    ("len", c.c_uint64),
    ("handle", c.c_uint64),
    ("value", c.c_uint64),
    ("cap", c.c_uint64),
    ("owner", c.c_uint32),
    ("service", c.c_uint16),
    ("partition", c.c_uint16),
    ("flags", c.c_uint32),
    ("hops", c.c_uint16),
    ("align_log2", c.c_uint8),
    ("kind", c.c_uint8),
    ("key", c.c_uint64),
]
ho_abi_info._fields_ = [
    ("size", c.c_uint32),
    ("major", c.c_uint32),
    ("minor", c.c_uint32),
    ("patch", c.c_uint32),
    ("features", c.c_uint64),
    ("layout_hash", c.c_uint64),
    ("line_bytes", c.c_uint32),
    ("pointer_bits", c.c_uint32),
    ("little_endian", c.c_uint32),
    ("reserved0", c.c_uint32),
    ("reserved1", c.c_uint64 * 2),
]
ho_abi_row._fields_ = [
    ("size", c.c_uint32),
    ("kind", c.c_uint32),
    ("name", c.c_char_p),
    ("field", c.c_char_p),
    ("offset_bytes", c.c_uint64),
    ("size_bytes", c.c_uint64),
    ("value", c.c_int64),
]
ho_domain_opts._fields_ = [
    ("size", c.c_uint32),
    ("flags", c.c_uint32),
    ("max_bytes", c.c_uint64),
    ("segment_bytes", c.c_uint32),
    ("reserved0", c.c_uint32),
]
ho_outstanding._fields_ = [
    ("size", c.c_uint32),
    ("handles", c.c_uint32),
    ("buffers", c.c_uint64),
    ("loans", c.c_uint64),
    ("foreign", c.c_uint64),
    ("undelivered", c.c_uint64),
    ("oldest", c.c_uint64 * 3),
    ("allocs", c.c_uint64),
]
ho_arena_opts._fields_ = [
    ("size", c.c_uint32),
    ("flags", c.c_uint32),
    ("budget_bytes", c.c_uint64),
    ("keep_bytes", c.c_uint64),
    ("wait_ns", c.c_uint64),
]
ho_arena_stats._fields_ = [
    ("size", c.c_uint32),
    ("shards", c.c_uint32),
    ("segments_in_use", c.c_uint64),
    ("segments_peak", c.c_uint64),
    ("segments_held", c.c_uint64),
    ("bytes_live", c.c_uint64),
    ("bytes_dead", c.c_uint64),
    ("bytes_pinned", c.c_uint64),
    ("buffers_out", c.c_uint64),
    ("loans_out", c.c_uint64),
    ("foreign_out", c.c_uint64),
    ("full", c.c_uint64),
    ("copies", c.c_uint64),
    ("allocs_out", c.c_uint64),
    ("alloc_bytes_live", c.c_uint64),
    ("alloc_bytes_held", c.c_uint64),
]
ho_service_opts._fields_ = [
    ("size", c.c_uint32),
    ("flags", c.c_uint32),
    ("wait_ns", c.c_uint64),
    ("lane_slots", c.c_uint32),
    ("policy", c.c_uint32),
    ("partitions", c.c_uint32),
    ("consumers", c.c_uint32),
    ("straggler_bytes", c.c_uint64),
]
ho_service_stats._fields_ = [
    ("size", c.c_uint32),
    ("service", c.c_uint32),
    ("messages_in", c.c_uint64),
    ("bytes_in", c.c_uint64),
    ("messages_out", c.c_uint64),
    ("bytes_out", c.c_uint64),
    ("messages_dropped", c.c_uint64),
    ("bytes_dropped", c.c_uint64),
    ("full", c.c_uint64),
    ("wakes", c.c_uint64),
    ("late_wakes", c.c_uint64),
    ("undelivered", c.c_uint64),
    ("straggler_copies", c.c_uint64),
    ("straggler_bytes", c.c_uint64),
    ("straggler_out", c.c_uint64),
]
ho_reserve_opts._fields_ = [
    ("size", c.c_uint32),
    ("flags", c.c_uint32),
    ("headroom", c.c_uint32),
    ("tailroom", c.c_uint32),
    ("align_log2", c.c_uint32),
    ("reserved0", c.c_uint32),
]
ho_consumer_opts._fields_ = [
    ("size", c.c_uint32),
    ("flags", c.c_uint32),
    ("partition", c.c_uint32),
    ("reserved0", c.c_uint32),
]
ho_owner_opts._fields_ = [
    ("size", c.c_uint32),
    ("mode", c.c_uint32),
    ("release", ho_release_fn),
    ("ctx", c.c_void_p),
]
ho_release_rec._fields_ = [
    ("token", c.c_uint64),
    ("base", c.c_void_p),
    ("size", c.c_uint64),
    ("owner", c.c_uint32),
    ("reason", c.c_uint32),
]
ho_obj._fields_ = [
    ("ptr", c.c_void_p),
    ("handle", c.c_uint64),
]
ho_pool_opts._fields_ = [
    ("size", c.c_uint32),
    ("flags", c.c_uint32),
    ("slot_bytes", c.c_uint32),
    ("align_bytes", c.c_uint32),
    ("objects_max", c.c_uint32),
    ("reserved0", c.c_uint32),
    ("keep_bytes", c.c_uint64),
    ("hold_ns", c.c_uint64),
    ("name", c.c_char_p),
    ("construct", ho_object_fn),
    ("destruct", ho_object_fn),
    ("arg", c.c_void_p),
]
ho_pool_stats._fields_ = [
    ("size", c.c_uint32),
    ("slot_bytes", c.c_uint32),
    ("objects_max", c.c_uint64),
    ("live", c.c_uint64),
    ("free", c.c_uint64),
    ("bytes_held", c.c_uint64),
    ("bytes_trimmed", c.c_uint64),
    ("refills", c.c_uint64),
    ("full", c.c_uint64),
]
ho_pool_leaks._fields_ = [
    ("size", c.c_uint32),
    ("reserved0", c.c_uint32),
    ("live", c.c_uint64),
    ("handles", c.c_uint64 * 6),
    ("name", c.c_char * 32),
]

STRUCTS = (
    ho_buf,
    ho_abi_info,
    ho_abi_row,
    ho_domain_opts,
    ho_outstanding,
    ho_arena_opts,
    ho_arena_stats,
    ho_service_opts,
    ho_service_stats,
    ho_reserve_opts,
    ho_consumer_opts,
    ho_owner_opts,
    ho_release_rec,
    ho_obj,
    ho_pool_opts,
    ho_pool_stats,
    ho_pool_leaks,
)

PROTOTYPES = {
    "ho_abi_negotiate": [c.POINTER(ho_abi_info), c.POINTER(ho_abi_info)],
    "ho_abi_description": [c.POINTER(c.c_char_p), c.POINTER(c.c_uint64)],
    "ho_abi_layout": [c.c_uint32, c.POINTER(ho_abi_row), c.POINTER(c.c_uint32)],
    "ho_init": [c.c_uint32, c.c_void_p, c.c_size_t],
    "ho_strerror": [c.c_int32, c.POINTER(c.c_char_p), c.POINTER(c.c_char_p)],
    "ho_domain_create": [c.POINTER(ho_domain_opts), c.POINTER(c.POINTER(ho_domain))],
    "ho_domain_close": [c.POINTER(ho_domain), c.c_int64, c.POINTER(ho_outstanding)],
    "ho_domain_destroy": [c.POINTER(ho_domain), c.POINTER(ho_outstanding)],
    "ho_arena_open": [c.POINTER(ho_domain), c.POINTER(ho_arena_opts), c.POINTER(c.POINTER(ho_arena))],
    "ho_arena_close": [c.POINTER(ho_arena), c.c_int64, c.POINTER(ho_outstanding)],
    "ho_arena_trim": [c.POINTER(ho_arena), c.c_uint64, c.POINTER(c.c_uint64)],
    "ho_arena_stats_get": [c.POINTER(ho_arena), c.POINTER(ho_arena_stats)],
    "ho_shard_open": [c.POINTER(ho_arena), c.POINTER(c.POINTER(ho_shard))],
    "ho_shard_close": [c.POINTER(ho_shard)],
    "ho_shard_fd": [c.POINTER(ho_shard), c.POINTER(c.c_int32)],
    "ho_reserve": [c.POINTER(ho_shard), c.c_uint64, c.POINTER(ho_reserve_opts), c.POINTER(ho_buf)],
    "ho_reserve_many": [c.POINTER(ho_shard), c.c_uint64, c.POINTER(ho_reserve_opts), c.POINTER(ho_buf), c.c_uint32, c.POINTER(c.c_uint32)],
    "ho_abort": [c.POINTER(ho_shard), c.POINTER(ho_buf), c.c_uint32, c.POINTER(c.c_uint32)],
    "ho_split": [c.POINTER(ho_shard), c.POINTER(ho_buf), c.c_uint64, c.POINTER(ho_buf)],
    "ho_compact": [c.POINTER(ho_shard), c.POINTER(ho_buf)],
    "ho_service_open": [c.POINTER(ho_domain), c.POINTER(ho_service_opts), c.POINTER(c.POINTER(ho_service))],
    "ho_service_close": [c.POINTER(ho_service), c.c_int64, c.POINTER(ho_outstanding)],
    "ho_service_stats_get": [c.POINTER(ho_service), c.POINTER(ho_service_stats)],
    "ho_producer_open": [c.POINTER(ho_service), c.POINTER(ho_shard), c.POINTER(c.POINTER(ho_producer))],
    "ho_producer_close": [c.POINTER(ho_producer)],
    "ho_commit": [c.POINTER(ho_producer), c.POINTER(ho_buf), c.c_uint32, c.c_uint32, c.POINTER(c.c_uint32)],
    "ho_give": [c.POINTER(ho_producer), c.POINTER(ho_buf), c.c_uint32, c.c_uint32, c.POINTER(c.c_uint32)],
    "ho_give_copy": [c.POINTER(ho_producer), c.POINTER(ho_buf), c.c_uint32, c.c_uint32, c.POINTER(c.c_uint32)],
    "ho_forward": [c.POINTER(ho_producer), c.POINTER(ho_buf), c.c_uint32, c.c_uint32, c.POINTER(c.c_uint32)],
    "ho_flush": [c.POINTER(ho_producer)],
    "ho_consumer_open": [c.POINTER(ho_service), c.POINTER(ho_consumer_opts), c.POINTER(c.POINTER(ho_consumer))],
    "ho_consumer_close": [c.POINTER(ho_consumer)],
    "ho_consumer_yield": [c.POINTER(ho_consumer)],
    "ho_consumer_help": [c.POINTER(ho_consumer), c.POINTER(ho_producer), c.c_uint32],
    "ho_take": [c.POINTER(ho_consumer), c.POINTER(ho_buf), c.c_uint32, c.POINTER(c.c_uint32)],
    "ho_wait": [c.POINTER(ho_consumer), c.c_int64],
    "ho_consumer_fd": [c.POINTER(ho_consumer), c.POINTER(c.c_int32)],
    "ho_return": [c.POINTER(ho_domain), c.POINTER(ho_buf), c.c_uint32, c.POINTER(c.c_uint32)],
    "ho_slice": [c.POINTER(ho_domain), c.POINTER(ho_buf), c.c_uint64, c.c_uint64, c.POINTER(ho_buf)],
    "ho_pool_open": [c.POINTER(ho_arena), c.POINTER(ho_pool_opts), c.POINTER(c.POINTER(ho_pool))],
    "ho_pool_close": [c.POINTER(ho_pool), c.POINTER(ho_pool_leaks)],
    "ho_pool_acquire": [c.POINTER(ho_pool), c.POINTER(ho_obj)],
    "ho_pool_acquire_many": [c.POINTER(ho_pool), c.POINTER(ho_obj), c.c_uint32, c.POINTER(c.c_uint32)],
    "ho_pool_release": [c.POINTER(ho_pool), c.POINTER(ho_obj)],
    "ho_pool_release_many": [c.POINTER(ho_pool), c.POINTER(ho_obj), c.c_uint32, c.POINTER(c.c_uint32)],
    "ho_pool_resolve": [c.POINTER(ho_pool), c.c_uint64, c.POINTER(c.c_void_p)],
    "ho_pool_prepare": [c.POINTER(ho_pool), c.c_uint32, c.POINTER(c.c_uint32)],
    "ho_pool_visit": [c.POINTER(ho_pool), c.POINTER(c.c_uint64), c.POINTER(c.c_uint64), c.c_uint32, c.POINTER(c.c_uint32)],
    "ho_pool_trim": [c.POINTER(ho_pool), c.c_uint64, c.POINTER(c.c_uint64)],
    "ho_pool_stats_get": [c.POINTER(ho_pool), c.POINTER(ho_pool_stats)],
    "ho_alloc": [c.POINTER(ho_arena), c.c_uint64, c.c_uint64, c.POINTER(c.c_void_p)],
    "ho_free": [c.POINTER(ho_arena), c.c_void_p],
    "ho_free_sized": [c.POINTER(ho_arena), c.c_void_p, c.c_uint64, c.c_uint64],
    "ho_owner_register": [c.POINTER(ho_domain), c.POINTER(ho_owner_opts), c.POINTER(c.c_uint32)],
    "ho_owner_drain": [c.POINTER(ho_domain), c.c_uint32, c.c_uint32, c.POINTER(c.c_uint32)],
    "ho_owner_fd": [c.POINTER(ho_domain), c.c_uint32, c.POINTER(c.c_int32)],
    "ho_owner_retire": [c.POINTER(ho_domain), c.c_uint32, c.c_int64],
}


def load(path):
    """The library, with the prototypes of its functions."""
    library = c.CDLL(path)
    for name, arguments in PROTOTYPES.items():
        function = getattr(library, name)
        function.argtypes = arguments
        function.restype = c.c_int32
    return library
