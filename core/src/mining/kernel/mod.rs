//! Search kernels: the loops that look for a nonce.
//!
//! [`Kernel::PORTABLE`] is the reference implementation. Each other kernel is one file per
//! instruction set, all with the same structure. Their `scan` passes over batches of nonces until
//! one may hold a hit, judged by the hash's first word alone. Then `portable` searches that batch.
//! So a kernel never misses a hit if its `scan` does not, and never reports a false one. [`gpu`] is
//! the counterpart for graphics processors. It is not a [`Kernel`], because a driver has to wait
//! for the processor. `unsafe` is only allowed
//! in this module and for the hint of `primitives::prefetch`.

#![expect(unsafe_code, reason = "code for an instruction set may only run on a machine that has it")]

pub mod gpu;
mod headers;
mod lanes;
mod lead;
mod portable;
mod scalar;
mod set;
mod sha256;
mod trial;

#[cfg(target_arch = "aarch64")]
mod arm_sha2;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod sha_ni;
#[cfg(all(target_arch = "wasm32", feature = "simd128"))]
mod simd128;

use core::fmt;

pub use headers::{Headers, Hit, ROOTS_MAX};
use set::Set;
pub use trial::Trial;

/// A search kernel that this machine can run. A value of this type is the proof.
///
/// ```
/// use plexus_core::Network;
/// use plexus_core::mining::kernel::{Headers, Kernel};
///
/// let header = *Network::dev().genesis();
/// let headers = Headers::new(&header, &[header.content_root], header.bits.target().unwrap());
/// let expected = Kernel::PORTABLE.search(&headers, 0, 1 << 16);
/// assert!(expected.is_some());
/// for kernel in Kernel::available() {
///     assert_eq!(kernel.search(&headers, 0, 1 << 16), expected, "{kernel:?}");
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Set);

impl Kernel {
    /// The reference for all other kernels.
    pub const PORTABLE: Self = Self(Set::Portable);

    /// Returns the kernels that this machine can run. The fastest on most machines come first, and
    /// [`Kernel::PORTABLE`] is last whatever its speed.
    pub fn available() -> impl Iterator<Item = Self> {
        Set::ALL.iter().copied().filter(|set| set.is_detected()).map(Self)
    }

    /// Returns the kernel that is fastest on most machines like this one. Processors differ, so a
    /// caller that has a clock may try all kernels.
    pub fn preferred() -> Self {
        Self::available().next().unwrap_or(Self::PORTABLE)
    }

    /// Returns the common name of its instruction set.
    pub const fn name(self) -> &'static str {
        self.0.name()
    }

    /// Returns the first try that meets the target, among all tries with the `nonces` nonces from
    /// `first` on. After the last nonce comes 0.
    pub fn search(self, headers: &Headers, first: u64, nonces: u64) -> Option<Hit> {
        let lanes = u64::from(self.0.lanes());
        let (mut next, mut left) = (first, nonces);
        while left > 0 {
            let (high, low) = halves(next);
            // The high word stays the same for this many nonces.
            let span = left.min((1 << 32) - u64::from(low));
            // SAFETY: a kernel holds a set that was detected, or the portable one.
            let passed = lanes * unsafe { self.0.scan(headers, high, low, span / lanes) };
            // This covers a batch that may hold a hit, or a rest that is smaller than a batch.
            let checked = (span - passed).min(lanes);
            let hit = portable::search(headers, next.wrapping_add(passed), checked);
            if hit.is_some() {
                return hit;
            }
            next = next.wrapping_add(passed + checked);
            left -= passed + checked;
        }
        None
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Returns a nonce's two words, the high one first.
const fn halves(nonce: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = nonce.to_be_bytes();
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
}

#[cfg(test)]
mod tests;
