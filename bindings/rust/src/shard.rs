// SPDX-License-Identifier: MIT
//! One thread's filling end of an arena.
use crate::abi::{self, ho_reserve_opts, ho_shard};
use crate::buffer::Loan;
use crate::status::{check, Status};
use crate::{Arena, Domain};
use core::ptr::{null, null_mut};

/// What a thread reserves from. That thread's producers are opened over it and close before it, which
/// the compiler sees to:
///
/// ```compile_fail,E0505
/// fn too_early(service: &handoff::Service, shard: handoff::Shard) {
///     let producer = handoff::Producer::open(service, &shard);
///     drop(shard);
///     drop(producer);
/// }
/// ```
///
/// It may move to another thread while nothing is open over it, and is not shared:
///
/// ```compile_fail,E0277
/// fn is_shared<T: Sync>() {}
/// is_shared::<handoff::Shard<'static>>();
/// ```
pub struct Shard<'d> {
    raw: *mut ho_shard,
    domain: &'d Domain,
}

unsafe impl Send for Shard<'_> {}

impl<'d> Shard<'d> {
    pub fn open(arena: &Arena<'d>) -> Result<Self, Status> {
        let mut raw = null_mut();
        check(unsafe { abi::ho_shard_open(arena.raw(), &mut raw) })?;
        Ok(Self { raw, domain: arena.domain() })
    }

    pub fn raw(&self) -> *mut ho_shard {
        self.raw
    }

    pub fn domain(&self) -> &'d Domain {
        self.domain
    }

    /// Memory to write `bytes` bytes into.
    pub fn reserve(&self, bytes: u64) -> Result<Loan<'_>, Status> {
        let mut loan = Loan::empty(self);
        let none: *const ho_reserve_opts = null();
        check(unsafe { abi::ho_reserve(self.raw, bytes, none, loan.raw_mut()) })?;
        Ok(loan)
    }
}

impl Drop for Shard<'_> {
    fn drop(&mut self) {
        unsafe { abi::ho_shard_close(self.raw) };
    }
}
