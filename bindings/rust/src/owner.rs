// SPDX-License-Identifier: MIT
//! Owners: where foreign memory comes from, and how it is given back.
use crate::abi::{self, ho_owner_opts, ho_release_rec};
use crate::status::{check, Status};
use crate::Domain;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::forget;
use core::slice;

/// Gets memory back. A panic in it ends the process: it must not unwind into C.
pub trait Release: Sync + 'static {
    /// At least one record. Must not block; may call what the ABI marks `any`.
    fn release(&self, recs: &[ho_release_rec]);
}

/// Where the release runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// On the thread that returns the last part of a buffer.
    Inline = abi::HO_RELEASE_INLINE as isize,
    /// Inside [`Owner::drain`].
    Drain = abi::HO_RELEASE_DRAIN as isize,
    /// The same, and `ho_owner_fd` becomes readable.
    Event = abi::HO_RELEASE_EVENT as isize,
}

/// A registered owner. Dropping it retires it: what is out is still released, in the modes of which
/// the releases are drained only if they were drained before.
pub struct Owner<'d, R: Release> {
    id: u32,
    domain: &'d Domain,
    target: PhantomData<&'static R>,
}

impl<'d, R: Release> Owner<'d, R> {
    /// The target is for ever because nothing else outlives every release for certain.
    pub fn register(domain: &'d Domain, mode: Mode, target: &'static R) -> Result<Self, Status> {
        let opts = ho_owner_opts {
            mode: mode as u32,
            release: Some(on_release::<R>),
            ctx: target as *const R as *mut c_void,
            ..ho_owner_opts::INIT
        };
        let mut id = 0;
        check(unsafe { abi::ho_owner_register(domain.raw(), &opts, &mut id) })?;
        Ok(Self { id, domain, target: PhantomData })
    }

    /// What `ho_buf.owner` is set to.
    pub fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn domain(&self) -> &'d Domain {
        self.domain
    }

    /// Runs up to `max` queued releases on this thread and says how many: `HO_EMPTY` for none.
    pub fn drain(&mut self, max: u32) -> Result<u32, Status> {
        let mut drained = 0;
        check(unsafe { abi::ho_owner_drain(self.domain.raw(), self.id, max, &mut drained) })?;
        Ok(drained)
    }
}

impl<R: Release> Drop for Owner<'_, R> {
    fn drop(&mut self) {
        // What is out is released later.
        unsafe { abi::ho_owner_retire(self.domain.raw(), self.id, 0) };
    }
}

/// Dropped only while a panic unwinds, and a panic within a panic aborts.
struct NoWayOut;

impl Drop for NoWayOut {
    fn drop(&mut self) {
        panic!("handoff: a release panicked: it must not unwind into C");
    }
}

unsafe extern "C" fn on_release<R: Release>(
    ctx: *mut c_void,
    recs: *const ho_release_rec,
    count: u32,
) {
    let guard = NoWayOut;
    (*(ctx as *const R)).release(slice::from_raw_parts(recs, count as usize));
    forget(guard);
}
