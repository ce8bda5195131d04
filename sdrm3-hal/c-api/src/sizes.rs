//! How large a scheduler's storage must be: the two sizes, and the bytes that each takes.
//!
//! C needs the bytes as literals: `generate.sh` measures `size_of` and writes it here, and here it is
//! checked against what is true of the target.

use sdrm3_core::{Segment, SubNetwork};

use crate::pointer::ALIGNMENT;
use crate::setup;

/// Room of the small size for models.
pub const SDRM3_SMALL_MODELS: usize = 8;
/// Room of the small size for jobs: frames at a time.
pub const SDRM3_SMALL_JOBS: usize = 16;
/// Room of the small size for accelerators.
pub const SDRM3_SMALL_ACCELERATORS: usize = 4;

/// Room of the large size for models.
pub const SDRM3_LARGE_MODELS: usize = 32;
/// Room of the large size for jobs: frames at a time.
pub const SDRM3_LARGE_JOBS: usize = 64;
/// Room of the large size for accelerators.
pub const SDRM3_LARGE_ACCELERATORS: usize = 8;

// On targets with 32-bit pointers.
/// Bytes of storage of the small size before sub-networks and segments: see `SDRM3_SMALL_SIZE`.
#[cfg(target_pointer_width = "32")]
pub const SDRM3_SMALL_BYTES: usize = 3320; // 32
/// Bytes that each sub-network takes.
#[cfg(target_pointer_width = "32")]
pub const SDRM3_SMALL_BYTES_PER_SUBNETWORK: usize = 28; // 32
/// Bytes that each segment takes, of all sub-networks.
#[cfg(target_pointer_width = "32")]
pub const SDRM3_SMALL_BYTES_PER_SEGMENT: usize = 112; // 32
/// Bytes of storage of the large size before sub-networks and segments: see `SDRM3_LARGE_SIZE`.
#[cfg(target_pointer_width = "32")]
pub const SDRM3_LARGE_BYTES: usize = 13144; // 32
/// Bytes that each sub-network takes.
#[cfg(target_pointer_width = "32")]
pub const SDRM3_LARGE_BYTES_PER_SUBNETWORK: usize = 28; // 32
/// Bytes that each segment takes, of all sub-networks.
#[cfg(target_pointer_width = "32")]
pub const SDRM3_LARGE_BYTES_PER_SEGMENT: usize = 176; // 32

// On targets with 64-bit pointers.
/// Bytes of storage of the small size before sub-networks and segments: see `SDRM3_SMALL_SIZE`.
#[cfg(not(target_pointer_width = "32"))]
pub const SDRM3_SMALL_BYTES: usize = 3664; // 64
/// Bytes that each sub-network takes.
#[cfg(not(target_pointer_width = "32"))]
pub const SDRM3_SMALL_BYTES_PER_SUBNETWORK: usize = 48; // 64
/// Bytes that each segment takes, of all sub-networks.
#[cfg(not(target_pointer_width = "32"))]
pub const SDRM3_SMALL_BYTES_PER_SEGMENT: usize = 112; // 64
/// Bytes of storage of the large size before sub-networks and segments: see `SDRM3_LARGE_SIZE`.
#[cfg(not(target_pointer_width = "32"))]
pub const SDRM3_LARGE_BYTES: usize = 14320; // 64
/// Bytes that each sub-network takes.
#[cfg(not(target_pointer_width = "32"))]
pub const SDRM3_LARGE_BYTES_PER_SUBNETWORK: usize = 48; // 64
/// Bytes that each segment takes, of all sub-networks.
#[cfg(not(target_pointer_width = "32"))]
pub const SDRM3_LARGE_BYTES_PER_SEGMENT: usize = 176; // 64

/// What is true of this target, in the order of the constants above.
pub(crate) const ACTUAL: [usize; 6] = {
    const SMALL: usize = setup::bytes::<SDRM3_SMALL_MODELS, SDRM3_SMALL_JOBS, SDRM3_SMALL_ACCELERATORS>(
        SDRM3_SMALL_ACCELERATORS,
        SDRM3_SMALL_MODELS,
    );
    const LARGE: usize = setup::bytes::<SDRM3_LARGE_MODELS, SDRM3_LARGE_JOBS, SDRM3_LARGE_ACCELERATORS>(
        SDRM3_LARGE_ACCELERATORS,
        SDRM3_LARGE_MODELS,
    );
    [
        // All sub-networks are one piece, which is rounded up.
        SMALL + ALIGNMENT,
        size_of::<SubNetwork<'static, SDRM3_SMALL_ACCELERATORS>>(),
        size_of::<Segment<SDRM3_SMALL_ACCELERATORS>>(),
        LARGE + ALIGNMENT,
        size_of::<SubNetwork<'static, SDRM3_LARGE_ACCELERATORS>>(),
        size_of::<Segment<SDRM3_LARGE_ACCELERATORS>>(),
    ]
};

/// What the header says, in the same order.
#[cfg(not(feature = "measure"))]
const WRITTEN: [usize; 6] = [
    SDRM3_SMALL_BYTES,
    SDRM3_SMALL_BYTES_PER_SUBNETWORK,
    SDRM3_SMALL_BYTES_PER_SEGMENT,
    SDRM3_LARGE_BYTES,
    SDRM3_LARGE_BYTES_PER_SUBNETWORK,
    SDRM3_LARGE_BYTES_PER_SEGMENT,
];

#[cfg(not(feature = "measure"))]
const _: () = {
    let mut i = 0;
    while i < 6 {
        assert!(
            ACTUAL[i] <= WRITTEN[i],
            "the storage of the header is too small: run sdrm3-hal/c-api/generate.sh"
        );
        i += 1;
    }
};

/// Symbols as large as the constants should be; `nm` reads them off for any target.
#[cfg(feature = "measure")]
mod measured {
    use super::ACTUAL;

    macro_rules! measured {
        ($($name:ident = $index:literal),*) => {
            $(
                #[unsafe(no_mangle)]
                #[allow(unreachable_pub)]
                pub static $name: [u8; ACTUAL[$index]] = [0; ACTUAL[$index]];
            )*
        };
    }

    measured! {
        SDRM3_SMALL_BYTES = 0,
        SDRM3_SMALL_BYTES_PER_SUBNETWORK = 1,
        SDRM3_SMALL_BYTES_PER_SEGMENT = 2,
        SDRM3_LARGE_BYTES = 3,
        SDRM3_LARGE_BYTES_PER_SUBNETWORK = 4,
        SDRM3_LARGE_BYTES_PER_SEGMENT = 5
    }
}

#[cfg(all(test, not(feature = "measure")))]
mod tests {
    use super::{ACTUAL, WRITTEN};

    #[test]
    fn the_header_asks_for_no_more_storage_than_it_must() {
        for (actual, written) in ACTUAL.into_iter().zip(WRITTEN) {
            let why = "run sdrm3-hal/c-api/generate.sh: the header asks for more than the scheduler takes";
            assert!(written - actual <= actual / 16, "{why}: {written} for {actual}");
        }
    }
}
