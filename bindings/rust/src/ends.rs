// SPDX-License-Identifier: MIT
//! The two ends of a service, for one thread at a time each. One message a call, to the partition of its
//! key or the one that its loan names; `abi` has the calls that take batches.
use crate::abi::{self, ho_buf, ho_consumer, ho_consumer_opts, ho_producer};
use crate::buffer::{Buffer, Loan};
use crate::owner::{Owner, Release};
use crate::status::{check, Refused, Sent, Status};
use crate::{Domain, Service, Shard};
use core::marker::PhantomData;
use core::ptr::null_mut;

type Hand = unsafe extern "C" fn(*mut ho_producer, *mut ho_buf, u32, u32, *mut u32) -> i32;

/// One thread's sending end, over that thread's shard. It stays on the thread that has the shard:
///
/// ```compile_fail,E0277
/// fn moves_to_another_thread<T: Send>() {}
/// moves_to_another_thread::<handoff::Producer<'static>>();
/// ```
pub struct Producer<'s> {
    raw: *mut ho_producer,
    domain: &'s Domain,
    over: PhantomData<&'s Shard<'s>>,
}

impl<'s> Producer<'s> {
    pub fn open(service: &Service<'_>, shard: &'s Shard<'_>) -> Result<Self, Status> {
        let mut raw = null_mut();
        check(unsafe { abi::ho_producer_open(service.raw(), shard.raw(), &mut raw) })?;
        Ok(Self { raw, domain: shard.domain(), over: PhantomData })
    }

    /// Takes a handle over that somebody else opened; see [`Domain::adopt`].
    ///
    /// # Safety
    /// It is a producer of this domain and of this thread, open for as long as this is used, and is closed once.
    pub unsafe fn adopt(domain: &'s Domain, raw: *mut ho_producer) -> Self {
        Self { raw, domain, over: PhantomData }
    }

    pub fn raw(&self) -> *mut ho_producer {
        self.raw
    }

    /// Hands a loan over, of any shard of the domain.
    pub fn commit<'l>(&self, mut loan: Loan<'l>, key: u64) -> Result<Sent, Refused<Loan<'l>>> {
        loan.raw_mut().key = key;
        match self.hand(abi::ho_commit, loan.raw_mut()) {
            Ok(sent) => Ok(sent),
            Err(status) => Err(Refused { status, what: loan }),
        }
    }

    /// Hands a buffer on, without a copy; its key stays.
    pub fn forward<'b>(&self, mut what: Buffer<'b>) -> Result<Sent, Refused<Buffer<'b>>> {
        match self.hand(abi::ho_forward, what.raw_mut()) {
            Ok(sent) => Ok(sent),
            Err(status) => Err(Refused { status, what }),
        }
    }

    /// Gives foreign memory. Unless this is an error, the owner's release gets it back exactly once.
    ///
    /// # Safety
    /// The `len` bytes from `ptr` stay valid, and nobody writes to them, until they are released.
    pub unsafe fn give<R: Release>(
        &self,
        owner: &Owner<'_, R>,
        ptr: *mut u8,
        len: u64,
        token: u64,
        key: u64,
    ) -> Result<Sent, Status> {
        // Numbers of owners are a domain's own: another owner must not get the token.
        if owner.domain().raw() != self.domain.raw() {
            return Err(Status(abi::HO_E_DOMAIN));
        }
        let mut raw = ho_buf { ptr, len, handle: token, key, owner: owner.id(), ..ho_buf::ZERO };
        self.hand(abi::ho_give, &mut raw)
    }

    fn hand(&self, call: Hand, raw: &mut ho_buf) -> Result<Sent, Status> {
        match unsafe { call(self.raw, raw, 1, 0, null_mut()) } {
            abi::HO_OK => Ok(Sent::Delivered),
            abi::HO_DROPPED => Ok(Sent::Dropped),
            status => Err(Status(status)),
        }
    }
}

impl Drop for Producer<'_> {
    fn drop(&mut self) {
        unsafe { abi::ho_producer_close(self.raw) };
    }
}

/// One thread's receiving end.
pub struct Consumer<'d> {
    raw: *mut ho_consumer,
    domain: &'d Domain,
}

unsafe impl Send for Consumer<'_> {}

impl<'d> Consumer<'d> {
    /// Options begin as `ho_consumer_opts::INIT`.
    pub fn open(service: &Service<'d>, opts: &ho_consumer_opts) -> Result<Self, Status> {
        let mut raw = null_mut();
        check(unsafe { abi::ho_consumer_open(service.raw(), opts, &mut raw) })?;
        Ok(Self { raw, domain: service.domain() })
    }

    /// Takes a handle over that somebody else opened; see [`Domain::adopt`].
    ///
    /// # Safety
    /// It is a consumer of this domain, open for as long as this is used, and is closed once.
    pub unsafe fn adopt(domain: &'d Domain, raw: *mut ho_consumer) -> Self {
        Self { raw, domain }
    }

    pub fn raw(&self) -> *mut ho_consumer {
        self.raw
    }

    /// Takes one: `HO_EMPTY` when there is nothing, `HO_CLOSED` when nothing will come any more.
    pub fn take(&mut self) -> Result<Buffer<'d>, Status> {
        let mut one = Buffer::empty(self.domain);
        let mut taken = 0;
        check(unsafe { abi::ho_take(self.raw, one.raw_mut(), 1, &mut taken) })?;
        Ok(one)
    }

    /// As `ho_consumer_yield`: gives up the partitions that the last take or wait of a shared consumer
    /// claimed. What was taken stays valid; the keys in it are other consumers' from now on.
    pub fn yield_claims(&mut self) -> Result<(), Status> {
        check(unsafe { abi::ho_consumer_yield(self.raw) })
    }

    /// Sleeps until there is something to take: `HO_TIMEOUT` if nothing came.
    pub fn wait(&mut self, timeout_ns: i64) -> Result<(), Status> {
        check(unsafe { abi::ho_wait(self.raw, timeout_ns) })
    }
}

impl Drop for Consumer<'_> {
    fn drop(&mut self) {
        unsafe { abi::ho_consumer_close(self.raw) };
    }
}
