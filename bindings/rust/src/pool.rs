// SPDX-License-Identifier: MIT
//! Pools: objects of one type in an arena, acquired and released on any threads.
use crate::abi::{self, ho_obj, ho_pool, ho_pool_opts, ho_pool_stats};
use crate::status::{check, Refused, Status};
use crate::{Arena, Domain};
use core::marker::PhantomData;
use core::mem::{align_of, forget, size_of};
use core::ops::{Deref, DerefMut};
use core::ptr::{drop_in_place, null_mut};

/// Names an object of a pool without holding it: a number, fit for a message's value.
pub struct Weak<T> {
    pub value: u64,
    object: PhantomData<fn() -> T>,
}

impl<T> Weak<T> {
    /// Of a number that came from elsewhere; any is fine.
    pub fn new(value: u64) -> Self {
        Self { value, object: PhantomData }
    }
}

impl<T> Clone for Weak<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Weak<T> {}

impl<T> PartialEq for Weak<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> Eq for Weak<T> {}

impl<T> core::fmt::Debug for Weak<T> {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "Weak({:#x})", self.value)
    }
}

/// Objects of type `T`. What is made holds on to the pool, so it is empty when it is dropped, unless
/// objects were leaked or given up ([`Object::release`]): then it stays open, and so does its arena.
///
/// ```compile_fail,E0505
/// fn too_early(pool: handoff::Pool<'_, u64>) {
///     let object = pool.make(7).unwrap();
///     drop(pool);
///     drop(object);
/// }
/// ```
pub struct Pool<'d, T> {
    raw: *mut ho_pool,
    domain: PhantomData<&'d Domain>,
    objects: PhantomData<T>,
}

// The calls are [any]; what is made on one thread may be dropped on another.
unsafe impl<T: Send> Send for Pool<'_, T> {}
unsafe impl<T: Send> Sync for Pool<'_, T> {}

impl<'d, T> Pool<'d, T> {
    /// Options begin as `ho_pool_opts::default()`. Size and alignment are those of `T`, unless they ask
    /// for more. `make` and the end of an object construct and destroy it: `construct` and `destruct`,
    /// which keep objects constructed between users, are `HO_E_INVAL`.
    pub fn open(arena: &Arena<'d>, opts: &ho_pool_opts) -> Result<Self, Status> {
        let mut opts = *opts;
        let mut raw = null_mut();
        if opts.construct.is_some() || opts.destruct.is_some() {
            return Err(Status(abi::HO_E_INVAL));
        }
        opts.slot_bytes = opts.slot_bytes.max(size_of::<T>().max(1) as u32);
        opts.align_bytes = opts.align_bytes.max(align_of::<T>().max(8) as u32);
        check(unsafe { abi::ho_pool_open(arena.raw(), &opts, &mut raw) })?;
        Ok(Self { raw, domain: PhantomData, objects: PhantomData })
    }

    pub fn raw(&self) -> *mut ho_pool {
        self.raw
    }

    /// Acquires an object and moves the value into it; `HO_FULL` gives it back.
    pub fn make(&self, value: T) -> Result<Object<'_, T>, Refused<T>> {
        let mut obj = ho_obj::ZERO;
        match check(unsafe { abi::ho_pool_acquire(self.raw, &mut obj) }) {
            Ok(()) => {
                unsafe { (obj.ptr as *mut T).write(value) };
                Ok(Object { raw: obj, pool: self })
            }
            Err(status) => Err(Refused { status, what: value }),
        }
    }

    /// Whether the object is there at this moment.
    pub fn has(&self, weak: Weak<T>) -> bool {
        self.find(weak).is_some()
    }

    fn find(&self, weak: Weak<T>) -> Option<*mut T> {
        let mut ptr = null_mut();
        check(unsafe { abi::ho_pool_resolve(self.raw, weak.value, &mut ptr) }).ok()?;
        Some(ptr as *mut T)
    }

    /// The object, or `None` once it is gone.
    ///
    /// # Safety
    /// As long as the reference is used, nobody releases the object, and nobody writes to it.
    pub unsafe fn resolve(&self, weak: Weak<T>) -> Option<&T> {
        self.find(weak).map(|ptr| &*ptr)
    }

    /// Takes an object that [`Object::release`] gave up; `None` if it is gone.
    ///
    /// # Safety
    /// Nobody else holds it, and it was made by a pool of `T`.
    pub unsafe fn adopt(&self, weak: Weak<T>) -> Option<Object<'_, T>> {
        let ptr = self.find(weak)?;
        Some(Object { raw: ho_obj { ptr: ptr.cast(), handle: weak.value }, pool: self })
    }

    /// Calls `seen` for each live object. One that comes or goes meanwhile may be told or not.
    pub fn visit(&self, mut seen: impl FnMut(Weak<T>)) -> Result<(), Status> {
        let (mut cursor, mut found, mut count) = (0, [0u64; 32], 0);
        loop {
            let into = found.as_mut_ptr();
            let max = found.len() as u32;
            match unsafe { abi::ho_pool_visit(self.raw, &mut cursor, into, max, &mut count) } {
                abi::HO_EMPTY => return Ok(()),
                status => check(status)?,
            }
            found[..count as usize].iter().for_each(|handle| seen(Weak::new(*handle)));
        }
    }

    /// As `ho_pool_prepare`: makes memory present for a burst. Says for how many objects there is.
    pub fn prepare(&self, count: u32) -> (u32, Result<(), Status>) {
        let mut prepared = 0;
        let status = unsafe { abi::ho_pool_prepare(self.raw, count, &mut prepared) };
        (prepared, check(status))
    }

    /// As `ho_pool_trim`: gives unused memory beyond `keep_bytes` back; says how many bytes.
    pub fn trim(&self, keep_bytes: u64) -> Result<u64, Status> {
        let mut freed = 0;
        check(unsafe { abi::ho_pool_trim(self.raw, keep_bytes, &mut freed) })?;
        Ok(freed)
    }

    pub fn stats(&self) -> Result<ho_pool_stats, Status> {
        let mut stats = ho_pool_stats::INIT;
        check(unsafe { abi::ho_pool_stats_get(self.raw, &mut stats) })?;
        Ok(stats)
    }

    /// As `ho_pool_close`: `HO_E_BUSY` while objects are out that were leaked or given up, and then the
    /// pool is still there.
    pub fn close(self) -> Result<(), Refused<Self>> {
        match check(unsafe { abi::ho_pool_close(self.raw, null_mut()) }) {
            Ok(()) => {
                forget(self);
                Ok(())
            }
            Err(status) => Err(Refused { status, what: self }),
        }
    }
}

impl<T> Drop for Pool<'_, T> {
    fn drop(&mut self) {
        unsafe { abi::ho_pool_close(self.raw, null_mut()) };
    }
}

/// Holds an object of a pool. Dropping it drops the value and releases the object, on any thread; in a
/// child of fork it does nothing.
pub struct Object<'p, T> {
    raw: ho_obj,
    pool: &'p Pool<'p, T>,
}

// It is the one holder, as a box is.
unsafe impl<T: Send> Send for Object<'_, T> {}
unsafe impl<T: Sync> Sync for Object<'_, T> {}

impl<T> Object<'_, T> {
    /// Names it, for a message's value.
    pub fn weak(&self) -> Weak<T> {
        Weak::new(self.raw.handle)
    }

    /// Gives it up without releasing it: [`Pool::adopt`] takes it again.
    pub fn release(self) -> Weak<T> {
        let weak = self.weak();
        forget(self);
        weak
    }
}

impl<T> Deref for Object<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        unsafe { &*(self.raw.ptr as *const T) }
    }
}

impl<T> DerefMut for Object<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        unsafe { &mut *(self.raw.ptr as *mut T) }
    }
}

/// Releases the memory, also when the value's drop panics.
struct Memory<'o> {
    raw: &'o mut ho_obj,
    pool: *mut ho_pool,
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        unsafe { abi::ho_pool_release(self.pool, self.raw) };
    }
}

impl<T> Drop for Object<'_, T> {
    fn drop(&mut self) {
        let value = self.raw.ptr as *mut T;
        if !self.pool.has(self.weak()) {
            return; // a child of fork, which has no memory of pools
        }
        let _memory = Memory { raw: &mut self.raw, pool: self.pool.raw };
        unsafe { drop_in_place(value) };
    }
}
