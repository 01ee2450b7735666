// SPDX-License-Identifier: MIT
//! The service of `echo_server` in Rust instead of C: sends each message back to its connection, and
//! prints reports. C++ threads call `echo_serve`, with ends that they opened and will close.
use handoff::abi::{self, ho_consumer, ho_domain, ho_producer};
use handoff::{Buffer, Consumer, Domain, Producer, Status};
use std::mem::ManuallyDrop;

/// The value of a message from the server itself, as in `service.h`.
const FROM_SERVER: u64 = u64::MAX;

/// The egress partition for answers to a connection, that of its network thread; as `ho_net_to`.
fn thread_of(connection: u64) -> u16 {
    (connection >> 54) as u16
}

/// The message itself is the answer, so nothing is copied. A refused message is dropped, and thereby returned.
fn echo(egress: &Producer, mut message: Buffer) {
    message.set_partition(thread_of(message.value()));
    if let Err(refused) = egress.forward(message) {
        eprintln!("an answer was refused: {}", refused.status);
    }
}

/// A `std::vector` of the server, read in place. Dropping the message destroys it.
fn print_report(message: &Buffer) {
    let counts: Vec<u64> = message
        .bytes()
        .chunks_exact(8)
        .map(|b| u64::from_ne_bytes(b.try_into().unwrap()))
        .collect();
    if let [received, answered, refused] = counts[..] {
        println!("received {received}, answered {answered}, refused {refused}");
    }
}

/// Runs until `HO_CLOSED`: no more messages will come.
fn serve(from: &mut Consumer, egress: &Producer) -> Status {
    loop {
        match from.take() {
            Ok(message) if message.value() == FROM_SERVER => print_report(&message),
            Ok(message) => echo(egress, message),
            Err(Status(abi::HO_EMPTY)) => drop(from.wait(-1)), // the next take reports its errors
            Err(Status(abi::HO_E_NOMEM)) => {}                 // the next take tries again
            Err(status) => return status,
        }
    }
}

/// # Safety
/// The handles must be open, and only this thread may use the ends.
#[no_mangle]
pub unsafe extern "C" fn echo_serve(
    domain: *mut ho_domain,
    from: *mut ho_consumer,
    egress: *mut ho_producer,
) {
    let domain = match Domain::adopt(domain) {
        Ok(domain) => ManuallyDrop::new(domain),
        Err(status) => return eprintln!("a worker could not start: {status}"),
    };
    let mut from = ManuallyDrop::new(Consumer::adopt(&domain, from));
    let egress = ManuallyDrop::new(Producer::adopt(&domain, egress));
    let status = serve(&mut from, &egress);
    if status != Status(abi::HO_CLOSED) {
        eprintln!("a worker ended: {status}");
    }
}
