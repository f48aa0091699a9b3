//! Hints that something is read soon, so that memory that is far away is on its way before anything waits for it.
//!
//! Whoever goes through thousands of nodes one after the other, as the simulator does, waits for memory most of the time:
//! nothing of the next node is in any cache. Only time depends on a hint.

/// What is fetched at once, on most machines.
pub(crate) const CACHE_LINE_BYTES: usize = 64;

/// Whether hints do anything here: where they do not, nothing needs to be found out for their sake.
pub(crate) const HAS_HINTS: bool = cfg!(target_arch = "x86_64");

/// Has the cache line fetched in which a value begins, on processors that can be told so.
#[inline(always)]
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch changes nothing that a program sees and never faults; every x86-64 processor has SSE.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
