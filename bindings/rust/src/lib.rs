// SPDX-License-Identifier: MIT
//! The C ABI of handoff, and a thin safe layer over the part of it that every program needs. Needs
//! `core` alone. [`abi`] has the whole ABI; what the safe layer leaves out is called through it,
//! with the handles that `raw` gives.
//!
//! Dropping gives back: a [`Buffer`] is returned, a [`Loan`] aborted, a handle closed. Nothing waits.
#![no_std]

#[rustfmt::skip]
pub mod abi;
mod buffer;
mod domain;
mod ends;
mod owner;
mod pool;
mod shard;
mod status;

pub use buffer::{Buffer, Loan};
pub use domain::{Arena, Domain, Service};
pub use ends::{Consumer, Producer};
pub use owner::{Mode, Owner, Release};
pub use pool::{Object, Pool, Weak};
pub use shard::Shard;
pub use status::{Refused, Sent, Status};
