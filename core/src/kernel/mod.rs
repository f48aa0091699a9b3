//! Search kernels: the loops that look for a nonce.
//!
//! [`portable`] is the meaning; kernels for instruction sets stand beside it, of the same shape, and must agree with it
//! on every nonce. This is the only place where `unsafe` may be.

pub mod portable;
