// SPDX-License-Identifier: MIT
//! Pools: values live in them, on any threads, and a handle that travels goes stale.
use handoff::abi::{self, ho_pool_opts};
use handoff::{Arena, Consumer, Domain, Object, Pool, Producer, Service, Shard, Status, Weak};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;

/// Counts those that are alive.
struct Monster<'c> {
    hp: i32,
    alive: &'c AtomicU32,
}

impl<'c> Monster<'c> {
    fn new(hp: i32, alive: &'c AtomicU32) -> Self {
        alive.fetch_add(1, SeqCst);
        Self { hp, alive }
    }
}

impl Drop for Monster<'_> {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, SeqCst);
    }
}

/// Calls `test` with an arena of a domain in which nothing may be left.
fn with_arena(test: impl FnOnce(&Arena<'_>)) {
    let domain = Domain::create(&Default::default()).expect("a domain");
    let mut arena = Arena::open(&domain, &Default::default()).expect("an arena");
    test(&arena);
    arena.close(0).expect("nothing is out");
    drop(arena);
    domain.close(0).expect("nothing is out");
    domain.destroy().expect("nothing is open");
}

fn pool<'d, T>(arena: &Arena<'d>) -> Pool<'d, T> {
    Pool::open(arena, &Default::default()).expect("a pool")
}

#[test]
fn an_object_lives_as_long_as_its_holder() {
    with_arena(|arena| {
        let alive = AtomicU32::new(0);
        let monsters = pool(arena);
        let mut boss = monsters.make(Monster::new(1000, &alive)).expect("a monster");
        boss.hp -= 1;
        assert_eq!((boss.hp, alive.load(SeqCst)), (999, 1));
        let weak = boss.weak();
        assert!(monsters.has(weak));
        assert_eq!(unsafe { monsters.resolve(weak) }.map(|monster| monster.hp), Some(999));
        drop(boss);
        assert_eq!(alive.load(SeqCst), 0);
        assert!(!monsters.has(weak));
        let again = monsters.make(Monster::new(1, &alive)).expect("a monster");
        assert!(!monsters.has(weak) && again.weak() != weak);
        assert!(!monsters.has(Weak::new(0)) && !monsters.has(Weak::new(u64::MAX)));
        assert_eq!(monsters.stats().expect("stats").live, 1);
        drop(again);
        monsters.close().expect("nothing is out");
    });
}

#[test]
fn objects_are_aligned_as_their_type() {
    #[repr(align(256))]
    struct Wide([u8; 300]);
    with_arena(|arena| {
        let wide = pool(arena);
        let nothing = pool(arena);
        let objects: Vec<Object<'_, Wide>> =
            (0..10).map(|i| wide.make(Wide([i; 300])).expect("one")).collect();
        for (i, object) in objects.iter().enumerate() {
            assert_eq!(&**object as *const Wide as usize % 256, 0);
            assert!(object.0.iter().all(|byte| usize::from(*byte) == i));
        }
        drop(nothing.make(()).expect("nothing has a place, too"));
    });
}

#[test]
fn what_does_not_fit_comes_back() {
    with_arena(|arena| {
        let opts = ho_pool_opts { objects_max: 1, ..Default::default() };
        let boxes = Pool::open(arena, &opts).expect("a pool");
        let first = boxes.make(Box::new(1)).expect("one");
        let refused = boxes.make(Box::new(2)).err().expect("one too many");
        assert_eq!((refused.status, *refused.what), (Status(abi::HO_FULL), 2));
        drop(first);
        assert_eq!(boxes.make(refused.what).map(|two| **two).ok(), Some(2));
    });
}

#[test]
fn objects_move_to_other_threads_and_end_there() {
    with_arena(|arena| {
        let strings: Pool<'_, String> = pool(arena);
        let made: Vec<_> =
            (0..1000).map(|i| strings.make(i.to_string()).expect("a string")).collect();
        thread::scope(|scope| {
            scope.spawn(|| {
                for (i, string) in made.into_iter().enumerate() {
                    assert_eq!(*string, i.to_string());
                }
            });
            scope.spawn(|| drop(strings.make(String::from("mine")).expect("a string")));
        });
        assert_eq!(strings.stats().expect("stats").live, 0);
    });
}

#[test]
fn what_is_given_up_keeps_the_pool_until_it_is_adopted() {
    with_arena(|arena| {
        let alive = AtomicU32::new(0);
        let monsters = pool(arena);
        let weak = monsters.make(Monster::new(5, &alive)).expect("a monster").release();
        let refused = monsters.close().err().expect("one is out");
        assert_eq!(refused.status, Status(abi::HO_E_BUSY));
        let monsters = refused.what;
        let mut found = Vec::new();
        monsters.visit(|monster| found.push(monster)).expect("visited");
        assert_eq!(found, [weak]);
        drop(unsafe { monsters.adopt(weak) }.expect("still there"));
        assert!(unsafe { monsters.adopt(weak) }.is_none());
        assert_eq!(alive.load(SeqCst), 0);
        monsters.close().expect("nothing is out");
    });
}

#[test]
fn a_burst_is_prepared_and_its_memory_goes_back() {
    with_arena(|arena| {
        let pool: Pool<'_, [u64; 12]> = pool(arena);
        assert_eq!(pool.prepare(11_000), (11_000, Ok(())));
        let burst: Vec<_> = (0..11_000).map(|i| pool.make([i; 12]).expect("prepared")).collect();
        drop(burst);
        let before = pool.stats().expect("stats").bytes_held;
        let freed = pool.trim(0).expect("trimmed");
        assert!(freed > before / 2 && pool.stats().expect("stats").bytes_held == before - freed);
    });
}

#[test]
fn a_panic_in_a_drop_releases_the_object() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in a drop");
        }
    }
    with_arena(|arena| {
        let pool = pool(arena);
        let object = pool.make(Panics).ok().expect("one");
        assert!(catch_unwind(AssertUnwindSafe(|| drop(object))).is_err());
        assert_eq!(pool.stats().expect("stats").live, 0);
    });
}

#[test]
fn options_with_callbacks_are_refused() {
    unsafe extern "C" fn nothing(_: *mut core::ffi::c_void, _: *mut core::ffi::c_void) {}
    with_arena(|arena| {
        let opts = ho_pool_opts { construct: Some(nothing), ..Default::default() };
        let refused = Pool::<u64>::open(arena, &opts).err();
        assert_eq!(refused, Some(Status(abi::HO_E_INVAL)));
    });
}

#[test]
fn a_stale_handle_in_a_message_is_refused() {
    with_arena(|arena| {
        let service = Service::open(arena.domain(), &Default::default()).expect("a service");
        let shard = Shard::open(arena).expect("a shard");
        let output = Producer::open(&service, &shard).expect("a producer");
        let mut input = Consumer::open(&service, &Default::default()).expect("a consumer");
        let monsters: Pool<'_, i32> = pool(arena);
        let monster = monsters.make(7).expect("a monster");
        for _ in 0..2 {
            let mut loan = shard.reserve(1).expect("a loan");
            loan.set_value(monster.weak().value);
            loan.set_len(1);
            output.commit(loan, 0).expect("sent");
        }
        let first = input.take().expect("a message");
        assert!(monsters.has(Weak::new(first.value())));
        drop(monster);
        let second = input.take().expect("a message");
        assert_eq!(first.value(), second.value());
        assert!(!monsters.has(Weak::new(second.value())));
    });
}
