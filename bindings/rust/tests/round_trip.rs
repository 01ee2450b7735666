// SPDX-License-Identifier: MIT
//! Rust takes what C++ threads send, and answers; a release written in Rust is called from C++.
use handoff::abi::{self, ho_arena_opts, ho_consumer_opts, ho_domain_opts};
use handoff::abi::{ho_release_rec, ho_service_opts};
use handoff::{Arena, Buffer, Consumer, Domain, Mode, Owner};
use handoff::{Producer, Refused, Release, Sent, Service, Shard, Status};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::mpsc;
use std::thread;

const SECOND_NS: i64 = 1_000_000_000;
const COUNT: u64 = 20_000;

#[repr(C)]
struct Peer {
    _opaque: [u8; 0],
}

#[link(name = "handoff_peer")]
extern "C" {
    fn peer_start(
        domain: *mut abi::ho_domain,
        count: u64,
        requests: *mut *mut abi::ho_service,
        answers: *mut *mut abi::ho_service,
    ) -> *mut Peer;
    fn peer_finish(peer: *mut Peer) -> u64;
}

/// Gives boxes out and drops them when they come back; the token is the box.
#[derive(Default)]
struct Boxes {
    given: AtomicU64,
    freed: AtomicU64,
}

impl Boxes {
    fn leaked() -> &'static Self {
        Box::leak(Box::default())
    }

    fn give(&self, out: &Producer, owner: &Owner<Self>, bytes: &[u8], key: u64) -> Option<Status> {
        let text = Box::new(bytes.to_vec());
        let (ptr, len) = (text.as_ptr() as *mut u8, text.len() as u64);
        let token = Box::into_raw(text);
        match unsafe { out.give(owner, ptr, len, token as u64, key) } {
            Ok(_) => {
                self.given.fetch_add(1, SeqCst);
                None
            }
            Err(status) => {
                drop(unsafe { Box::from_raw(token) });
                Some(status)
            }
        }
    }
}

impl Release for Boxes {
    fn release(&self, recs: &[ho_release_rec]) {
        for rec in recs {
            let text = unsafe { Box::from_raw(rec.token as *mut Vec<u8>) };
            assert_eq!(rec.base as *const u8, text.as_ptr());
            assert_eq!(rec.size, text.len() as u64);
            self.freed.fetch_add(1, SeqCst);
        }
    }
}

fn domain() -> Domain {
    Domain::create(&ho_domain_opts::INIT).expect("a domain")
}

fn service(domain: &Domain) -> Service<'_> {
    Service::open(domain, &ho_service_opts::INIT).expect("a service")
}

fn consumer<'d>(service: &Service<'d>) -> Consumer<'d> {
    Consumer::open(service, &ho_consumer_opts::INIT).expect("a consumer")
}

/// A shard of an arena of its own, which the domain's close finishes closing.
fn shard(domain: &Domain) -> Shard<'_> {
    let arena = Arena::open(domain, &ho_arena_opts::INIT).expect("an arena");
    let shard = Shard::open(&arena).expect("a shard");
    std::mem::forget(arena);
    shard
}

fn producer<'s>(service: &Service, shard: &'s Shard) -> Producer<'s> {
    Producer::open(service, shard).expect("a producer")
}

/// Everything is back, so the domain can go.
fn ends_clean(domain: Domain) {
    domain.close(5 * SECOND_NS).expect("nothing is out");
    domain.destroy().expect("nothing is open");
}

fn take<'d>(from: &mut Consumer<'d>) -> Buffer<'d> {
    loop {
        match from.take() {
            Ok(buffer) => return buffer,
            Err(Status(abi::HO_EMPTY)) => from.wait(10 * SECOND_NS).expect("a message"),
            Err(status) => panic!("{}", status),
        }
    }
}

/// What a thread that answers has.
struct Worker<'w> {
    shard: &'w Shard<'w>,
    out: Producer<'w>,
    boxes: &'w Boxes,
    owner: Owner<'w, Boxes>,
}

/// Answers by turns with the buffer itself, a loan, and memory of Rust's own.
fn answer<'d>(request: Buffer<'d>, with: &Worker, done: &mpsc::Sender<Buffer<'d>>, turn: u64) {
    let mut request = request;
    let key = request.key();
    let full = loop {
        let status = match turn % 3 {
            0 => match with.out.forward(request) {
                Ok(sent) => {
                    assert_eq!(sent, Sent::Delivered);
                    return;
                }
                Err(refused) => {
                    request = refused.what;
                    Some(refused.status)
                }
            },
            1 => {
                let bytes = request.bytes();
                with.shard.reserve(bytes.len() as u64).map_or_else(Some, |mut loan| {
                    assert_eq!(loan.fill(bytes), bytes.len());
                    with.out.commit(loan, key).err().map(|refused| refused.status)
                })
            }
            _ => with.boxes.give(&with.out, &with.owner, request.bytes(), key),
        };
        match status {
            Some(Status(abi::HO_FULL)) => thread::yield_now(),
            other => break other,
        }
    };
    assert_eq!(full, None);
    done.send(request).expect("a thread that returns");
}

#[test]
fn every_request_of_cpp_is_answered_once_in_order_and_all_memory_comes_back() {
    let domain = domain();
    let boxes = Boxes::leaked();
    let (mut requests, mut answers) = (null_mut(), null_mut());
    let peer = unsafe { peer_start(domain.raw(), COUNT, &mut requests, &mut answers) };
    assert!(!peer.is_null());
    let requests = unsafe { Service::adopt(&domain, requests) };
    let answers = unsafe { Service::adopt(&domain, answers) };
    let mut input = consumer(&requests);
    let shard = shard(&domain);
    let worker = Worker {
        shard: &shard,
        out: producer(&answers, &shard),
        boxes,
        owner: Owner::register(&domain, Mode::Inline, boxes).expect("an owner"),
    };
    thread::scope(|scope| {
        let (done, back) = mpsc::channel::<Buffer>();
        scope.spawn(move || back.into_iter().for_each(drop));
        for turn in 0..COUNT {
            answer(take(&mut input), &worker, &done, turn);
        }
    });
    assert_eq!(unsafe { peer_finish(peer) }, COUNT);
    drop((worker, input, requests, answers));
    drop(shard);
    ends_clean(domain);
    assert_eq!(boxes.given.load(SeqCst), COUNT / 3);
    assert_eq!(boxes.freed.load(SeqCst), COUNT / 3);
}

#[test]
fn dropping_a_loan_or_a_buffer_gives_its_memory_back() {
    let domain = domain();
    let service = service(&domain);
    let shard = shard(&domain);
    let (output, mut input) = (producer(&service, &shard), consumer(&service));
    drop(shard.reserve(100).expect("a loan"));
    let mut loan = shard.reserve(100).expect("a loan");
    loan.fill(b"kept");
    assert_eq!(output.commit(loan, 7).expect("sent"), Sent::Delivered);
    let buffer = take(&mut input);
    assert_eq!((buffer.bytes(), buffer.key()), (&b"kept"[..], 7));
    let part = buffer.slice(1, 2).expect("a slice");
    drop(buffer);
    assert_eq!(part.bytes(), b"ep");
    drop((output, input, service));
    drop(shard);
    assert_eq!(domain.close(0), Err(Status(abi::HO_TIMEOUT)));
    drop(part);
    ends_clean(domain);
}

#[test]
fn a_loan_says_where_it_goes_and_what_to_answer_to() {
    let domain = domain();
    let opts = ho_service_opts {
        partitions: 4,
        consumers: abi::HO_CONSUMERS_BOUND,
        ..ho_service_opts::INIT
    };
    let service = Service::open(&domain, &opts).expect("a service");
    let shard = shard(&domain);
    let output = producer(&service, &shard);
    let bound = ho_consumer_opts { partition: 3, ..ho_consumer_opts::INIT };
    let mut input = Consumer::open(&service, &bound).expect("a consumer");
    let second = Consumer::open(&service, &bound).err();
    assert_eq!(second, Some(Status(abi::HO_E_BUSY)));
    let mut loan = shard.reserve(8).expect("a loan");
    loan.set_partition(4);
    let mut loan = match output.commit(loan, 7) {
        Err(Refused { status: Status(abi::HO_E_ROUTE), what }) => what,
        other => panic!("there is no such partition: {:?}", other),
    };
    loan.set_partition(3);
    loan.set_value(u64::MAX);
    assert_eq!(output.commit(loan, 7).expect("sent"), Sent::Delivered);
    let buffer = take(&mut input);
    assert_eq!((buffer.key(), buffer.value(), buffer.partition()), (7, u64::MAX, 3));
    drop((buffer, output, input, service));
    drop(shard);
    ends_clean(domain);
}

#[test]
fn a_claim_that_is_given_up_is_the_next_consumers() {
    let domain = domain();
    let opts = ho_service_opts { partitions: 2, ..ho_service_opts::INIT };
    let service = Service::open(&domain, &opts).expect("a service");
    let shard = shard(&domain);
    let output = producer(&service, &shard);
    let (mut one, mut other) = (consumer(&service), consumer(&service));
    for _ in 0..2 {
        output.commit(shard.reserve(8).expect("a loan"), 7).expect("sent");
    }
    let first = take(&mut one);
    assert_eq!(other.take().err(), Some(Status(abi::HO_EMPTY)));
    one.yield_claims().expect("yielded");
    assert_eq!(take(&mut other).partition(), first.partition());
    drop((first, output, one, other, service));
    drop(shard);
    ends_clean(domain);
}

#[test]
fn a_loan_that_is_refused_is_still_held() {
    let (domain, other) = (domain(), domain());
    let (service, stranger) = (service(&domain), service(&other));
    let (shard, strange_shard) = (shard(&domain), shard(&other));
    let mixed = Producer::open(&service, &strange_shard).err();
    assert_eq!(mixed, Some(Status(abi::HO_E_DOMAIN)));
    let strange_output = producer(&stranger, &strange_shard);
    let loan = shard.reserve(8).expect("a loan");
    let mut refused = strange_output.commit(loan, 0).expect_err("of another domain");
    assert_eq!(refused.status, Status(abi::HO_E_STALE));
    assert_eq!(refused.what.room().len(), 8);
    assert_eq!(domain.close(0), Err(Status(abi::HO_TIMEOUT)));
    drop(refused);
    drop((strange_output, service, stranger));
    drop((shard, strange_shard));
    ends_clean(domain);
    ends_clean(other);
}

#[test]
fn drained_releases_run_where_the_owner_drains() {
    let domain = domain();
    let boxes = Boxes::leaked();
    let service = service(&domain);
    let shard = shard(&domain);
    let (output, mut input) = (producer(&service, &shard), consumer(&service));
    let mut owner = Owner::register(&domain, Mode::Drain, boxes).expect("an owner");
    assert_eq!(boxes.give(&output, &owner, b"mine", 0), None);
    drop(take(&mut input));
    assert_eq!(boxes.freed.load(SeqCst), 0);
    assert_eq!(owner.drain(10), Ok(1));
    assert_eq!(boxes.freed.load(SeqCst), 1);
    assert_eq!(owner.drain(10), Err(Status(abi::HO_EMPTY)));
    drop((owner, output, input, service));
    drop(shard);
    ends_clean(domain);
}

#[test]
fn an_owner_of_another_domain_is_refused() {
    let (domain, other) = (domain(), domain());
    let service = service(&domain);
    let shard = shard(&domain);
    let output = producer(&service, &shard);
    let boxes = Boxes::leaked();
    let theirs = Owner::register(&other, Mode::Inline, boxes).expect("an owner");
    let mine = Owner::register(&domain, Mode::Inline, Boxes::leaked()).expect("an owner");
    assert_eq!(theirs.id(), mine.id());
    assert_eq!(boxes.give(&output, &theirs, b"x", 0), Some(Status(abi::HO_E_DOMAIN)));
    drop(theirs);
    ends_clean(other);
    drop((mine, output, service));
    drop(shard);
    ends_clean(domain);
}

#[test]
fn an_arena_gives_unused_memory_back_and_closes_when_nothing_is_out() {
    let domain = domain();
    let mut arena = Arena::open(&domain, &ho_arena_opts::INIT).expect("an arena");
    let shard = Shard::open(&arena).expect("a shard");
    let loan = shard.reserve(100).expect("a loan");
    assert_eq!(arena.close(0), Err(Status(abi::HO_TIMEOUT)));
    assert_eq!(shard.reserve(100).err(), Some(Status(abi::HO_E_CLOSED)));
    drop(loan);
    drop(shard);
    assert_eq!(arena.trim(0).expect("trimmed") % 4096, 0);
    arena.close(0).expect("nothing is out");
    drop(arena);
    ends_clean(domain);
}

#[test]
fn a_status_says_its_name_and_what_to_do() {
    let said = Status(abi::HO_FULL).to_string();
    assert!(said.starts_with("HO_FULL: "), "{}", said);
}

struct Panics;

impl Release for Panics {
    fn release(&self, _: &[ho_release_rec]) {
        panic!("in a release");
    }
}

#[test]
fn a_panic_in_a_release_ends_the_process() {
    const CHILD: &str = "HANDOFF_PANICS";
    static PANICS: Panics = Panics;
    if std::env::var_os(CHILD).is_none() {
        let name = "a_panic_in_a_release_ends_the_process";
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", name])
            .env(CHILD, "1")
            .output()
            .expect("a child");
        assert_eq!(child.status.signal(), Some(6), "{:?}", child);
        return;
    }
    let domain = domain();
    let service = service(&domain);
    let shard = shard(&domain);
    let (output, mut input) = (producer(&service, &shard), consumer(&service));
    let owner = Owner::register(&domain, Mode::Inline, &PANICS).expect("an owner");
    let byte: &'static mut u8 = Box::leak(Box::new(0));
    unsafe { output.give(&owner, byte, 1, 0, 0) }.expect("given");
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(take(&mut input))));
}
