// SPDX-License-Identifier: MIT
//! Domain, arena and service, the objects that are opened once.
use crate::abi::{self, ho_abi_info, ho_arena, ho_arena_opts};
use crate::abi::{ho_domain, ho_domain_opts, ho_service, ho_service_opts};
use crate::status::{check, Refused, Status};
use core::mem::{forget, size_of};
use core::ptr::null_mut;

/// Whether the library is one that this crate was made for.
fn negotiate() -> Result<(), Status> {
    let mut mine = ho_abi_info::ZERO;
    let into = &mut mine as *mut ho_abi_info;
    let size = size_of::<ho_abi_info>();
    check(unsafe { abi::ho_init(abi::HO_TYPE_ABI_INFO, into.cast(), size) })?;
    mine.major = abi::HO_ABI_MAJOR;
    mine.minor = abi::HO_ABI_MINOR;
    mine.patch = abi::HO_ABI_PATCH;
    check(unsafe { abi::ho_abi_negotiate(&mine, null_mut()) })
}

/// The root: arenas, services, owners. Dropping it closes it without waiting and frees it if nothing
/// is out; if something is, the domain lives on, so that memory is never freed under a reader.
pub struct Domain {
    raw: *mut ho_domain,
}

// A handle is looked up, not followed, and the calls on it are [any] and [init].
unsafe impl Send for Domain {}
unsafe impl Sync for Domain {}

impl Domain {
    /// Options begin as `ho_domain_opts::INIT`.
    pub fn create(opts: &ho_domain_opts) -> Result<Self, Status> {
        negotiate()?;
        let mut raw = null_mut();
        check(unsafe { abi::ho_domain_create(opts, &mut raw) })?;
        Ok(Self { raw })
    }

    /// Takes a handle over that somebody else opened. One that somebody else also closes is borrowed:
    /// put it into a `ManuallyDrop`.
    ///
    /// # Safety
    /// It is open for as long as this is used, and is closed once.
    pub unsafe fn adopt(raw: *mut ho_domain) -> Result<Self, Status> {
        negotiate()?;
        Ok(Self { raw })
    }

    pub fn raw(&self) -> *mut ho_domain {
        self.raw
    }

    /// As `ho_domain_close`: `HO_TIMEOUT` while something is out. Negative waits for ever.
    pub fn close(&self, timeout_ns: i64) -> Result<(), Status> {
        check(unsafe { abi::ho_domain_close(self.raw, timeout_ns, null_mut()) })
    }

    /// As `ho_domain_destroy`: `HO_E_BUSY` while something is out. What this crate handed out keeps
    /// it from being called at all:
    ///
    /// ```compile_fail,E0505
    /// fn too_early(domain: handoff::Domain, take: impl Fn(&handoff::Domain) -> handoff::Buffer) {
    ///     let buffer = take(&domain);
    ///     let _ = domain.destroy();
    ///     drop(buffer);
    /// }
    /// ```
    pub fn destroy(self) -> Result<(), Refused<Self>> {
        match check(unsafe { abi::ho_domain_destroy(self.raw, null_mut()) }) {
            Ok(()) => {
                forget(self);
                Ok(())
            }
            Err(status) => Err(Refused { status, what: self }),
        }
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        unsafe {
            abi::ho_domain_close(self.raw, 0, null_mut());
            abi::ho_domain_destroy(self.raw, null_mut());
        }
    }
}

/// Memory with a budget, which threads fill through shards. Dropping it begins to close it; the
/// domain's close finishes that.
pub struct Arena<'d> {
    raw: *mut ho_arena,
    domain: &'d Domain,
}

// As for Domain.
unsafe impl Send for Arena<'_> {}
unsafe impl Sync for Arena<'_> {}

impl<'d> Arena<'d> {
    /// Options begin as `ho_arena_opts::INIT`.
    pub fn open(domain: &'d Domain, opts: &ho_arena_opts) -> Result<Self, Status> {
        let mut raw = null_mut();
        check(unsafe { abi::ho_arena_open(domain.raw(), opts, &mut raw) })?;
        Ok(Self { raw, domain })
    }

    pub fn raw(&self) -> *mut ho_arena {
        self.raw
    }

    pub fn domain(&self) -> &'d Domain {
        self.domain
    }

    /// As `ho_arena_trim`: gives unused memory beyond `keep_bytes` back; says how many bytes.
    pub fn trim(&self, keep_bytes: u64) -> Result<u64, Status> {
        let mut freed = 0;
        check(unsafe { abi::ho_arena_trim(self.raw, keep_bytes, &mut freed) })?;
        Ok(freed)
    }

    /// As `ho_arena_close`: `HO_TIMEOUT` while something is out, then it may be called again.
    pub fn close(&mut self, timeout_ns: i64) -> Result<(), Status> {
        check(unsafe { abi::ho_arena_close(self.raw, timeout_ns, null_mut()) })?;
        self.raw = null_mut();
        Ok(())
    }
}

impl Drop for Arena<'_> {
    fn drop(&mut self) {
        // NULL, once it is closed, is refused without harm.
        unsafe { abi::ho_arena_close(self.raw, 0, null_mut()) };
    }
}

/// A logical service; what is sent to it lies in arenas. Dropping it begins to close it; the domain's close finishes that.
pub struct Service<'d> {
    raw: *mut ho_service,
    domain: &'d Domain,
}

// As for Domain.
unsafe impl Send for Service<'_> {}
unsafe impl Sync for Service<'_> {}

impl<'d> Service<'d> {
    /// Options begin as `ho_service_opts::INIT`.
    pub fn open(domain: &'d Domain, opts: &ho_service_opts) -> Result<Self, Status> {
        let mut raw = null_mut();
        check(unsafe { abi::ho_service_open(domain.raw(), opts, &mut raw) })?;
        Ok(Self { raw, domain })
    }

    /// Takes a handle over that somebody else opened.
    ///
    /// # Safety
    /// It is a service of this domain, and nobody else closes it.
    pub unsafe fn adopt(domain: &'d Domain, raw: *mut ho_service) -> Self {
        Self { raw, domain }
    }

    pub fn raw(&self) -> *mut ho_service {
        self.raw
    }

    pub fn domain(&self) -> &'d Domain {
        self.domain
    }

    /// As `ho_service_close`: `HO_TIMEOUT` while an end is open, then it may be called again.
    pub fn close(&mut self, timeout_ns: i64) -> Result<(), Status> {
        check(unsafe { abi::ho_service_close(self.raw, timeout_ns, null_mut()) })?;
        self.raw = null_mut();
        Ok(())
    }
}

impl Drop for Service<'_> {
    fn drop(&mut self) {
        // NULL, once it is closed, is refused without harm.
        unsafe { abi::ho_service_close(self.raw, 0, null_mut()) };
    }
}
