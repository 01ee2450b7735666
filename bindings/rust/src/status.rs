// SPDX-License-Identifier: MIT
//! What a call says when it did not do what it was asked.
use crate::abi;
use core::fmt;

/// A status other than `HO_OK`: an outcome of the flow (positive) or an error (negative).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Status(pub i32);

/// The text behind a pointer that the library gave: static, never NULL, ended by a zero byte.
unsafe fn text_of(text: *const u8) -> &'static str {
    let mut len = 0;
    while *text.add(len) != 0 {
        len += 1;
    }
    core::str::from_utf8(core::slice::from_raw_parts(text, len)).unwrap_or("")
}

impl fmt::Display for Status {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut name = core::ptr::null();
        let mut text = core::ptr::null();
        unsafe {
            abi::ho_strerror(self.0, &mut name, &mut text);
            write!(out, "{}: {}", text_of(name), text_of(text))
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

pub(crate) fn check(status: i32) -> Result<(), Status> {
    match status {
        abi::HO_OK => Ok(()),
        _ => Err(Status(status)),
    }
}

/// What became of a buffer that a service accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way to a consumer.
    Delivered,
    /// The service's policy dropped and released it.
    Dropped,
}

/// A call that refused: `what` was not taken over and is as it was.
#[must_use = "what was refused is still held"]
pub struct Refused<T> {
    pub status: Status,
    pub what: T,
}

impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.status, out)
    }
}
