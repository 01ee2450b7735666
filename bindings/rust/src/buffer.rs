// SPDX-License-Identifier: MIT
//! Buffers that give themselves back.
use crate::abi::{self, ho_buf};
use crate::status::{check, Status};
use crate::{Domain, Shard};
use core::mem::{forget, replace};
use core::ptr::null_mut;
use core::slice;

/// A buffer that was taken or sliced. It moves and does not copy; dropping it returns it, on any
/// thread.
///
/// ```compile_fail,E0382
/// fn hold(_: handoff::Buffer<'_>) {}
/// fn twice(buffer: handoff::Buffer<'_>) {
///     hold(buffer);
///     hold(buffer);
/// }
/// ```
pub struct Buffer<'d> {
    raw: ho_buf,
    domain: &'d Domain,
}

// Every call on a buffer is [any] in the ABI, and its bytes are only read.
unsafe impl Send for Buffer<'_> {}
unsafe impl Sync for Buffer<'_> {}

impl<'d> Buffer<'d> {
    /// Takes a descriptor over.
    ///
    /// # Safety
    /// The caller holds it, it belongs to this domain and is no loan, and nobody writes to its bytes.
    pub unsafe fn adopt(domain: &'d Domain, raw: ho_buf) -> Self {
        Self { raw, domain }
    }

    /// The descriptor, which the caller has to give back from now on.
    pub fn release(mut self) -> ho_buf {
        replace(&mut self.raw, ho_buf::ZERO)
    }

    pub fn bytes(&self) -> &[u8] {
        match self.raw.ptr.is_null() {
            true => &[], // emptied
            false => unsafe { slice::from_raw_parts(self.raw.ptr, self.raw.len as usize) },
        }
    }

    pub fn key(&self) -> u64 {
        self.raw.key
    }

    /// The sender's, verbatim.
    pub fn value(&self) -> u64 {
        self.raw.value
    }

    /// Through which partition of its service it came.
    pub fn partition(&self) -> u16 {
        self.raw.partition
    }

    /// Names the partition to forward it to, whatever its key.
    pub fn set_partition(&mut self, partition: u16) {
        self.raw.partition = partition;
        self.raw.flags |= abi::HO_BUF_PARTITION;
    }

    /// A buffer of its own over part of this one; the memory lives until both are back.
    pub fn slice(&self, offset: u64, len: u64) -> Result<Buffer<'d>, Status> {
        let mut part = Self { raw: ho_buf::ZERO, domain: self.domain };
        let call =
            unsafe { abi::ho_slice(self.domain.raw(), &self.raw, offset, len, &mut part.raw) };
        check(call).map(|()| part)
    }

    pub(crate) fn empty(domain: &'d Domain) -> Self {
        Self { raw: ho_buf::ZERO, domain }
    }

    pub(crate) fn raw_mut(&mut self) -> &mut ho_buf {
        &mut self.raw
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        // An empty descriptor is skipped by the library.
        unsafe { abi::ho_return(self.domain.raw(), &mut self.raw, 1, null_mut()) };
    }
}

/// Memory to write into, reserved and not committed yet. Dropping it aborts it. It stays on the
/// thread of its shard:
///
/// ```compile_fail,E0277
/// fn moves_to_another_thread<T: Send>() {}
/// moves_to_another_thread::<handoff::Loan<'static>>();
/// ```
pub struct Loan<'s> {
    raw: ho_buf,
    shard: &'s Shard<'s>,
}

impl<'s> Loan<'s> {
    /// The room to write into: all of the capacity.
    pub fn room(&mut self) -> &mut [u8] {
        match self.raw.ptr.is_null() {
            true => &mut [],
            false => unsafe { slice::from_raw_parts_mut(self.raw.ptr, self.raw.cap as usize) },
        }
    }

    /// Says how many bytes were written.
    ///
    /// # Panics
    /// If there is no room for so many.
    pub fn set_len(&mut self, len: u64) {
        assert!(len <= self.raw.cap, "the loan has less room");
        self.raw.len = len;
    }

    /// Travels along, verbatim: what to answer to.
    pub fn set_value(&mut self, value: u64) {
        self.raw.value = value;
    }

    /// Names the partition to send it to, whatever its key.
    pub fn set_partition(&mut self, partition: u16) {
        self.raw.partition = partition;
        self.raw.flags |= abi::HO_BUF_PARTITION;
    }

    /// Copies bytes to the front of the room, and that is the loan's length. Returns how many fit.
    pub fn fill(&mut self, bytes: &[u8]) -> usize {
        let room = self.room();
        let len = bytes.len().min(room.len());
        room[..len].copy_from_slice(&bytes[..len]);
        self.set_len(len as u64);
        len
    }

    /// The descriptor, which the caller has to commit or abort from now on.
    pub fn release(self) -> ho_buf {
        let raw = self.raw;
        forget(self);
        raw
    }

    pub(crate) fn empty(shard: &'s Shard<'s>) -> Self {
        Self { raw: ho_buf::ZERO, shard }
    }

    pub(crate) fn raw_mut(&mut self) -> &mut ho_buf {
        &mut self.raw
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        // An empty descriptor, once it is committed, is refused without harm.
        unsafe { abi::ho_abort(self.shard.raw(), &mut self.raw, 1, null_mut()) };
    }
}
