//! Prefetch hints: memory that is far away is on its way before the processor has to wait for it.
//!
//! A loop over thousands of nodes, such as the simulator's, waits for memory most of the time.
//! Nothing of the next node is in any cache. A hint affects only the time.

#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "a hint to the processor is an intrinsic"))]

/// The bytes that most machines fetch at once.
pub(crate) const CACHE_LINE_BYTES: usize = 64;

/// Whether hints have an effect here. Where they have none, callers need not prepare any.
pub(crate) const HAS_HINTS: bool = cfg!(target_arch = "x86_64");

/// Fetches the cache line in which a value begins, on processors that support it.
#[inline(always)]
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch has no effect that a program can observe, and never faults. Every x86-64
    // processor has SSE.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
