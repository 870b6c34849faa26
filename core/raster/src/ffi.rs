//! The few GDAL calls that the safe crate lacks, and GDAL's messages.
//!
//! GDAL prints to standard error by default, and some of its failures show only there: closing a file whose last block
//! did not fit on the disk "succeeds" in GDAL 3.6. So messages are kept per thread and looked at after each call.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};

use gdal::vector::Feature;
use gdal_sys::{CPLErr, CPLErrorNum};

/// One message of GDAL.
pub(crate) struct Message {
    /// An error, not a warning.
    pub(crate) failure: bool,
    pub(crate) text: String,
}

/// A damaged file can make GDAL say the same thing for every block.
const MOST_MESSAGES: usize = 32;

thread_local! {
    static MESSAGES: RefCell<Vec<Message>> = const { RefCell::new(Vec::new()) };
}

unsafe extern "C" fn keep(class: CPLErr::Type, _number: CPLErrorNum, text: *const c_char) {
    if class < CPLErr::CE_Warning || text.is_null() {
        return;
    }
    // SAFETY: GDAL hands over a NUL-terminated string that lives for the duration of this call.
    let text = unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned();
    // Neither a thread that is ending nor a nested call may unwind into C.
    let _ = MESSAGES.try_with(|messages| {
        if let Ok(mut messages) = messages.try_borrow_mut()
            && messages.len() < MOST_MESSAGES
        {
            messages.push(Message {
                failure: class >= CPLErr::CE_Failure,
                text,
            });
        }
    });
}

/// Silences GDAL's printing; from now on messages are kept for [`watch`].
pub(crate) fn keep_messages() {
    // SAFETY: the handler is a plain function without state of its own and never unwinds.
    unsafe { gdal_sys::CPLSetErrorHandler(Some(keep)) };
}

/// Runs GDAL calls and returns what they gave together with what GDAL said meanwhile on this thread.
pub(crate) fn watch<T>(work: impl FnOnce() -> T) -> (T, Vec<Message>) {
    MESSAGES.with_borrow_mut(Vec::clear);
    let given = work();
    (given, MESSAGES.take())
}

/// Sets how much memory GDAL may use for blocks, for all threads together.
pub(crate) fn set_block_cache(bytes: usize) {
    // SAFETY: only sets a number that GDAL guards itself.
    unsafe { gdal_sys::GDALSetCacheMax64(i64::try_from(bytes).unwrap_or(i64::MAX)) };
}

/// Whether a feature has a value for an attribute. One that a format left out is not set, and would read as 0.
pub(crate) fn has_value(feature: &Feature<'_>, index: usize) -> bool {
    let Ok(index) = i32::try_from(index) else {
        return false;
    };
    // SAFETY: the feature lives for the duration of the call, and GDAL checks nothing but the index, which is one of its
    // layer's attributes.
    unsafe { gdal_sys::OGR_F_IsFieldSetAndNotNull(feature.c_feature(), index) != 0 }
}

/// Forgets what GDAL remembers of a remote file. Without this, a file that was missing once stays missing for as long
/// as the process lives.
pub(crate) fn forget_remote(gdal_path: &str) {
    if let Ok(prefix) = CString::new(gdal_path) {
        // SAFETY: the string outlives the call; GDAL copies what it needs.
        unsafe { gdal_sys::VSICurlPartialClearCache(prefix.as_ptr()) };
    }
}
