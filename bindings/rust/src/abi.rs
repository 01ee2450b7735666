// SPDX-License-Identifier: MIT
//! Made from abi.md: change that. Names are those of the C headers.
#![allow(non_camel_case_types)]

use core::ffi::c_void;
use core::mem::{align_of, size_of, transmute};
use core::ptr::addr_of;

// dead_code: rustc 1.63 does not count what only constants use.
/// Zero everywhere but at one place, which is how a field's offset shows.
#[allow(dead_code)]
const fn marked<const N: usize>(place: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes[place] = 1;
    bytes
}

#[allow(dead_code)]
const fn pointee_bytes<T>(_: *const T) -> usize {
    size_of::<T>()
}

/// The compiler lays a struct out as the description says.
macro_rules! assert_layout {
    ($name:ident, $bytes:literal, $align:literal, $($field:ident $at:literal $size:literal),+) => {
        const _: () = {
            union Probe {
                bytes: [u8; $bytes],
                item: $name,
            }
            assert!(size_of::<$name>() == $bytes, concat!(stringify!($name), ": size"));
            assert!(align_of::<$name>() == $align, concat!(stringify!($name), ": align"));
            $({
                let probe = Probe { bytes: marked($at) };
                let field = unsafe { addr_of!(probe.item.$field) };
                assert!(
                    unsafe { *(field as *const u8) } == 1,
                    concat!(stringify!($name), ".", stringify!($field), ": offset")
                );
                assert!(
                    pointee_bytes(field) == $size,
                    concat!(stringify!($name), ".", stringify!($field), ": size")
                );
            })+
        };
    };
}

/// version of this description
pub const HO_ABI_MAJOR: u32 = 0;
/// version of this description
pub const HO_ABI_MINOR: u32 = 2;
/// version of this description
pub const HO_ABI_PATCH: u32 = 0;
/// ho_init type: ho_abi_info
pub const HO_TYPE_ABI_INFO: u32 = 1;
/// ho_init type: ho_domain_opts
pub const HO_TYPE_DOMAIN_OPTS: u32 = 2;
/// ho_init type: ho_arena_opts
pub const HO_TYPE_ARENA_OPTS: u32 = 3;
/// ho_init type: ho_service_opts
pub const HO_TYPE_SERVICE_OPTS: u32 = 4;
/// ho_init type: ho_consumer_opts
pub const HO_TYPE_CONSUMER_OPTS: u32 = 5;
/// ho_init type: ho_reserve_opts
pub const HO_TYPE_RESERVE_OPTS: u32 = 6;
/// ho_init type: ho_owner_opts
pub const HO_TYPE_OWNER_OPTS: u32 = 7;
/// ho_init type: ho_arena_stats
pub const HO_TYPE_ARENA_STATS: u32 = 8;
/// ho_init type: ho_service_stats
pub const HO_TYPE_SERVICE_STATS: u32 = 9;
/// ho_init type: ho_outstanding
pub const HO_TYPE_OUTSTANDING: u32 = 10;
/// ho_init type: ho_abi_row
pub const HO_TYPE_ABI_ROW: u32 = 11;
/// ho_init type: ho_pool_opts
pub const HO_TYPE_POOL_OPTS: u32 = 12;
/// ho_init type: ho_pool_stats
pub const HO_TYPE_POOL_STATS: u32 = 13;
/// ho_init type: ho_pool_leaks
pub const HO_TYPE_POOL_LEAKS: u32 = 14;
/// frozen minimum of ho_abi_info
pub const HO_ABI_INFO_MIN: u32 = 64;
/// frozen minimum of ho_abi_row
pub const HO_ABI_ROW_MIN: u32 = 48;
/// frozen minimum of ho_domain_opts
pub const HO_DOMAIN_OPTS_MIN: u32 = 24;
/// frozen minimum of ho_outstanding
pub const HO_OUTSTANDING_MIN: u32 = 64;
/// frozen minimum of ho_arena_opts
pub const HO_ARENA_OPTS_MIN: u32 = 32;
/// frozen minimum of ho_arena_stats
pub const HO_ARENA_STATS_MIN: u32 = 96;
/// frozen minimum of ho_service_opts
pub const HO_SERVICE_OPTS_MIN: u32 = 40;
/// frozen minimum of ho_service_stats
pub const HO_SERVICE_STATS_MIN: u32 = 112;
/// frozen minimum of ho_reserve_opts
pub const HO_RESERVE_OPTS_MIN: u32 = 24;
/// frozen minimum of ho_consumer_opts
pub const HO_CONSUMER_OPTS_MIN: u32 = 16;
/// frozen minimum of ho_owner_opts
pub const HO_OWNER_OPTS_MIN: u32 = 24;
/// frozen minimum of ho_pool_opts
pub const HO_POOL_OPTS_MIN: u32 = 48;
/// frozen minimum of ho_pool_stats
pub const HO_POOL_STATS_MIN: u32 = 64;
/// frozen minimum of ho_pool_leaks
pub const HO_POOL_LEAKS_MIN: u32 = 96;
/// ho_abi_row.kind: a struct
pub const HO_ROW_STRUCT: u32 = 1;
/// ho_abi_row.kind: a field of a struct
pub const HO_ROW_FIELD: u32 = 2;
/// ho_abi_row.kind: a constant or a status
pub const HO_ROW_CONSTANT: u32 = 3;
/// ho_buf.kind: no buffer
pub const HO_KIND_EMPTY: u32 = 0;
/// ho_buf.kind: reserved and not committed
pub const HO_KIND_LOAN: u32 = 1;
/// ho_buf.kind: committed arena memory
pub const HO_KIND_ARENA: u32 = 2;
/// ho_buf.kind: memory of a registered owner
pub const HO_KIND_FOREIGN: u32 = 3;
/// ho_buf.kind: part of another buffer, which it keeps alive
pub const HO_KIND_SLICE: u32 = 4;
/// the bits of ho_buf.flags that must be understood
pub const HO_BUF_FLAGS_MUST: u32 = 4294901760;
/// ho_buf.flags: send to ho_buf.partition, whatever the key
pub const HO_BUF_PARTITION: u32 = 65536;
/// when full: HO_FULL at once
pub const HO_POLICY_FAIL: u32 = 0;
/// when full: wait up to wait_ns, then HO_FULL
pub const HO_POLICY_WAIT: u32 = 1;
/// when full: accept the message, release it, count it, HO_DROPPED
pub const HO_POLICY_DROP_NEWEST: u32 = 2;
/// each consumer takes from whatever partitions are ready
pub const HO_CONSUMERS_SHARED: u32 = 0;
/// each consumer is opened for one partition
pub const HO_CONSUMERS_BOUND: u32 = 1;
/// flag: more messages follow, publish later
pub const HO_MORE: u32 = 65536;
/// ho_pool_opts.flags: each object begins on a cache line of 64 bytes
pub const HO_POOL_LINES: u32 = 1;
/// size of ho_pool_leaks.name, including the zero at its end
pub const HO_POOL_NAME_BYTES: u32 = 32;
/// ho_release_rec.reason: its last holder returned it, or a copy of it was sent
pub const HO_REASON_CONSUMED: u32 = 1;
/// ho_release_rec.reason: dropped by policy, or never delivered
pub const HO_REASON_CANCELLED: u32 = 2;
/// ho_owner_opts.mode: inside the call that ends the last hold
pub const HO_RELEASE_INLINE: u32 = 0;
/// ho_owner_opts.mode: queued until ho_owner_drain
pub const HO_RELEASE_DRAIN: u32 = 1;
/// ho_owner_opts.mode: queued, and ho_owner_fd becomes readable
pub const HO_RELEASE_EVENT: u32 = 2;
/// done
pub const HO_OK: i32 = 0;
/// nothing to take: wait with ho_wait or on the consumer's descriptor
pub const HO_EMPTY: i32 = 1;
/// no room or memory now: keep the buffer and try again, see ho_shard_fd
pub const HO_FULL: i32 = 2;
/// the time ran out first: call again, or raise the time-out
pub const HO_TIMEOUT: i32 = 3;
/// the service is closing and nothing is left to take: close the consumer
pub const HO_CLOSED: i32 = 4;
/// some buffers were dropped and released, as the service's policy asks
pub const HO_DROPPED: i32 = 5;
/// an argument is NULL or has no such value: see the function's docstring
pub const HO_E_INVAL: i32 = -1;
/// a struct's size is below its minimum: initialise it with ho_init
pub const HO_E_SIZE: i32 = -2;
/// a newer caller asks for what this library does not know: update it
pub const HO_E_TOO_NEW: i32 = -3;
/// an unknown flag that must be understood: clear it, or update the library
pub const HO_E_FLAGS: i32 = -4;
/// a reserved field is not zero: initialise the struct with ho_init
pub const HO_E_RESERVED: i32 = -5;
/// no open object has this handle: it was closed, or never opened
pub const HO_E_HANDLE: i32 = -6;
/// returned or committed before, or another domain's buffer: drop it, or use its domain
pub const HO_E_STALE: i32 = -7;
/// the shard is another domain's, or the loan another shard's: use its own
pub const HO_E_DOMAIN: i32 = -8;
/// a length, offset, option or number is out of range: see the docstring
pub const HO_E_RANGE: i32 = -9;
/// the call does not fit this kind of buffer: commit loans, return the rest
pub const HO_E_KIND: i32 = -10;
/// the object is closing and takes nothing new: stop, keep what you hold
pub const HO_E_CLOSED: i32 = -11;
/// in use: return or close what is open, or give the service more partitions
pub const HO_E_BUSY: i32 = -12;
/// the system gave no memory: free some or raise the limit (ulimit, cgroup)
pub const HO_E_NOMEM: i32 = -13;
/// a fixed limit is reached (see abi.md, Limits): close what is unused
pub const HO_E_LIMIT: i32 = -14;
/// no such owner, or it is retired: register one
pub const HO_E_OWNER: i32 = -15;
/// the service has no such partition: name a lower one, or open it with more
pub const HO_E_ROUTE: i32 = -16;
/// this is a forked child: create a domain of its own here
pub const HO_E_FORKED: i32 = -17;
/// called from inside a callback: call it after the callback returned
pub const HO_E_REENTRANT: i32 = -18;
/// the system refused a call: raise the process's limits (ulimit -n, -v)
pub const HO_E_SYSTEM: i32 = -19;
/// the ABI versions do not fit: only return what you hold, then stop
pub const HO_E_VERSION: i32 = -20;

/// A handle: the root of everything: memory, services, owners.
#[repr(C)]
pub struct ho_domain {
    _opaque: [u8; 0],
}

/// A handle: memory with a budget.
#[repr(C)]
pub struct ho_arena {
    _opaque: [u8; 0],
}

/// A handle: one thread's filling end of an arena.
#[repr(C)]
pub struct ho_shard {
    _opaque: [u8; 0],
}

/// A handle: a logical service with its partitions and policy.
#[repr(C)]
pub struct ho_service {
    _opaque: [u8; 0],
}

/// A handle: one thread's sending end of a service.
#[repr(C)]
pub struct ho_producer {
    _opaque: [u8; 0],
}

/// A handle: one thread's receiving end of a service.
#[repr(C)]
pub struct ho_consumer {
    _opaque: [u8; 0],
}

/// A handle: objects of one type in an arena.
#[repr(C)]
pub struct ho_pool {
    _opaque: [u8; 0],
}

/// None is NULL. It must not unwind.
pub type ho_release_fn =
    Option<unsafe extern "C" fn(ctx: *mut c_void, recs: *const ho_release_rec, count: u32)>;

/// None is NULL. It must not unwind.
pub type ho_object_fn =
    Option<unsafe extern "C" fn(ptr: *mut c_void, arg: *mut c_void)>;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ho_buf {
    /// first byte; never NULL in a buffer that the library hands out
    pub ptr: *mut u8,
    /// bytes of data
    pub len: u64,
    /// generation, segment and number, within one domain; 0 in an empty descriptor; in `ho_give`: the owner's token
    pub handle: u64,
    /// the sender's, delivered unchanged with every kind
    pub value: u64,
    /// bytes from ptr that belong to this buffer, at least len
    pub cap: u64,
    /// in `ho_give`: the owner that gets it back; in a buffer that the library hands out: its seal
    pub owner: u32,
    /// number of the service that delivered it; 0 before delivery
    pub service: u16,
    /// taken: which one it came through; sent with HO_BUF_PARTITION: which one it goes to
    pub partition: u16,
    /// HO_BUF_PARTITION
    pub flags: u32,
    /// the library's: how often it was forwarded
    pub hops: u16,
    /// the memory was reserved at a multiple of 1 << align_log2 bytes
    pub align_log2: u8,
    /// HO_KIND_*
    pub kind: u8,
    /// selects the partition of a service; delivered unchanged
    pub key: u64,
}

impl ho_buf {
    /// All bytes zero.
    pub const ZERO: Self = unsafe { transmute([0u8; 64]) };
}

impl Default for ho_buf {
    fn default() -> Self {
        Self::ZERO
    }
}

assert_layout!(
    ho_buf, 64, 8,
    ptr 0 8,
    len 8 8,
    handle 16 8,
    value 24 8,
    cap 32 8,
    owner 40 4,
    service 44 2,
    partition 46 2,
    flags 48 4,
    hops 52 2,
    align_log2 54 1,
    kind 55 1,
    key 56 8
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ho_abi_info {
    /// sizeof this struct as the caller knows it
    pub size: u32,
    /// if it differs: only return the buffers you hold
    pub major: u32,
    /// must be the same while major is 0
    pub minor: u32,
    /// never matters
    pub patch: u32,
    /// bits for built-in features; none is defined
    pub features: u64,
    /// hash over the structs of this file, see Versioning
    pub layout_hash: u64,
    /// cache line size that the library was built for
    pub line_bytes: u32,
    /// 64
    pub pointer_bits: u32,
    /// 1 or 0
    pub little_endian: u32,
    /// padding
    pub reserved0: u32,
    /// room to grow
    pub reserved1: [u64; 2],
}

impl ho_abi_info {
    /// All bytes zero.
    pub const ZERO: Self = unsafe { transmute([0u8; 64]) };
    /// All zero but for `size`.
    pub const INIT: Self = Self { size: 64, ..Self::ZERO };
}

impl Default for ho_abi_info {
    fn default() -> Self {
        Self::INIT
    }
}

assert_layout!(
    ho_abi_info, 64, 8,
    size 0 4,
    major 4 4,
    minor 8 4,
    patch 12 4,
    features 16 8,
    layout_hash 24 8,
    line_bytes 32 4,
    pointer_bits 36 4,
    little_endian 40 4,
    reserved0 44 4,
    reserved1 48 16
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ho_abi_row {
    /// sizeof this struct as the caller knows it
    pub size: u32,
    /// HO_ROW_*
    pub kind: u32,
    /// the struct, constant or status; static storage, never NULL
    pub name: *const u8,
    /// HO_ROW_FIELD: the field; otherwise empty; static storage, never NULL
    pub field: *const u8,
    /// HO_ROW_FIELD: of the field in its struct; otherwise 0
    pub offset_bytes: u64,
    /// of the struct, the field, or the constant's type
    pub size_bytes: u64,
    /// HO_ROW_CONSTANT: its value; otherwise 0
    pub value: i64,
}

impl ho_abi_row {
    /// All bytes zero.
    pub const ZERO: Self = unsafe { transmute([0u8; 48]) };
    /// All zero but for `size`.
    pub const INIT: Self = Self { size: 48, ..Self::ZERO };
}

impl Default for ho_abi_row {
    fn default() -> Self {
        Self::INIT
    }
}

assert_layout!(
    ho_abi_row, 48, 8,
    size 0 4,
    kind 4 4,
    name 8 8,
    field 16 8,
    offset_bytes 24 8,
    size_bytes 32 8,
    value 40 8
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ho_domain_opts {
    /// sizeof this struct as the caller knows it
    pub size: u32,
    /// no bit is defined
    pub flags: u32,
    /// address space for all segments, including those for records of slices; default 4 GiB, at most 128 GiB and 1,048,575 segments
    pub max_bytes: u64,
    /// power of two, 16 KiB to 16 MiB; default 256 KiB; no loan is larger
    pub segment_bytes: u32,
    /// padding
    pub reserved0: u32,
}

impl ho_domain_opts {
    /// All bytes zero.
    pub const ZERO: Self = unsafe { transmute([0u8; 24]) };
    /// All zero but for `size`.
    pub const INIT: Self = Self { size: 24, ..Self::ZERO };
}

impl Default for ho_domain_opts {
    fn default() -> Self {
        Self::INIT
    }
}

assert_layout!(
    ho_domain_opts, 24, 8,
    size 0 4,
    flags 4 4,
    max_bytes 8 8,
    segment_bytes 16 4,
    reserved0 20 4
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ho_outstanding {
    /// sizeof this struct as the caller knows it
    pub size: u32,
    /// shards, pools, producers and consumers that are still open
    pub handles: u32,
    /// committed, foreign or sliced, and not yet returned or released
    pub buffers: u64,
    /// reserved and neither committed nor aborted
    pub loans: u64,
    /// foreign buffers not yet released to their owner (part of buffers)
    pub foreign: u64,
    /// committed and not taken (part of buffers)
    pub undelivered: u64,
    /// handles of buffers that are out, in memory order; 0 beyond the last
    pub oldest: [u64; 3],
    /// from ho_alloc and not freed, and copies by ho_compact (these are part of buffers)
    pub allocs: u64,
}

impl ho_outstanding {
    /// All bytes zero.
    pub const ZERO: Self = unsafe { transmute([0u8; 72]) };
    /// All zero but for `size`.
    pub const INIT: Self = Self { size: 72, ..Self::ZERO };
}

impl Default for ho_outstanding {
    fn default() -> Self {
        Self::INIT
    }
}

assert_layout!(
    ho_outstanding, 72, 8,
    size 0 4,
    handles 4 4,
    buffers 8 8,
    loans 16 8,
    foreign 24 8,
    undelivered 32 8,
    oldest 40 24,
    allocs 64 8
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ho_arena_opts {
    /// sizeof this struct as the caller knows it
    pub size: u32,
    /// no bit is defined
    pub flags: u32,
    /// most held by its shards, pools and ho_alloc together; default 64 MiB, rounded up to whole segments. A shard's segment holds bytes, or records of up to 4,096 foreign buffers
    pub budget_bytes: u64,
    /// unused memory kept beyond recent need; default 1 MiB; if equal to the budget, nothing goes back
    pub keep_bytes: u64,
    /// how long a reservation may wait for memory; default 0: HO_FULL at once
    pub wait_ns: u64,
}

impl ho_arena_opts {
    /// All bytes zero.
    pub const ZERO: Self = unsafe { transmute([0u8; 32]) };
    /// All zero but for `size`.
    pub const INIT: Self = Self { size: 32, ..Self::ZERO };
}

impl Default for ho_arena_opts {
    fn default() -> Self {
        Self::INIT
    }
}

assert_layout!(
    ho_arena_opts, 32, 8,
    size 0 4,
    flags 4 4,
    budget_bytes 8 8,
    keep_bytes 16 8,
    wait_ns 24 8
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ho_arena_stats {
    /// sizeof this struct as the caller knows it
    pub size: u32,
    /// now: open
    pub shards: u32,
    /// now: open, or sealed with something out
    pub segments_in_use: u64,
    /// most in use at once
    pub segments_peak: u64,
    /// now: in use, kept for reuse, or charged to pools and ho_alloc
    pub segments_held: u64,
    /// now: payload of its buffers that are out, loans not counted
    pub bytes_live: u64,
    /// now: behind the cursors and not live
    pub bytes_dead: u64,
    /// now: total size of segments held by slices
    pub bytes_pinned: u64,
    /// now: committed and not returned
    pub buffers_out: u64,
    /// now: reserved and neither committed nor aborted
    pub loans_out: u64,
    /// now: foreign buffers with a record here, not yet released
    pub foreign_out: u64,
    /// times that callers got HO_FULL for lack of memory
    pub full: u64,
    /// buffers that ho_give_copy and ho_compact copied into it
    pub copies: u64,
    /// now: from ho_alloc and not freed, and copies by ho_compact
    pub allocs_out: u64,
    /// now: size of these, each rounded up to its class
    pub alloc_bytes_live: u64,
    /// now: charged for ho_alloc: live, freed but kept, bookkeeping
    pub alloc_bytes_held: u64,
}

impl ho_arena_stats {
    /// All bytes zero.
    pub const ZERO: Self = unsafe { transmute([0u8; 120]) };
    /// All zero but for `size`.
    pub const INIT: Self = Self { size: 120, ..Self::ZERO };
}

impl Default for ho_arena_stats {
    fn default() -> Self {
        Self::INIT
    }
}

assert_layout!(
    ho_arena_stats, 120, 8,
    size 0 4,
    shards 4 4,
    segments_in_use 8 8,
    segments_peak 16 8,
    segments_held 24 8,
    bytes_live 32 8,
    bytes_dead 40 8,
    bytes_pinned 48 8,
    buffers_out 56 8,
    loans_out 64 8,
    foreign_out 72 8,
    full 80 8,
    copies 88 8,
    allocs_out 96 8,
    alloc_bytes_live 104 8,
    alloc_bytes_held 112 8
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ho_service_opts {
    /// sizeof this struct as the caller knows it
    pub size: u32,
    /// no bit is defined
    pub flags: u32,
    /// for HO_POLICY_WAIT; default 1 ms
    pub wait_ns: u64,
    /// descriptors per lane, power of two, 2 to 65536; default 1024
    pub lane_slots: u32,
    /// HO_POLICY_*
    pub policy: u32,
    /// 1 to 1,024; default 1, which allows one consumer only
    pub partitions: u32,
    /// HO_CONSUMERS_*
    pub consumers: u32,
    /// most memory for copies while its consumers are late; default 16 MiB
    pub straggler_bytes: u64,
}

impl ho_service_opts {
    /// All bytes zero.
    pub const ZERO: Self = unsafe { transmute([0u8; 40]) };
    /// All zero but for `size`.
    pub const INIT: Self = Self { size: 40, ..Self::ZERO };
}

impl Default for ho_service_opts {
    fn default() -> Self {
        Self::INIT
    }
}

assert_layout!(
    ho_service_opts, 40, 8,
    size 0 4,
    flags 4 4,
    wait_ns 8 8,
    lane_slots 16 4,
    policy 20 4,
    partitions 24 4,
    consumers 28 4,
    straggler_bytes 32 8
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ho_service_stats {
    /// sizeof this struct as the caller knows it
    pub size: u32,
    /// its number in the domain, as in ho_buf.service
    pub service: u32,
    /// committed, given or forwarded to it
    pub messages_in: u64,
    /// payload of messages_in
    pub bytes_in: u64,
    /// taken by consumers
    pub messages_out: u64,
    /// payload of messages_out
    pub bytes_out: u64,
    /// by policy, or cancelled before delivery
    pub messages_dropped: u64,
    /// payload of messages_dropped
    pub bytes_dropped: u64,
    /// times that callers of its producers got HO_FULL
    pub full: u64,
    /// sleeping consumers woken (system calls)
    pub wakes: u64,
    /// waits that timed out although a message was there: stays 0
    pub late_wakes: u64,
    /// now: in its lanes
    pub undelivered: u64,
    /// messages copied because its consumers were late
    pub straggler_copies: u64,
    /// now: memory held for these copies
    pub straggler_bytes: u64,
    /// now: copies not returned yet
    pub straggler_out: u64,
}

impl ho_service_stats {
    /// All bytes zero.
    pub const ZERO: Self = unsafe { transmute([0u8; 112]) };
    /// All zero but for `size`.
    pub const INIT: Self = Self { size: 112, ..Self::ZERO };
}

impl Default for ho_service_stats {
    fn default() -> Self {
        Self::INIT
    }
}

assert_layout!(
    ho_service_stats, 112, 8,
    size 0 4,
    service 4 4,
    messages_in 8 8,
    bytes_in 16 8,
    messages_out 24 8,
    bytes_out 32 8,
    messages_dropped 40 8,
    bytes_dropped 48 8,
    full 56 8,
    wakes 64 8,
    late_wakes 72 8,
    undelivered 80 8,
    straggler_copies 88 8,
    straggler_bytes 96 8,
    straggler_out 104 8
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ho_reserve_opts {
    /// sizeof this struct as the caller knows it
    pub size: u32,
    /// no bit is defined
    pub flags: u32,
    /// writable bytes before ptr
    pub headroom: u32,
    /// writable bytes behind the data that ho_commit leaves in place
    pub tailroom: u32,
    /// of ptr, up to 12; default 6
    pub align_log2: u32,
    /// padding
    pub reserved0: u32,
}

impl ho_reserve_opts {
    /// All bytes zero.
    pub const ZERO: Self = unsafe { transmute([0u8; 24]) };
    /// All zero but for `size`.
    pub const INIT: Self = Self { size: 24, ..Self::ZERO };
}

impl Default for ho_reserve_opts {
    fn default() -> Self {
        Self::INIT
    }
}

assert_layout!(
    ho_reserve_opts, 24, 4,
    size 0 4,
    flags 4 4,
    headroom 8 4,
    tailroom 12 4,
    align_log2 16 4,
    reserved0 20 4
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ho_consumer_opts {
    /// sizeof this struct as the caller knows it
    pub size: u32,
    /// no bit is defined
    pub flags: u32,
    /// bound consumers: the one that it is bound to; shared ones: 0
    pub partition: u32,
    /// padding
    pub reserved0: u32,
}

impl ho_consumer_opts {
    /// All bytes zero.
    pub const ZERO: Self = unsafe { transmute([0u8; 16]) };
    /// All zero but for `size`.
    pub const INIT: Self = Self { size: 16, ..Self::ZERO };
}

impl Default for ho_consumer_opts {
    fn default() -> Self {
        Self::INIT
    }
}

assert_layout!(
    ho_consumer_opts, 16, 4,
    size 0 4,
    flags 4 4,
    partition 8 4,
    reserved0 12 4
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ho_owner_opts {
    /// sizeof this struct as the caller knows it
    pub size: u32,
    /// HO_RELEASE_*
    pub mode: u32,
    /// not NULL
    pub release: ho_release_fn,
    /// passed to release, never read; NULL is fine
    pub ctx: *mut c_void,
}

impl ho_owner_opts {
    /// All bytes zero.
    pub const ZERO: Self = unsafe { transmute([0u8; 24]) };
    /// All zero but for `size`.
    pub const INIT: Self = Self { size: 24, ..Self::ZERO };
}

impl Default for ho_owner_opts {
    fn default() -> Self {
        Self::INIT
    }
}

assert_layout!(
    ho_owner_opts, 24, 8,
    size 0 4,
    mode 4 4,
    release 8 8,
    ctx 16 8
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ho_release_rec {
    /// as given
    pub token: u64,
    /// ptr as given, even if it was moved or sliced since
    pub base: *mut c_void,
    /// cap as given
    pub size: u64,
    /// number of the owner
    pub owner: u32,
    /// HO_REASON_*
    pub reason: u32,
}

impl ho_release_rec {
    /// All bytes zero.
    pub const ZERO: Self = unsafe { transmute([0u8; 32]) };
}

impl Default for ho_release_rec {
    fn default() -> Self {
        Self::ZERO
    }
}

assert_layout!(
    ho_release_rec, 32, 8,
    token 0 8,
    base 8 8,
    size 16 8,
    owner 24 4,
    reason 28 4
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ho_obj {
    /// the object
    pub ptr: *mut c_void,
    /// generation, pool, index; 0 only if empty
    pub handle: u64,
}

impl ho_obj {
    /// All bytes zero.
    pub const ZERO: Self = unsafe { transmute([0u8; 16]) };
}

impl Default for ho_obj {
    fn default() -> Self {
        Self::ZERO
    }
}

assert_layout!(
    ho_obj, 16, 8,
    ptr 0 8,
    handle 8 8
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ho_pool_opts {
    /// sizeof this struct as the caller knows it
    pub size: u32,
    /// HO_POOL_LINES
    pub flags: u32,
    /// of an object, 1 or more; rounded up to the alignment
    pub slot_bytes: u32,
    /// of an object: power of two, 8 to 4,096; default 8
    pub align_bytes: u32,
    /// most objects at once, at most 16,777,215; default: as many as the arena's budget holds
    pub objects_max: u32,
    /// padding
    pub reserved0: u32,
    /// unused memory to keep; default 64 KiB
    pub keep_bytes: u64,
    /// how long 1.5 times keep_bytes must be unused before releases, and consumers about to sleep, give the excess back; default 1 s
    pub hold_ns: u64,
    /// for reports: the first 31 characters are copied; NULL: none
    pub name: *const u8,
    /// runs when an object's memory is first used, and again after it went back to the system; NULL: none
    pub construct: ho_object_fn,
    /// runs before the memory goes back, or when the pool closes; NULL: none
    pub destruct: ho_object_fn,
    /// passed to both, never read; NULL is fine
    pub arg: *mut c_void,
}

impl ho_pool_opts {
    /// All bytes zero.
    pub const ZERO: Self = unsafe { transmute([0u8; 72]) };
    /// All zero but for `size`.
    pub const INIT: Self = Self { size: 72, ..Self::ZERO };
}

impl Default for ho_pool_opts {
    fn default() -> Self {
        Self::INIT
    }
}

assert_layout!(
    ho_pool_opts, 72, 8,
    size 0 4,
    flags 4 4,
    slot_bytes 8 4,
    align_bytes 12 4,
    objects_max 16 4,
    reserved0 20 4,
    keep_bytes 24 8,
    hold_ns 32 8,
    name 40 8,
    construct 48 8,
    destruct 56 8,
    arg 64 8
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ho_pool_stats {
    /// sizeof this struct as the caller knows it
    pub size: u32,
    /// of an object, rounded up
    pub slot_bytes: u32,
    /// as opened
    pub objects_max: u64,
    /// now: acquired and not released
    pub live: u64,
    /// now: released, and ready for reuse
    pub free: u64,
    /// now: objects and their states, charged to the arena
    pub bytes_held: u64,
    /// given back to the system so far
    pub bytes_trimmed: u64,
    /// times that a processor's cache was empty
    pub refills: u64,
    /// times that callers got HO_FULL
    pub full: u64,
}

impl ho_pool_stats {
    /// All bytes zero.
    pub const ZERO: Self = unsafe { transmute([0u8; 64]) };
    /// All zero but for `size`.
    pub const INIT: Self = Self { size: 64, ..Self::ZERO };
}

impl Default for ho_pool_stats {
    fn default() -> Self {
        Self::INIT
    }
}

assert_layout!(
    ho_pool_stats, 64, 8,
    size 0 4,
    slot_bytes 4 4,
    objects_max 8 8,
    live 16 8,
    free 24 8,
    bytes_held 32 8,
    bytes_trimmed 40 8,
    refills 48 8,
    full 56 8
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ho_pool_leaks {
    /// sizeof this struct as the caller knows it
    pub size: u32,
    /// padding
    pub reserved0: u32,
    /// how many objects
    pub live: u64,
    /// of the first ones in memory; 0 beyond the last
    pub handles: [u64; 6],
    /// ho_pool_opts.name
    pub name: [u8; 32],
}

impl ho_pool_leaks {
    /// All bytes zero.
    pub const ZERO: Self = unsafe { transmute([0u8; 96]) };
    /// All zero but for `size`.
    pub const INIT: Self = Self { size: 96, ..Self::ZERO };
}

impl Default for ho_pool_leaks {
    fn default() -> Self {
        Self::INIT
    }
}

assert_layout!(
    ho_pool_leaks, 96, 8,
    size 0 4,
    reserved0 4 4,
    live 8 8,
    handles 16 48,
    name 64 32
);

#[link(name = "handoff")]
extern "C" {
    /// Threads: any. Returns HO_OK HO_E_VERSION HO_E_INVAL HO_E_SIZE.
    pub fn ho_abi_negotiate(mine: *const ho_abi_info, theirs: *mut ho_abi_info) -> i32;
    /// Threads: any. Returns HO_OK HO_E_INVAL.
    pub fn ho_abi_description(text: *mut *const u8, bytes: *mut u64) -> i32;
    /// Threads: any. Returns HO_OK HO_E_SIZE HO_E_RANGE.
    pub fn ho_abi_layout(index: u32, row: *mut ho_abi_row, count: *mut u32) -> i32;
    /// Threads: any. Returns HO_OK HO_E_INVAL HO_E_SIZE.
    pub fn ho_init(r#type: u32, ptr: *mut c_void, size: usize) -> i32;
    /// Threads: any. Returns HO_OK HO_E_INVAL.
    pub fn ho_strerror(status: i32, name: *mut *const u8, text: *mut *const u8) -> i32;
    /// Threads: any. Returns HO_OK HO_E_INVAL HO_E_SIZE HO_E_TOO_NEW HO_E_FLAGS HO_E_RESERVED HO_E_RANGE HO_E_NOMEM HO_E_LIMIT HO_E_SYSTEM.
    pub fn ho_domain_create(opts: *const ho_domain_opts, domain: *mut *mut ho_domain) -> i32;
    /// Threads: init. Returns HO_OK HO_TIMEOUT HO_E_SIZE HO_E_REENTRANT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_domain_close(domain: *mut ho_domain, timeout_ns: i64, outstanding: *mut ho_outstanding) -> i32;
    /// Threads: init. Returns HO_OK HO_E_BUSY HO_E_SIZE HO_E_REENTRANT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_domain_destroy(domain: *mut ho_domain, outstanding: *mut ho_outstanding) -> i32;
    /// Threads: init. Returns HO_OK HO_E_INVAL HO_E_SIZE HO_E_TOO_NEW HO_E_FLAGS HO_E_RANGE HO_E_CLOSED HO_E_NOMEM HO_E_LIMIT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_arena_open(domain: *mut ho_domain, opts: *const ho_arena_opts, arena: *mut *mut ho_arena) -> i32;
    /// Threads: init. Returns HO_OK HO_TIMEOUT HO_E_SIZE HO_E_REENTRANT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_arena_close(arena: *mut ho_arena, timeout_ns: i64, outstanding: *mut ho_outstanding) -> i32;
    /// Threads: any. Returns HO_OK HO_E_HANDLE HO_E_FORKED.
    pub fn ho_arena_trim(arena: *mut ho_arena, keep_bytes: u64, freed: *mut u64) -> i32;
    /// Threads: init. Returns HO_OK HO_E_INVAL HO_E_SIZE HO_E_HANDLE HO_E_FORKED.
    pub fn ho_arena_stats_get(arena: *mut ho_arena, stats: *mut ho_arena_stats) -> i32;
    /// Threads: init. Returns HO_OK HO_E_INVAL HO_E_CLOSED HO_E_NOMEM HO_E_LIMIT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_shard_open(arena: *mut ho_arena, shard: *mut *mut ho_shard) -> i32;
    /// Threads: shard. Returns HO_OK HO_E_BUSY HO_E_REENTRANT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_shard_close(shard: *mut ho_shard) -> i32;
    /// Threads: shard. Returns HO_OK HO_E_INVAL HO_E_BUSY HO_E_SYSTEM HO_E_HANDLE HO_E_FORKED.
    pub fn ho_shard_fd(shard: *mut ho_shard, fd: *mut i32) -> i32;
    /// Threads: shard. Returns HO_OK HO_FULL HO_E_RANGE HO_E_INVAL HO_E_SIZE HO_E_TOO_NEW HO_E_FLAGS HO_E_RESERVED HO_E_CLOSED HO_E_NOMEM HO_E_HANDLE HO_E_FORKED.
    pub fn ho_reserve(shard: *mut ho_shard, bytes: u64, opts: *const ho_reserve_opts, loan: *mut ho_buf) -> i32;
    /// Threads: shard. Returns HO_OK HO_FULL HO_E_RANGE HO_E_INVAL HO_E_SIZE HO_E_TOO_NEW HO_E_FLAGS HO_E_RESERVED HO_E_CLOSED HO_E_NOMEM HO_E_HANDLE HO_E_FORKED.
    pub fn ho_reserve_many(shard: *mut ho_shard, bytes: u64, opts: *const ho_reserve_opts, loans: *mut ho_buf, count: u32, reserved: *mut u32) -> i32;
    /// Threads: shard. Returns HO_OK HO_E_INVAL HO_E_KIND HO_E_STALE HO_E_RANGE HO_E_HANDLE HO_E_FORKED.
    pub fn ho_abort(shard: *mut ho_shard, bufs: *mut ho_buf, count: u32, aborted: *mut u32) -> i32;
    /// Threads: shard. Returns HO_OK HO_FULL HO_E_INVAL HO_E_KIND HO_E_STALE HO_E_DOMAIN HO_E_RANGE HO_E_HANDLE HO_E_FORKED.
    pub fn ho_split(shard: *mut ho_shard, loan: *mut ho_buf, bytes: u64, front: *mut ho_buf) -> i32;
    /// Threads: shard. Returns HO_OK HO_FULL HO_E_INVAL HO_E_KIND HO_E_STALE HO_E_RANGE HO_E_CLOSED HO_E_NOMEM HO_E_HANDLE HO_E_FORKED.
    pub fn ho_compact(shard: *mut ho_shard, buf: *mut ho_buf) -> i32;
    /// Threads: init. Returns HO_OK HO_E_INVAL HO_E_SIZE HO_E_TOO_NEW HO_E_FLAGS HO_E_RESERVED HO_E_RANGE HO_E_CLOSED HO_E_NOMEM HO_E_LIMIT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_service_open(domain: *mut ho_domain, opts: *const ho_service_opts, service: *mut *mut ho_service) -> i32;
    /// Threads: init. Returns HO_OK HO_TIMEOUT HO_E_SIZE HO_E_REENTRANT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_service_close(service: *mut ho_service, timeout_ns: i64, outstanding: *mut ho_outstanding) -> i32;
    /// Threads: init. Returns HO_OK HO_E_INVAL HO_E_SIZE HO_E_HANDLE HO_E_FORKED.
    pub fn ho_service_stats_get(service: *mut ho_service, stats: *mut ho_service_stats) -> i32;
    /// Threads: init. Returns HO_OK HO_E_INVAL HO_E_DOMAIN HO_E_CLOSED HO_E_NOMEM HO_E_LIMIT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_producer_open(service: *mut ho_service, shard: *mut ho_shard, producer: *mut *mut ho_producer) -> i32;
    /// Threads: producer. Returns HO_OK HO_E_REENTRANT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_producer_close(producer: *mut ho_producer) -> i32;
    /// Threads: producer. Returns HO_OK HO_DROPPED HO_FULL HO_E_INVAL HO_E_FLAGS HO_E_KIND HO_E_STALE HO_E_RANGE HO_E_ROUTE HO_E_CLOSED HO_E_NOMEM HO_E_LIMIT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_commit(producer: *mut ho_producer, bufs: *mut ho_buf, count: u32, flags: u32, accepted: *mut u32) -> i32;
    /// Threads: producer. Returns HO_OK HO_DROPPED HO_FULL HO_E_INVAL HO_E_FLAGS HO_E_RESERVED HO_E_RANGE HO_E_OWNER HO_E_ROUTE HO_E_CLOSED HO_E_NOMEM HO_E_LIMIT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_give(producer: *mut ho_producer, bufs: *mut ho_buf, count: u32, flags: u32, accepted: *mut u32) -> i32;
    /// Threads: producer. Returns HO_OK HO_DROPPED HO_FULL HO_E_INVAL HO_E_FLAGS HO_E_RANGE HO_E_ROUTE HO_E_CLOSED HO_E_NOMEM HO_E_LIMIT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_give_copy(producer: *mut ho_producer, from: *const ho_buf, count: u32, flags: u32, accepted: *mut u32) -> i32;
    /// Threads: producer. Returns HO_OK HO_DROPPED HO_FULL HO_E_INVAL HO_E_FLAGS HO_E_KIND HO_E_STALE HO_E_RANGE HO_E_ROUTE HO_E_CLOSED HO_E_NOMEM HO_E_LIMIT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_forward(producer: *mut ho_producer, bufs: *mut ho_buf, count: u32, flags: u32, accepted: *mut u32) -> i32;
    /// Threads: producer. Returns HO_OK HO_E_HANDLE HO_E_FORKED.
    pub fn ho_flush(producer: *mut ho_producer) -> i32;
    /// Threads: init. Returns HO_OK HO_E_INVAL HO_E_SIZE HO_E_TOO_NEW HO_E_FLAGS HO_E_RESERVED HO_E_RANGE HO_E_BUSY HO_E_CLOSED HO_E_NOMEM HO_E_LIMIT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_consumer_open(service: *mut ho_service, opts: *const ho_consumer_opts, consumer: *mut *mut ho_consumer) -> i32;
    /// Threads: consumer. Returns HO_OK HO_E_REENTRANT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_consumer_close(consumer: *mut ho_consumer) -> i32;
    /// Threads: consumer. Returns HO_OK HO_E_HANDLE HO_E_FORKED.
    pub fn ho_consumer_yield(consumer: *mut ho_consumer) -> i32;
    /// Threads: consumer. Returns HO_OK HO_E_INVAL HO_E_BUSY HO_E_HANDLE HO_E_FORKED.
    pub fn ho_consumer_help(consumer: *mut ho_consumer, producer: *mut ho_producer, budget: u32) -> i32;
    /// Threads: consumer. Returns HO_OK HO_EMPTY HO_CLOSED HO_E_INVAL HO_E_NOMEM HO_E_HANDLE HO_E_FORKED.
    pub fn ho_take(consumer: *mut ho_consumer, bufs: *mut ho_buf, max: u32, taken: *mut u32) -> i32;
    /// Threads: consumer. Returns HO_OK HO_TIMEOUT HO_E_NOMEM HO_E_HANDLE HO_E_FORKED.
    pub fn ho_wait(consumer: *mut ho_consumer, timeout_ns: i64) -> i32;
    /// Threads: consumer. Returns HO_OK HO_E_INVAL HO_E_SYSTEM HO_E_HANDLE HO_E_FORKED.
    pub fn ho_consumer_fd(consumer: *mut ho_consumer, fd: *mut i32) -> i32;
    /// Threads: any. Returns HO_OK HO_E_INVAL HO_E_STALE HO_E_KIND HO_E_HANDLE HO_E_FORKED.
    pub fn ho_return(domain: *mut ho_domain, bufs: *mut ho_buf, count: u32, returned: *mut u32) -> i32;
    /// Threads: any. Returns HO_OK HO_E_INVAL HO_E_KIND HO_E_STALE HO_E_RANGE HO_E_NOMEM HO_E_HANDLE HO_E_FORKED.
    pub fn ho_slice(domain: *mut ho_domain, src: *const ho_buf, offset: u64, len: u64, slice: *mut ho_buf) -> i32;
    /// Threads: init. Returns HO_OK HO_E_INVAL HO_E_SIZE HO_E_TOO_NEW HO_E_FLAGS HO_E_RESERVED HO_E_RANGE HO_E_CLOSED HO_E_NOMEM HO_E_LIMIT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_pool_open(arena: *mut ho_arena, opts: *const ho_pool_opts, pool: *mut *mut ho_pool) -> i32;
    /// Threads: init. Returns HO_OK HO_E_BUSY HO_E_SIZE HO_E_REENTRANT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_pool_close(pool: *mut ho_pool, leaks: *mut ho_pool_leaks) -> i32;
    /// Threads: any. Returns HO_OK HO_FULL HO_E_INVAL HO_E_CLOSED HO_E_REENTRANT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_pool_acquire(pool: *mut ho_pool, obj: *mut ho_obj) -> i32;
    /// Threads: any. Returns HO_OK HO_FULL HO_E_INVAL HO_E_CLOSED HO_E_REENTRANT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_pool_acquire_many(pool: *mut ho_pool, objs: *mut ho_obj, count: u32, acquired: *mut u32) -> i32;
    /// Threads: any. Returns HO_OK HO_E_INVAL HO_E_STALE HO_E_HANDLE HO_E_FORKED.
    pub fn ho_pool_release(pool: *mut ho_pool, obj: *mut ho_obj) -> i32;
    /// Threads: any. Returns HO_OK HO_E_INVAL HO_E_STALE HO_E_HANDLE HO_E_FORKED.
    pub fn ho_pool_release_many(pool: *mut ho_pool, objs: *mut ho_obj, count: u32, released: *mut u32) -> i32;
    /// Threads: any. Returns HO_OK HO_E_STALE HO_E_INVAL HO_E_HANDLE HO_E_FORKED.
    pub fn ho_pool_resolve(pool: *mut ho_pool, handle: u64, ptr: *mut *mut c_void) -> i32;
    /// Threads: any. Returns HO_OK HO_FULL HO_E_NOMEM HO_E_CLOSED HO_E_REENTRANT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_pool_prepare(pool: *mut ho_pool, count: u32, prepared: *mut u32) -> i32;
    /// Threads: any. Returns HO_OK HO_EMPTY HO_E_INVAL HO_E_RANGE HO_E_HANDLE HO_E_FORKED.
    pub fn ho_pool_visit(pool: *mut ho_pool, cursor: *mut u64, handles: *mut u64, max: u32, count: *mut u32) -> i32;
    /// Threads: any. Returns HO_OK HO_E_REENTRANT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_pool_trim(pool: *mut ho_pool, keep_bytes: u64, freed: *mut u64) -> i32;
    /// Threads: any. Returns HO_OK HO_E_INVAL HO_E_SIZE HO_E_HANDLE HO_E_FORKED.
    pub fn ho_pool_stats_get(pool: *mut ho_pool, stats: *mut ho_pool_stats) -> i32;
    /// Threads: any. Returns HO_OK HO_FULL HO_E_INVAL HO_E_RANGE HO_E_CLOSED HO_E_NOMEM HO_E_HANDLE HO_E_FORKED.
    pub fn ho_alloc(arena: *mut ho_arena, bytes: u64, align_bytes: u64, ptr: *mut *mut c_void) -> i32;
    /// Threads: any. Returns HO_OK HO_E_INVAL HO_E_STALE HO_E_HANDLE HO_E_FORKED.
    pub fn ho_free(arena: *mut ho_arena, ptr: *mut c_void) -> i32;
    /// Threads: any. Returns HO_OK HO_E_INVAL HO_E_STALE HO_E_RANGE HO_E_HANDLE HO_E_FORKED.
    pub fn ho_free_sized(arena: *mut ho_arena, ptr: *mut c_void, bytes: u64, align_bytes: u64) -> i32;
    /// Threads: init. Returns HO_OK HO_E_INVAL HO_E_SIZE HO_E_TOO_NEW HO_E_CLOSED HO_E_NOMEM HO_E_LIMIT HO_E_SYSTEM HO_E_HANDLE HO_E_FORKED.
    pub fn ho_owner_register(domain: *mut ho_domain, opts: *const ho_owner_opts, owner: *mut u32) -> i32;
    /// Threads: owner. Returns HO_OK HO_EMPTY HO_E_OWNER HO_E_KIND HO_E_REENTRANT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_owner_drain(domain: *mut ho_domain, owner: u32, max: u32, drained: *mut u32) -> i32;
    /// Threads: any. Returns HO_OK HO_E_INVAL HO_E_OWNER HO_E_KIND HO_E_SYSTEM HO_E_HANDLE HO_E_FORKED.
    pub fn ho_owner_fd(domain: *mut ho_domain, owner: u32, fd: *mut i32) -> i32;
    /// Threads: init. Returns HO_OK HO_TIMEOUT HO_E_OWNER HO_E_REENTRANT HO_E_HANDLE HO_E_FORKED.
    pub fn ho_owner_retire(domain: *mut ho_domain, owner: u32, timeout_ns: i64) -> i32;
}
