//! An error of the set-up in words.

use core::ffi::c_char;
use core::fmt::{self, Write};

use crate::pointer::Text;
use crate::status::sdrm3_status_t;
use crate::values::sdrm3_error_t;

/// Longest part of a name that is shown.
const LONGEST_NAME: usize = 40;

/// Writes `model 1 (gaze), sub-network 0, segment 3: what is wrong; what mends it`.
pub(crate) fn describe(error: &sdrm3_error_t, text: &mut Text) -> fmt::Result {
    let mut separator = "";
    let places = [
        ("model ", error.model),
        ("accelerator ", error.accelerator),
        ("sub-network ", error.subnetwork),
        ("segment ", error.segment),
    ];
    for ((what, index), named) in places.into_iter().zip([true, true, false, false]) {
        let Ok(index) = u32::try_from(index) else { continue };
        write!(text, "{separator}{what}{index}")?;
        if named && !error.name.is_null() {
            text.write_str(" (")?;
            text.copy(error.name, LONGEST_NAME)?;
            text.write_str(")")?;
        }
        separator = ", ";
    }
    if !separator.is_empty() {
        text.write_str(": ")?;
    }
    text.copy(status_text(error.status), usize::MAX)?;
    if error.needed_bytes > 0 {
        write!(text, "; {} bytes are needed", error.needed_bytes)?;
    }
    Ok(())
}

/// The text of a status, also of a number that is none.
pub(crate) fn status_text(status: i32) -> *const c_char {
    let known = sdrm3_status_t::ALL.into_iter().find(|known| *known as i32 == status);
    known.map_or(c"no status of this library", sdrm3_status_t::text).as_ptr()
}
